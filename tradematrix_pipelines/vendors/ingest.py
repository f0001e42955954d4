"""From a vendor's answers to whole sessions in every timeframe, for the fewest credits.

Where a session's minutes are complete, 5m, 15m and 1h are resampled from them at no cost; where they are not,
the vendor's own bars are asked for. The daily bar is the vendor's official one for exchange-traded symbols,
and the session's own for the others and where the vendor has none.

Here: which series serves which. Not here: calls and their failures (``series``, ``failover``), how their candles become
batches (``batches``), or storing (``storage``).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

import pandas as pd

from tradematrix_pipelines.candles.batch import SeriesBatch
from tradematrix_pipelines.candles.coverage import Status
from tradematrix_pipelines.markets.calendars import SessionCalendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.batches import BatchMaker
from tradematrix_pipelines.vendors.credits import BACKFILL
from tradematrix_pipelines.vendors.failover import SymbolFetch
from tradematrix_pipelines.vendors.pricing import expected_windows
from tradematrix_pipelines.vendors.progress import Progress
from tradematrix_pipelines.vendors.protocol import Vendor

M1, H1, D1 = Timeframe.M1, Timeframe.H1, Timeframe.D1
_SESSIONS_AT_ONCE = 20

ReadMinutes = Callable[[datetime, datetime], pd.DataFrame]
"""Returns the stored one-minute candles between two instants (half open)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What to bring in for one symbol.

    Attributes:
        dates: trade dates wanted, by timeframe; those of the calendar's closed days included.
        stored_minutes: trade dates whose minutes are stored, complete and final, with the vendor they came from.
        read_minutes: reads those minutes.
        held: trade dates wanted again although they are stored complete and final, with the vendors they came from: no
            less preferred vendor replaces them.
    """

    symbol: Symbol
    dates: Mapping[Timeframe, frozenset[date]]
    stored_minutes: Mapping[date, str]
    read_minutes: ReadMinutes
    held: Mapping[date, AbstractSet[str]] = field(default_factory=dict)


def ingest(
    vendors: Sequence[Vendor],
    wanted: Wanted,
    *,
    calendar: SessionCalendar,
    now: datetime,
    purpose: str = BACKFILL,
    progress: Progress | None = None,
) -> Iterator[list[SeriesBatch]]:
    """Yield batches of whole sessions, each list to be stored in one transaction, until all that is wanted is told.

    A session that could not be had is told too, as ``failed``, ``missing`` or ``partial`` coverage. Sessions that
    have not opened by ``now`` are left out, as is the daily bar of one that has not closed.

    Args:
        vendors: whom to ask, the preferred one first (``failover``).
        progress: a fresh one; it says at once what is expected, and then how far it is.
    """
    if progress is not None:
        progress.expected = expected_windows(
            vendors[0],
            wanted.symbol,
            dates=wanted.dates,
            stored_minutes=wanted.stored_minutes,
            calendar=calendar,
            now=now,
        )
    return _Ingest(vendors, wanted, calendar, now=now, purpose=purpose, progress=progress).run()


def _opening(session: Session) -> datetime:
    return session.opens_at


class _Ingest:
    """One symbol's ingestion: what is still wanted, and the steps that bring it in."""

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
        self.wanted, self.now, self.symbol = wanted, now, wanted.symbol
        self.preferred = vendors[0]
        self.batches = BatchMaker(wanted.symbol, preferred=vendors[0].name, now=now)
        dates = sorted(set().union(*wanted.dates.values()))
        self.between = calendar.sessions(dates[0], dates[-1]) if dates else []
        self.fetch = SymbolFetch(
            vendors,
            wanted.symbol,
            sessions=self.between,
            held=wanted.held,
            now=now,
            purpose=purpose,
            progress=progress,
        )
        self.own: dict[Timeframe, list[Session]] = defaultdict(list)
        """Sessions whose coarse bars have to come from the vendor."""

    def run(self) -> Iterator[list[SeriesBatch]]:
        yield from self._closed_days()
        yield from self._minutes()
        yield from self._stored_minutes()
        yield from self._own_bars()
        yield from self._official_days()

    def _closed_days(self) -> Iterator[list[SeriesBatch]]:
        open_dates = {session.trade_date for session in self.between}
        batches = [
            self.batches.closed(timeframe, sorted(dates - open_dates)) for timeframe, dates in self.wanted.dates.items()
        ]
        if any(batch.coverage for batch in batches):
            yield batches

    def _minutes(self) -> Iterator[list[SeriesBatch]]:
        for chunk in self.fetch.series(M1, self._sessions(M1)):
            minutes = self.batches.screened(chunk, M1)
            complete = {found.trade_date for found in minutes.coverage if found.status is Status.COMPLETE}
            sessions = [session for session in chunk.sessions if session.trade_date in complete]
            yield [minutes, *self._derived(minutes.candles, minutes.source, sessions)]
            self._leave_to_vendor([session for session in chunk.sessions if session.trade_date not in complete])

    def _stored_minutes(self) -> Iterator[list[SeriesBatch]]:
        fetched = self.wanted.dates.get(M1, frozenset())
        rest = [session for session in self.between if session.trade_date not in fetched and self._coarse(session)]
        source = self.wanted.stored_minutes
        self._leave_to_vendor([session for session in rest if session.trade_date not in source])
        stored = [session for session in rest if session.trade_date in source]
        for name, group in groupby(stored, key=lambda session: source[session.trade_date]):
            sessions = list(group)
            for start in range(0, len(sessions), _SESSIONS_AT_ONCE):
                some = sessions[start : start + _SESSIONS_AT_ONCE]
                minutes = self.wanted.read_minutes(some[0].opens_at, some[-1].closes_at)
                yield list(self._derived(minutes, name, some))

    def _own_bars(self) -> Iterator[list[SeriesBatch]]:
        """Ask for the vendor's own bars where the minutes don't serve; the session's day comes from its hours."""
        days = set(self.own.pop(D1, []))
        hours = set(self.own.get(H1, []))
        if days:
            self.own[H1] = list(days | hours)
        for timeframe, sessions in self.own.items():
            for chunk in self.fetch.series(timeframe, sorted(sessions, key=_opening)):
                bars = self.batches.screened(chunk, timeframe)
                batches = [] if timeframe is H1 and not hours.intersection(chunk.sessions) else [bars]
                if timeframe is H1 and (due := [session for session in chunk.sessions if session in days]):
                    batches.append(self.batches.day_from_hours(bars, due))
                yield batches

    def _official_days(self) -> Iterator[list[SeriesBatch]]:
        official = [session for session in self._sessions(D1) if self._has_official_day(session)]
        for chunk in self.fetch.series(D1, official):
            yield [self.batches.screened(chunk, D1)]

    def _sessions(self, timeframe: Timeframe) -> list[Session]:
        dates = self.wanted.dates.get(timeframe, frozenset())
        return [session for session in self.between if session.trade_date in dates and self._due(session, timeframe)]

    def _due(self, session: Session, timeframe: Timeframe) -> bool:
        return self.now >= (session.closes_at if timeframe is D1 else session.opens_at)

    def _has_official_day(self, session: Session) -> bool:
        return not self.symbol.quotes_all_day and self.preferred.lacks(self.symbol, D1, session.trade_date) is None

    def _coarse(self, session: Session) -> list[Timeframe]:
        """Return the timeframes wanted of this session that its minutes could serve."""
        return [
            timeframe
            for timeframe, dates in self.wanted.dates.items()
            if timeframe is not M1
            and session.trade_date in dates
            and self._due(session, timeframe)
            and not (timeframe is D1 and self._has_official_day(session))
        ]

    def _leave_to_vendor(self, sessions: Sequence[Session]) -> None:
        for session in sessions:
            for timeframe in self._coarse(session):
                self.own[timeframe].append(session)

    def _derived(self, minutes: pd.DataFrame, source: str, sessions: Sequence[Session]) -> Iterator[SeriesBatch]:
        due: dict[Timeframe, list[Session]] = defaultdict(list)
        for session in sessions:
            for timeframe in self._coarse(session):
                due[timeframe].append(session)
        for timeframe, some in due.items():
            yield self.batches.resampled(minutes, source, timeframe, some)
