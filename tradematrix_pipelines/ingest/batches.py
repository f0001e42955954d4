"""From vendors' bars to batches that can be stored: screened or resampled, covered and judged session by session.

Here: candles into batches. Not here: which series is fetched or resampled for which timeframe (``fetch_plan``).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

import pandas as pd

from tradematrix_pipelines.candles.coverage import Coverage, Status, Verdict, closed_day
from tradematrix_pipelines.candles.covering import cover_many
from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.candles.resample import resample
from tradematrix_pipelines.candles.screen import screen
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.judging import SessionJudge, covered, like_finer
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.tracing import span
from tradematrix_pipelines.vendors.errors import DayLimit, RefusedSession, VendorError
from tradematrix_pipelines.vendors.protocol import CandleAnswer


class BatchMaker:
    """Makes one symbol's batches, and keeps their coverage to explain why coarser series fail."""

    def __init__(self, symbol: Symbol, *, preferred: str, now: datetime, judge: SessionJudge | None = None) -> None:
        """Prepare to make batches.

        Args:
            preferred: name of the vendor that is recorded as the source where none served anything.
            judge: judges the sessions fetched; ``None`` where none of them is final.
        """
        self.symbol, self.preferred, self.now = symbol, preferred, now
        self._judge = judge
        self._known: dict[date, dict[Timeframe, Coverage]] = defaultdict(dict)

    def closed(self, timeframe: Timeframe, days: Sequence[date]) -> SeriesBatch:
        """Return the batch of days without a session."""
        coverage = tuple(closed_day(day, timeframe) for day in days)
        return SeriesBatch(symbol=self.symbol, timeframe=timeframe, coverage=coverage, source=self.preferred)

    def screened(
        self, sessions: tuple[Session, ...], answer: CandleAnswer | VendorError, timeframe: Timeframe
    ) -> SeriesBatch:
        """Return the batch of a vendor's own bars, or of the reason why there are none."""
        if isinstance(answer, VendorError):
            batch = self._failed(sessions, answer, timeframe)
        else:
            with span("screen", symbol=self.symbol.name, timeframe=str(timeframe), rows=len(answer.candles)):
                batch = self._kept(sessions, answer, timeframe)
        for coverage in batch.coverage:
            if coverage.verdict is not Verdict.REFUSED or coverage.status is Status.FAILED:
                self._known[coverage.trade_date][timeframe] = coverage
        return batch

    def resampled(
        self,
        finer: pd.DataFrame,
        source: str,
        timeframe: Timeframe,
        sessions: Sequence[Session],
        *,
        base: Timeframe = Timeframe.M1,
        finer_coverage: Iterable[Coverage] = (),
    ) -> SeriesBatch:
        """Return the batch of bars resampled from ``finer`` candles, which ``source`` served.

        Args:
            finer_coverage: of the sessions of ``finer``: what is thought of them is thought of the coarser ones.
        """
        bars = resample(finer, timeframe=timeframe, sessions=sessions, now=self.now, base=base)
        known = {row.trade_date: row for row in finer_coverage}
        coverage = tuple(
            like_finer(row, known.get(row.trade_date)) if row.is_settled else row
            for row in self._covered(bars, timeframe, sessions, source)
        )
        return SeriesBatch(symbol=self.symbol, timeframe=timeframe, candles=bars, coverage=coverage, source=source)

    def unfilled(self, timeframe: Timeframe, sessions: Sequence[Session]) -> SeriesBatch:
        """Return the batch of failed sessions, each with the reason why no finer series could serve it."""
        coverage = tuple(self._unfilled(timeframe, session) for session in sessions)
        return SeriesBatch(symbol=self.symbol, timeframe=timeframe, coverage=coverage, source=self.preferred)

    def _kept(self, sessions: tuple[Session, ...], answer: CandleAnswer, timeframe: Timeframe) -> SeriesBatch:
        kept = screen(
            answer.candles,
            timeframe=timeframe,
            sessions=sessions,
            now=self.now,
            price_range=self.symbol.price_range,
            cut_at_close=answer.cut_at_close,
        )
        coverage = self._covered(
            kept.candles, timeframe, sessions, answer.source, rejected=kept.rejected, raw=answer.candles
        )
        judgements, shift = {}, None
        if self._judge is not None:
            shift = self._judge.find_shift(answer.candles, sessions, timeframe)
            judgements = self._judge.judge(
                coverage,
                kept.candles,
                timeframe=timeframe,
                sessions=sessions,
                rejected=kept.rejected,
                raw=answer.candles,
                shift=shift,
            )
        if shift is not None:
            coverage = [row if row.ok or not row.received else replace(row, doubt=shift.message) for row in coverage]
        return SeriesBatch(
            symbol=self.symbol,
            timeframe=timeframe,
            candles=kept.candles,
            rejected=kept.rejected,
            coverage=tuple(covered(row, judgements) for row in coverage),
            source=answer.source,
            judgements=judgements,
        )

    def _failed(self, sessions: tuple[Session, ...], error: VendorError, timeframe: Timeframe) -> SeriesBatch:
        coverage = tuple(self._failure(session, timeframe, error) for session in sessions)
        return SeriesBatch(symbol=self.symbol, timeframe=timeframe, coverage=coverage, source=self.preferred)

    def _failure(self, session: Session, timeframe: Timeframe, error: VendorError) -> Coverage:
        incomplete = self._incomplete_finer(session, timeframe)
        return replace(
            self._empty(timeframe, session),
            status=Status.FAILED,
            error=f"{incomplete}, and {error}" if incomplete else str(error),
            retry_at=error.resumes_at if isinstance(error, DayLimit) else None,
            transient=error.retryable,
            verdict=Verdict.REFUSED if isinstance(error, RefusedSession) else None,
        )

    def _incomplete_finer(self, session: Session, timeframe: Timeframe) -> str | None:
        """Return what is wrong with the finest series that has bars of the session, but not all."""
        for finer, coverage in sorted(self._known[session.trade_date].items(), key=lambda item: item[0].minutes or 0):
            if finer is not timeframe and coverage.status in {Status.PARTIAL, Status.MISSING}:
                return f"its {finer} candles are not complete ({coverage.reason()})"
        return None

    def _unfilled(self, timeframe: Timeframe, session: Session) -> Coverage:
        known = self._known[session.trade_date]
        why = "; ".join(f"{finer}: {coverage.reason()}" for finer, coverage in known.items())
        waits = [coverage.retry_at for coverage in known.values() if coverage.retry_at is not None]
        return replace(
            self._empty(timeframe, session),
            status=Status.FAILED,
            error=f"no finer candles of the session are complete ({why})",
            retry_at=min(waits, default=None),
            transient=any(coverage.transient for coverage in known.values()),
        )

    def _empty(self, timeframe: Timeframe, session: Session) -> Coverage:
        [empty] = self._covered(empty_candles(), timeframe, [session], self.preferred)
        return empty

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
