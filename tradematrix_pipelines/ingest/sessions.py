"""From a vendor's answers to whole sessions in every timeframe.

Here: executing a fetch plan, series after series. Not here: which series serves which (``fetch_plan``), calls and their
failures (``series``, ``failover``), how their candles become batches (``batches``), or storing (``storage``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

import pandas as pd

from tradematrix_pipelines.candles.coverage import Coverage, Status, Verdict
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.batches import BatchMaker
from tradematrix_pipelines.ingest.failover import SymbolFetch
from tradematrix_pipelines.ingest.fetch_plan import Answer, Derive, Fetch, FetchPlan
from tradematrix_pipelines.ingest.history import History
from tradematrix_pipelines.ingest.judging import Record, SessionJudge, covered
from tradematrix_pipelines.ingest.pricing import expected_windows
from tradematrix_pipelines.ingest.progress import Progress
from tradematrix_pipelines.ingest.second_look import SecondLook
from tradematrix_pipelines.markets.calendars import SessionCalendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
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
        stored: by timeframe, the coverage of the trade dates that are stored complete and final and not wanted again.
        read: reads what is stored.
        protected: trade dates wanted again although they are stored complete and final, with the vendors they came
            from: no less preferred vendor replaces them.
        doubtful: trade dates wanted again because what is stored is doubtful, by timeframe: they are looked at twice.
        record: the sessions judged before.
        history: what is known of the start of the symbol's series; ``None`` = nothing, and nothing is asked.
    """

    symbol: Symbol
    dates: Mapping[Timeframe, frozenset[date]]
    stored: Mapping[Timeframe, Mapping[date, Coverage]]
    read: ReadCandles
    protected: Mapping[date, AbstractSet[str]] = field(default_factory=dict)
    doubtful: Mapping[Timeframe, AbstractSet[date]] = field(default_factory=dict)
    record: Record = field(default_factory=Record)
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
        dates = sorted(set().union(*wanted.dates.values()))
        self.judge = SessionJudge(symbol, calendar=calendar, dates=dates, record=wanted.record, now=now)
        self.batches = BatchMaker(symbol, preferred=preferred.name, now=now, judge=self.judge)
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
        self.second_look = SecondLook(
            vendors, symbol, judge=self.judge, now=now, purpose=purpose, progress=progress or Progress()
        )

    def run(self) -> Iterator[list[SeriesBatch]]:
        yield from self._closed_days()
        for step in self.plan.steps():
            match step:
                case Fetch(timeframe=timeframe, sessions=sessions):
                    yield from self._fetch(timeframe, sessions)
                case Derive(base=base, sessions=sessions):
                    yield from self._derived_from_stored(base, sessions)
        for timeframe, rest in self.plan.left().items():
            yield [self.batches.unfilled(timeframe, rest)]
        yield from self._reconciled()

    def _closed_days(self) -> Iterator[list[SeriesBatch]]:
        open_dates = {session.trade_date for session in self.between}
        batches = [
            self.batches.closed(timeframe, sorted(dates - open_dates)) for timeframe, dates in self.wanted.dates.items()
        ]
        if any(batch.coverage for batch in batches):
            yield batches

    def _fetch(self, timeframe: Timeframe, sessions: tuple[Session, ...]) -> Iterator[list[SeriesBatch]]:
        """Yield the batches of one series; sessions that are refused are asked of the vendors not yet asked."""
        while sessions:
            again: set[date] = set()
            for part, answer in self.fetch.series(timeframe, sessions):
                bars = self.batches.screened(part, answer, timeframe)
                refused = [row for row in bars.coverage if row.verdict is Verdict.REFUSED and row.received]
                for row in refused:
                    self.fetch.refuse(bars.source, timeframe, row.trade_date, row.doubt or "")
                if refused:
                    again |= {row.trade_date for row in refused}
                    yield [bars.refused(refused)]
                    bars = bars.only([row for row in bars.coverage if row.trade_date not in again])
                if bars.coverage:
                    yield self._fetched(part, answer, bars)
            sessions = tuple(session for session in sessions if session.trade_date in again)

    def _fetched(
        self, sessions: tuple[Session, ...], answer: CandleAnswer | VendorError, bars: SeriesBatch
    ) -> list[SeriesBatch]:
        timeframe = bars.timeframe
        looked_at = self.wanted.doubtful.get(timeframe, frozenset())
        if any(row.is_doubtful and row.trade_date in looked_at for row in bars.coverage):
            bars = self.second_look.settle(bars, [s for s in sessions if s.trade_date in looked_at])
        self.plan.record(timeframe, {coverage.trade_date: _answer(coverage, answer) for coverage in bars.coverage})
        complete = {coverage.trade_date for coverage in bars.coverage if coverage.status is Status.COMPLETE}
        ready = [session for session in sessions if session.trade_date in complete]
        return [*self._stored_part(bars), *self._derived(timeframe, bars.candles, bars.source, ready, bars.coverage)]

    def _stored_part(self, bars: SeriesBatch) -> list[SeriesBatch]:
        """Return the part of a batch that is to be stored."""
        wanted = [coverage for coverage in bars.coverage if self.plan.is_wanted(bars.timeframe, coverage.trade_date)]
        return [bars if len(wanted) == len(bars.coverage) else bars.only(wanted)] if wanted else []

    def _derived_from_stored(self, base: Timeframe, sessions: Sequence[Session]) -> Iterator[list[SeriesBatch]]:
        stored = self.wanted.stored[base]
        for name, group in groupby(sessions, key=lambda session: stored[session.trade_date].source or ""):
            ready = list(group)
            for start in range(0, len(ready), _SESSIONS_AT_ONCE):
                part = ready[start : start + _SESSIONS_AT_ONCE]
                candles = self.wanted.read(base, part[0].opens_at, part[-1].closes_at)
                yield self._derived(base, candles, name, part, stored.values())

    def _reconciled(self) -> Iterator[list[SeriesBatch]]:
        """Yield the official days that are stored, and not wanted again, judged by the candles that came in now."""
        days = {
            day: coverage
            for day, coverage in self.wanted.stored.get(Timeframe.D1, {}).items()
            if self.plan.is_official(day) and any(self.plan.was_answered(name, day) for name in INTRADAY)
        }
        sessions = [session for session in self.between if session.trade_date in days]
        for session in sessions:
            candles = self.wanted.read(Timeframe.D1, session.opens_at, session.closes_at)
            stored = days[session.trade_date]
            judgements = self.judge.judge([stored], candles, timeframe=Timeframe.D1, sessions=[session], stored=True)
            reconciled = covered(stored, judgements)
            if reconciled.verdict is not stored.verdict:
                yield [
                    SeriesBatch(
                        symbol=self.wanted.symbol,
                        timeframe=Timeframe.D1,
                        candles=candles,
                        coverage=(reconciled,),
                        source=stored.source or "",
                        judgements=judgements,
                    )
                ]

    def _derived(
        self,
        base: Timeframe,
        candles: pd.DataFrame,
        source: str,
        sessions: Sequence[Session],
        coverage: Iterable[Coverage],
    ) -> list[SeriesBatch]:
        return [
            self.batches.resampled(candles, source, timeframe, targets, base=base, finer_coverage=coverage)
            for timeframe, targets in self.plan.served_by(base, sessions).items()
        ]


def _answer(coverage: Coverage, answer: CandleAnswer | VendorError) -> Answer:
    if coverage.status is Status.COMPLETE:
        return Answer.COMPLETE
    incomplete = coverage.received or coverage.rejected or isinstance(answer, Unavailable)
    return Answer.INCOMPLETE if incomplete else Answer.EMPTY
