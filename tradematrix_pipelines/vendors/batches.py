"""From what vendors gave to batches that can be stored: screened or resampled, and judged session by session.

Here: candles into batches. Not here: which series is fetched or resampled for which timeframe (``ingest``).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

import pandas as pd

from tradematrix_pipelines.candles.batch import SeriesBatch
from tradematrix_pipelines.candles.coverage import Coverage, Status, closed_day, cover_many
from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.candles.resample import resample
from tradematrix_pipelines.candles.screen import screen
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import DayLimit, VendorError
from tradematrix_pipelines.vendors.series import Chunk


class BatchMaker:
    """Makes one symbol's batches, and remembers what became of its minutes: where they are torn, they are a reason."""

    def __init__(self, symbol: Symbol, *, preferred: str, now: datetime) -> None:
        """``preferred``: name of the vendor that is told as the source where nobody served anything."""
        self.symbol, self.preferred, self.now = symbol, preferred, now
        self._minutes: dict[date, Coverage] = {}

    def closed(self, timeframe: Timeframe, days: Sequence[date]) -> SeriesBatch:
        """Return the batch of days without a session."""
        coverage = tuple(closed_day(day, timeframe) for day in days)
        return SeriesBatch(symbol=self.symbol, timeframe=timeframe, coverage=coverage, source=self.preferred)

    def screened(self, chunk: Chunk, timeframe: Timeframe) -> SeriesBatch:
        """Return the batch of a vendor's own bars, or of the reason why there are none."""
        batch = self._kept(chunk, timeframe) if chunk.error is None else self._failed(chunk, timeframe, chunk.error)
        if timeframe is Timeframe.M1:
            self._minutes |= {found.trade_date: found for found in batch.coverage}
        return batch

    def resampled(
        self,
        finer: pd.DataFrame,
        source: str,
        timeframe: Timeframe,
        sessions: Sequence[Session],
        base: Timeframe = Timeframe.M1,
    ) -> SeriesBatch:
        """Return the batch of bars made from ``finer`` candles, which ``source`` served."""
        bars = resample(finer, timeframe=timeframe, sessions=sessions, now=self.now, base=base)
        coverage = self._covered(bars, timeframe, sessions, source)
        return SeriesBatch(
            symbol=self.symbol, timeframe=timeframe, candles=bars, coverage=tuple(coverage), source=source
        )

    def day_from_hours(self, hours: SeriesBatch, sessions: Sequence[Session]) -> SeriesBatch:
        """Return the batch of days that whole hours make; a day whose hours are not all there says so."""
        found = {coverage.trade_date: coverage for coverage in hours.coverage}
        whole = [session for session in sessions if found[session.trade_date].status is Status.COMPLETE]
        day = self.resampled(hours.candles, hours.source, Timeframe.D1, whole, base=Timeframe.H1)
        torn = [_torn_day(found[session.trade_date]) for session in sessions if session not in whole]
        return replace(day, coverage=(*day.coverage, *torn))

    def _kept(self, chunk: Chunk, timeframe: Timeframe) -> SeriesBatch:
        kept = screen(
            chunk.raw,
            timeframe=timeframe,
            sessions=chunk.sessions,
            now=self.now,
            price_range=self.symbol.price_range,
            cut_at_close=chunk.cut_at_close,
        )
        coverage = self._covered(
            kept.candles, timeframe, chunk.sessions, chunk.source, rejected=kept.rejected, raw=chunk.raw
        )
        return SeriesBatch(
            symbol=self.symbol,
            timeframe=timeframe,
            candles=kept.candles,
            rejected=kept.rejected,
            coverage=tuple(coverage),
            source=chunk.source,
        )

    def _failed(self, chunk: Chunk, timeframe: Timeframe, error: VendorError) -> SeriesBatch:
        coverage = tuple(self._failure(session, timeframe, error) for session in chunk.sessions)
        return SeriesBatch(symbol=self.symbol, timeframe=timeframe, coverage=coverage, source=chunk.source)

    def _failure(self, session: Session, timeframe: Timeframe, error: VendorError) -> Coverage:
        [empty] = self._covered(empty_candles(), timeframe, [session], self.preferred)
        minutes = self._minutes.get(session.trade_date)
        torn = minutes is not None and minutes.status in {Status.PARTIAL, Status.MISSING}
        told = f"its minutes are not complete ({minutes.reason()}), and {error}" if minutes and torn else str(error)
        return replace(
            empty,
            status=Status.FAILED,
            error=told,
            retry_at=error.resumes_at if isinstance(error, DayLimit) else None,
            transient=error.retryable,
        )

    def _covered(
        self,
        candles: pd.DataFrame,
        timeframe: Timeframe,
        sessions: Sequence[Session],
        source: str,
        *,
        rejected: pd.DataFrame | None = None,
        raw: pd.DataFrame | None = None,
    ) -> list[Coverage]:
        return cover_many(
            candles["ts"],
            timeframe=timeframe,
            sessions=sessions,
            now=self.now,
            gap_tolerance=self.symbol.gap_tolerance,
            rejected=None if rejected is None else rejected["ts"],
            raw=None if raw is None else raw["ts"],
            source=source,
        )


def _torn_day(hours: Coverage) -> Coverage:
    """Return the coverage of a day whose hours are not all there: what became of them, it says of itself."""
    told = f"no day without its hours: {hours.reason()}"
    return replace(hours, timeframe=Timeframe.D1, expected=1, received=0, error=told)
