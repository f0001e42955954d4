"""What the books of a symbol's sessions are computed from, as it is stored, and the books.

Here: which stored sessions are usable, in which units. Not here: the levels (``levels.book``), nor where these are
stored (``level_book``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from tradematrix_pipelines.candles.adjusting import in_units_of
from tradematrix_pipelines.candles.coverage import Status, Verdict
from tradematrix_pipelines.levels.book.book import level_book
from tradematrix_pipelines.levels.book.history import DailyHistory, Day
from tradematrix_pipelines.levels.book.kinds import INTRADAY
from tradematrix_pipelines.levels.book.model import Absent, BookContext, BookLevel, Kind, Minutes, Source
from tradematrix_pipelines.markets.calendars import SessionCalendar, calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.live import waiting
from tradematrix_pipelines.quality.thresholds import Thresholds
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_book import SessionBook
from tradematrix_pipelines.storage.pruned_sessions import pruned_dates
from tradematrix_pipelines.storage.sessions import read_sessions

HISTORY = timedelta(days=400)
"""How far back levels reach: to the first session of the year, the quarter before, and Wilder's average."""

_DOUBTFUL = str(Verdict.DOUBTFUL)
_M1, _D1 = Timeframe.M1, Timeframe.D1


@dataclass(frozen=True, kw_only=True, slots=True)
class ComputedBook:
    """The book of one session.

    Attributes:
        absent: what it does not have, by kind.
        has_last: whether the session before it is usable.
    """

    book: SessionBook
    absent: Mapping[Kind, Sequence[Absent]]
    has_last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BookReader:
    """Reads what books are computed from.

    Attributes:
        now: aware, UTC; sessions that close later are open.
        allow_doubtful: whether doubtful sessions are usable, too.
        history: how much before a session it reads daily candles.
    """

    database: Database
    symbol: Symbol
    now: datetime
    allow_doubtful: bool = False
    history: timedelta = HISTORY

    @property
    def calendar(self) -> SessionCalendar:
        """The symbol's."""
        return calendar_of(self.symbol)

    def frozen(self, dates: Sequence[date]) -> set[date]:
        """Return those of these trade dates whose books can't be computed again: candles were pruned."""
        sessions = [session for day in dates if (session := self.calendar.session(day)) is not None]
        if not sessions:
            return set()
        engine, first, last = self.database.engine, min(dates), max(dates)
        before = {session.trade_date: self.calendar.previous(session.trade_date).trade_date for session in sessions}
        minutes = set(pruned_dates(engine, self.symbol, _M1, min(before.values()), last))
        days = pruned_dates(engine, self.symbol, _D1, first - self.history, last)
        return {
            day
            for day, previous in before.items()
            if {day, previous} & minutes or (days and days[-1] >= day - self.history)
        }

    def read(self, first: Session, last: Session) -> "BookInputs":
        """Return what the books of the sessions between these two, both included, are computed from."""
        before = self.calendar.previous(first.trade_date).trade_date
        days = self._read(_D1, first.trade_date - self.history, last.trade_date)
        minutes = self._read(_M1, before, last.trade_date)
        doubtful = frozenset(
            (timeframe, day)
            for timeframe, rows in ((_D1, days), (_M1, minutes))
            for day in rows.loc[rows["verdict"] == _DOUBTFUL, "trade_date"].unique()
        )
        by_session: dict[Any, pd.DataFrame] = dict(iter(minutes.groupby("trade_date")))
        return BookInputs(self.symbol, self.calendar, self.now, days, by_session, doubtful)

    def _read(self, timeframe: Timeframe, first: date, last: date) -> pd.DataFrame:
        rows = read_sessions(self.database, [self.symbol], timeframe, first, last)
        usable = rows["status"] == str(Status.COMPLETE)
        if timeframe is _M1:
            usable |= rows["final"].eq(other=False)  # so far: ``parts`` looks whether enough of them are there
        else:
            usable &= rows["final"].eq(other=True)
        if not self.allow_doubtful:
            usable &= rows["verdict"] != _DOUBTFUL
        return rows[usable]


@dataclass(frozen=True, slots=True)
class BookInputs:
    """What the books of several sessions are computed from.

    Attributes:
        days: the usable daily candles.
        minutes: the usable minutes by trade date.
        doubtful: the timeframe and trade date of those that are doubtful.
    """

    symbol: Symbol
    calendar: SessionCalendar
    now: datetime
    days: pd.DataFrame
    minutes: Mapping[date, pd.DataFrame]
    doubtful: frozenset[tuple[Timeframe, date]]
    _by_units: dict[date | None, dict[date, Day]] = field(default_factory=dict, compare=False, repr=False)

    def day(self, session: Session) -> Day | None:
        """Return the daily candle of a session in its own units; ``None`` where it is not usable."""
        return self._days(session.trade_date).get(session.trade_date)

    def minutes_of(self, session: Session) -> Minutes | None:
        """Return the minutes of a session that is over in its own units; ``None`` where they are not usable."""
        return self._minutes(session, session, final=True)

    def book(self, session: Session, kinds: Iterable[Kind]) -> ComputedBook:
        """Return the book of a session, with these kinds."""
        kinds, last = list(kinds), self.calendar.previous(session.trade_date)
        days = DailyHistory(self._days(session.trade_date), self.calendar, session.trade_date)
        context = BookContext(
            symbol=self.symbol,
            calendar=self.calendar,
            session=session,
            days=days,
            last_minutes=self._minutes(last, session, final=True),
            minutes=self._minutes(session, session, final=self.now >= session.closes_at),
            now=self.now,
        )
        known = level_book(context, self.now, kinds=kinds)
        book = SessionBook(
            symbol=self.symbol,
            trade_date=session.trade_date,
            levels=known.levels,
            doubtful=frozenset((level.kind, level.name) for level in known.levels if self._is_doubtful(level)),
            # Without minutes, what was known while the session ran stays.
            whole=[kind for kind in kinds if kind not in INTRADAY or context.minutes is not None],
        )
        return ComputedBook(book=book, absent=known.absent, has_last=last.trade_date in days.by_date)

    def _days(self, units: date) -> dict[date, Day]:
        # Without a split the units are those of every date, and so are the days.
        key = units if self.symbol.splits else None
        if key not in self._by_units:
            self._by_units[key] = self._days_in(units)
        return self._by_units[key]

    def _days_in(self, units: date) -> dict[date, Day]:
        rows = in_units_of(self.days, units, symbol=self.symbol, calendar=self.calendar, daily=True)
        columns = [rows[name].tolist() for name in ("trade_date", "open", "high", "low", "close")]
        return {
            day: Day(first=day, last=day, closes_at=session.closes_at, open=open_, high=high, low=low, close=close)
            for day, open_, high, low, close in zip(*columns, strict=True)
            if (session := self.calendar.session(day)) is not None
        }

    def _minutes(self, of: Session, session: Session, *, final: bool) -> Minutes | None:
        """Return the minutes of a session; ``None`` where there are none, or it is over and they are not ``final``."""
        rows = self.minutes.get(of.trade_date)
        if rows is None or (final and not rows["final"].all()):
            return None
        if not final:
            far = waiting(rows, thresholds=Thresholds.with_overrides(self.symbol.thresholds))
            rows = rows[~far]
        return Minutes.of(
            in_units_of(rows, session.trade_date, symbol=self.symbol, calendar=self.calendar, daily=False)
        )

    def _is_doubtful(self, level: BookLevel) -> bool:
        return any(self._comes_from(level.source, key) for key in self.doubtful)

    @staticmethod
    def _comes_from(source: Source, key: tuple[Timeframe, date]) -> bool:
        timeframe, day = key
        return timeframe is source.timeframe and source.first <= day <= source.last
