"""The backlog: all that is to be fetched or computed (again), why, and when.

Everybody asks here: closes, deadlines, healing, resuming after a limit, ``retry``, ``coverage --open`` and alerts. It
follows from what is stored, so the next tick makes up for a missed one. Not here: in which runs it is done (``runs``),
or how many credits healing may spend (``healing``).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median
from types import MappingProxyType

from tradematrix_pipelines.automation.requests import LEVELS, Target
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

SETTLING = timedelta(minutes=2)
"""From a session's close until it is fetched: vendors publish the last minute and the official day late."""

LOOKBACK = timedelta(days=30)
"""How far back a machine that was off catches up by itself, from the first session that is stored."""

MOST_ATTEMPTS = 8
"""Attempts after a session's close before it is exhausted; a run's own retries count."""

SPARSE = 0.8
"""A session with less than this part of its symbol's usual number of bars is sparse."""

_NONE_PAUSED: Mapping[date, bool] = MappingProxyType({})

_FIRST_SESSIONS = 5
"""Sessions that are fetched where nothing is stored yet."""

_SPARSE_ATTEMPTS = 2
_LOOKS = 2
_USUAL_SESSIONS = 5
_FIRST_PAUSE = timedelta(minutes=5)
_QUICK_ATTEMPTS = 3
_LONGEST_WAIT = timedelta(days=1)


class Cause(StrEnum):
    """Why something is in the backlog."""

    CLOSED = "closed"
    """The session has closed and was not fetched since."""
    INCOMPLETE = "incomplete"
    """The session was fetched since it closed, and is not complete."""
    CREDITS = "credits"
    """The same, because the day's credits were spent."""
    CLOSURE = "closure"
    """Nothing came of any symbol of its exchange, which may have been closed: it waits for a person."""
    SPARSE = "sparse"
    """The session is complete, with far fewer bars than is usual."""
    DOUBTFUL = "doubtful"
    """The session is complete, and can't be believed before it was looked at twice."""
    LEVELS = "levels"
    """Levels are not computed, or not from what is stored now of the session they come from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchTask:
    """One item of the backlog.

    Attributes:
        timeframe: of the series to fetch; ``None`` for levels to compute.
        changed_at: when the state that makes it necessary changed, aware, UTC; ``None`` where nothing is stored.
        next_attempt: from when on it is done by itself, aware, UTC; ``None`` where it is exhausted.
        row: the coverage of the session to fetch, ``None`` where there is none; of levels, of the day they come from.
    """

    symbol: Symbol
    trade_date: date
    timeframe: Timeframe | None
    cause: Cause
    changed_at: datetime | None
    next_attempt: datetime | None
    row: StoredCoverage | None = None

    @property
    def target(self) -> Target:
        """What a run is requested for."""
        asset = LEVELS if self.timeframe is None else f"ohlc_{self.timeframe}"
        return Target(self.symbol.name, self.trade_date, asset)

    @property
    def reason(self) -> str:
        """One line that explains it to a person."""
        if self.cause is Cause.LEVELS:
            return "not computed yet"
        if self.cause is Cause.SPARSE:
            return "far fewer bars than usual"
        if self.cause is Cause.CLOSURE:
            return "no symbol of its exchange has a bar: was it closed? see `tradematrix alerts list`"
        if self.needs_person:
            accept = f"tradematrix accept {self.symbol.name} {self.trade_date} --reason …"
            return f"{self._state}; accept it, if it is right: {accept}"
        return self._state

    @property
    def needs_person(self) -> bool:
        """Whether a person has to look at it: what could be done by itself is done, and it is still not believed."""
        return self.cause is Cause.DOUBTFUL and self.next_attempt is None

    @property
    def _state(self) -> str:
        return "not fetched yet" if self.row is None else self.row.coverage.reason()

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be done at ``now``."""
        return self.next_attempt is not None and self.next_attempt <= now


def backlog(
    symbol: Symbol,
    rows: Sequence[StoredCoverage],
    now: datetime,
    *,
    history_start: date | None = None,
    levels: Collection[date] | None = None,
    paused: Mapping[date, bool] = _NONE_PAUSED,
) -> list[FetchTask]:
    """Return what is to be fetched or computed of ``symbol``: candles by trade date and timeframe, then levels.

    Args:
        rows: coverage of the symbol.
        history_start: first trade date of the partitions. Where it is given, the sessions of the last 30 days that were
            never fetched belong to the backlog, and nothing before it does.
        levels: trade dates whose stored levels match the day that they come from. Where it is given, the others that
            follow from ``rows`` belong to the backlog.
        paused: trade dates of surprise closures, and whether the symbol's minutes stand for all
            (``closures.paused_sessions``).
    """
    # Pruned sessions are known, so that nothing fetches them again, nor makes levels of what is not there.
    kept = [row for row in rows if not row.coverage.is_pruned]
    candles = [*_stored(symbol, kept, now, paused), *_sparse(symbol, kept, now), *_doubtful(symbol, kept, now)]
    if history_start is not None:
        candles = [task for task in candles if task.trade_date >= history_start]
        candles += _never_fetched(symbol, rows, now, history_start)
    order = list(Timeframe)
    candles.sort(key=lambda task: (task.trade_date, order.index(task.timeframe or Timeframe.D1)))
    return [*candles, *(() if levels is None else _levels(symbol, kept, now, levels))]


def find_sparse(rows: Iterable[StoredCoverage]) -> list[StoredCoverage]:
    """Return the complete sessions of one symbol's minutes that have far fewer bars than is usual for it.

    Only symbols with a gap tolerance have any: other sessions are complete with every minute only.
    """
    complete = [
        row
        for row in rows
        if row.coverage.timeframe is Timeframe.M1
        and row.coverage.expected
        and row.coverage.is_settled
        and not row.coverage.is_doubtful
    ]
    if len(complete) < _USUAL_SESSIONS:
        return []
    usual = median(_share(row) for row in complete)
    return [row for row in complete if _share(row) < SPARSE * usual]


def retry_pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: 5 minutes at first, then four times as long after each."""
    times: int = 4 ** max(0, attempts - _QUICK_ATTEMPTS)
    return _FIRST_PAUSE * times


def _stored(
    symbol: Symbol, rows: Iterable[StoredCoverage], now: datetime, paused: Mapping[date, bool]
) -> Iterator[FetchTask]:
    calendar = calendar_of(symbol)
    for row in rows:
        coverage = row.coverage
        if coverage.closes_at is None or coverage.closes_at > now or coverage.is_settled:
            continue
        # A run that was under way when the calendar was corrected may have stored what is no session any more.
        if calendar.session(coverage.trade_date) is None:
            continue
        settled_at = coverage.closes_at + SETTLING
        cause, next_attempt = Cause.INCOMPLETE, _next_attempt(row, now, most=MOST_ATTEMPTS)
        if row.checked_at < settled_at:
            cause, next_attempt = Cause.CLOSED, settled_at
        elif coverage.retry_at is not None:
            # A reset further away than is possible was set by a clock that has been set back since.
            possible = coverage.retry_at <= now + _LONGEST_WAIT
            cause, next_attempt = Cause.CREDITS, coverage.retry_at if possible else now
        elif coverage.trade_date in paused:
            asks = paused[coverage.trade_date] and coverage.timeframe is Timeframe.M1
            cause, next_attempt = (cause, next_attempt) if asks and next_attempt else (Cause.CLOSURE, None)
        yield _task(symbol, row, cause, next_attempt)


def _sparse(symbol: Symbol, rows: Sequence[StoredCoverage], now: datetime) -> Iterator[FetchTask]:
    for row in find_sparse(rows):
        yield _task(symbol, row, Cause.SPARSE, _next_attempt(row, now, most=_SPARSE_ATTEMPTS))


def _doubtful(symbol: Symbol, rows: Iterable[StoredCoverage], now: datetime) -> Iterator[FetchTask]:
    for row in rows:
        if row.coverage.is_doubtful:
            yield _task(symbol, row, Cause.DOUBTFUL, _next_attempt(row, now, most=_LOOKS))


def _never_fetched(
    symbol: Symbol, rows: Sequence[StoredCoverage], now: datetime, history_start: date
) -> Iterator[FetchTask]:
    known = {(row.coverage.trade_date, row.coverage.timeframe) for row in rows}
    begun = min((day for day, _ in known), default=date.max)
    sessions = _closed_sessions(symbol, now, since=history_start)
    for place, session in enumerate(sessions):
        if session.trade_date < begun and place < len(sessions) - _FIRST_SESSIONS:
            continue
        for timeframe in Timeframe:
            if (session.trade_date, timeframe) not in known:
                yield FetchTask(
                    symbol=symbol,
                    trade_date=session.trade_date,
                    timeframe=timeframe,
                    cause=Cause.CLOSED,
                    changed_at=None,
                    next_attempt=session.closes_at + SETTLING,
                )


def _closed_sessions(symbol: Symbol, now: datetime, *, since: date) -> list[Session]:
    """Return the sessions of the last 30 days, none before ``since``, that have closed and settled at ``now``."""
    first = max(since, (now - LOOKBACK).date())
    sessions = calendar_of(symbol).sessions(first, now.date() + timedelta(days=1))
    return [session for session in sessions if session.closes_at + SETTLING <= now]


def _levels(
    symbol: Symbol, rows: Iterable[StoredCoverage], now: datetime, stored: Collection[date]
) -> Iterator[FetchTask]:
    calendar = calendar_of(symbol)
    for row in rows:
        day = row.coverage
        if day.timeframe is not Timeframe.D1 or not day.is_settled or not day.received or day.is_doubtful:
            continue
        if day.closes_at is None or day.closes_at > now:
            continue
        trade_date = calendar.next(day.trade_date).trade_date
        if trade_date not in stored:
            yield FetchTask(
                symbol=symbol,
                trade_date=trade_date,
                timeframe=None,
                cause=Cause.LEVELS,
                changed_at=row.checked_at,
                next_attempt=now,
                row=row,
            )


def _task(symbol: Symbol, row: StoredCoverage, cause: Cause, next_attempt: datetime | None) -> FetchTask:
    return FetchTask(
        symbol=symbol,
        trade_date=row.coverage.trade_date,
        timeframe=row.coverage.timeframe,
        cause=cause,
        changed_at=row.checked_at,
        next_attempt=next_attempt,
        row=row,
    )


def _next_attempt(row: StoredCoverage, now: datetime, *, most: int) -> datetime | None:
    """Return when a session is fetched again after its last attempt; ``None`` = it is exhausted."""
    if row.attempts >= most:
        return None
    # An attempt in the future was made by a clock that has been set back since: ignore it.
    return now if row.checked_at > now else row.checked_at + retry_pause(row.attempts)


def _share(row: StoredCoverage) -> float:
    return row.coverage.received / row.coverage.expected
