"""From a vendor's answers to whole sessions in every timeframe.

Here: executing a fetch plan, series after series. Not here: which series serves which (``fetch_plan``), calls and their
failures (``series``, ``failover``), how their candles become batches (``batches``), or storing (``storage``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

import pandas as pd

from tradematrix_pipelines.candles.batch import SeriesBatch
from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.ingest.batches import BatchMaker
from tradematrix_pipelines.ingest.failover import SymbolFetch
from tradematrix_pipelines.ingest.fetch_plan import Answer, Derive, Fetch, FetchPlan
from tradematrix_pipelines.ingest.history import History
from tradematrix_pipelines.ingest.pricing import expected_windows
from tradematrix_pipelines.ingest.progress import Progress
from tradematrix_pipelines.markets.calendars import SessionCalendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import BACKFILL
from tradematrix_pipelines.vendors.errors import Unavailable, VendorError
from tradematrix_pipelines.vendors.protocol import CandleAnswer, Vendor

_SESSIONS_AT_ONCE = 20

ReadCandles = Callable[[Timeframe, datetime, datetime], pd.DataFrame]
"""Returns the stored candles of a timeframe between two instants (half open)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What to fetch for one symbol.

    Attributes:
        dates: trade dates wanted, by timeframe; those of the calendar's closed days included.
        stored: by timeframe, trade dates that are stored complete and final and not wanted again, with the vendor that
            they came from.
        read: reads what is stored.
        protected: trade dates wanted again although they are stored complete and final, with the vendors they came
            from: no less preferred vendor replaces them.
        history: what is known of the start of the symbol's series; ``None`` = nothing, and nothing is asked.
    """

    symbol: Symbol
    dates: Mapping[Timeframe, frozenset[date]]
    stored: Mapping[Timeframe, Mapping[date, str]]
    read: ReadCandles
    protected: Mapping[date, AbstractSet[str]] = field(default_factory=dict)
    history: History | None = None


def ingest(
    vendors: Sequence[Vendor],
    wanted: Wanted,
    *,
    calendar: SessionCalendar,
    now: datetime,
    purpose: str = BACKFILL,
    progress: Progress | None = None,
) -> Iterator[list[SeriesBatch]]:
    """Yield batches of whole sessions, each list to be stored in one transaction, until everything wanted is covered.

    A session that could not be served is covered too, as ``failed``, ``missing`` or ``partial`` coverage. Sessions that
    have not opened by ``now`` are left out, as is the daily bar of one that has not closed.

    Args:
        vendors: vendors to ask, the preferred one first (``failover``).
        progress: a fresh one; the expected windows are set at once, and it is then updated with each.
    """
    if progress is not None:
        progress.expected = expected_windows(
            vendors[0],
            wanted.symbol,
            dates=wanted.dates,
            stored=wanted.stored,
            calendar=calendar,
            now=now,
            history=wanted.history,
        )
    return _Ingest(vendors, wanted, calendar, now=now, purpose=purpose, progress=progress).run()


class _Ingest:
    """One symbol's ingestion: the plan, and the execution of its steps."""

    def __init__(
        self,
        vendors: Sequence[Vendor],
        wanted: Wanted,
        calendar: SessionCalendar,
        *,
        now: datetime,
        purpose: str,
        progress: Progress | None,
    ) -> None:
        self.wanted, symbol, preferred = wanted, wanted.symbol, vendors[0]
        history = wanted.history or History(symbol=symbol)
        self.batches = BatchMaker(symbol, preferred=preferred.name, now=now)
        dates = sorted(set().union(*wanted.dates.values()))
        self.between = calendar.sessions(dates[0], dates[-1]) if dates else []
        self.plan = FetchPlan(
            symbol,
            wanted=wanted.dates,
            stored=wanted.stored,
            sessions=self.between,
            has_days=lambda day: history.unavailable_reason(preferred, Timeframe.D1, day) is None,
            now=now,
        )
        self.fetch = SymbolFetch(
            vendors,
            symbol,
            sessions=self.between,
            protected=wanted.protected,
            now=now,
            purpose=purpose,
            progress=progress,
            history=history,
        )

    def run(self) -> Iterator[list[SeriesBatch]]:
        yield from self._closed_days()
        for step in self.plan.steps():
            match step:
                case Fetch(timeframe=timeframe, sessions=sessions):
                    for part, answer in self.fetch.series(timeframe, sessions):
                        yield self._fetched(part, answer, timeframe)
                case Derive(base=base, sessions=sessions):
                    yield from self._derived_from_stored(base, sessions)
        for timeframe, rest in self.plan.left().items():
            yield [self.batches.unfilled(timeframe, rest)]

    def _closed_days(self) -> Iterator[list[SeriesBatch]]:
        open_dates = {session.trade_date for session in self.between}
        batches = [
            self.batches.closed(timeframe, sorted(dates - open_dates)) for timeframe, dates in self.wanted.dates.items()
        ]
        if any(batch.coverage for batch in batches):
            yield batches

    def _fetched(
        self, sessions: tuple[Session, ...], answer: CandleAnswer | VendorError, timeframe: Timeframe
    ) -> list[SeriesBatch]:
        bars = self.batches.screened(sessions, answer, timeframe)
        self.plan.record(timeframe, {coverage.trade_date: _answer(coverage, answer) for coverage in bars.coverage})
        complete = {coverage.trade_date for coverage in bars.coverage if coverage.status is Status.COMPLETE}
        ready = [session for session in sessions if session.trade_date in complete]
        return [*self._stored_part(bars), *self._derived(timeframe, bars.candles, bars.source, ready)]

    def _stored_part(self, bars: SeriesBatch) -> list[SeriesBatch]:
        """Return the part of a batch that is to be stored."""
        wanted = [coverage for coverage in bars.coverage if self.plan.is_wanted(bars.timeframe, coverage.trade_date)]
        return [bars if len(wanted) == len(bars.coverage) else bars.only(wanted)] if wanted else []

    def _derived_from_stored(self, base: Timeframe, sessions: Sequence[Session]) -> Iterator[list[SeriesBatch]]:
        source = self.wanted.stored[base]
        for name, group in groupby(sessions, key=lambda session: source[session.trade_date]):
            ready = list(group)
            for start in range(0, len(ready), _SESSIONS_AT_ONCE):
                part = ready[start : start + _SESSIONS_AT_ONCE]
                candles = self.wanted.read(base, part[0].opens_at, part[-1].closes_at)
                yield self._derived(base, candles, name, part)

    def _derived(
        self, base: Timeframe, candles: pd.DataFrame, source: str, sessions: Sequence[Session]
    ) -> list[SeriesBatch]:
        return [
            self.batches.resampled(candles, source, timeframe, targets, base=base)
            for timeframe, targets in self.plan.served_by(base, sessions).items()
        ]


def _answer(coverage: Coverage, answer: CandleAnswer | VendorError) -> Answer:
    if coverage.status is Status.COMPLETE:
        return Answer.COMPLETE
    incomplete = coverage.received or coverage.rejected or isinstance(answer, Unavailable)
    return Answer.INCOMPLETE if incomplete else Answer.EMPTY
