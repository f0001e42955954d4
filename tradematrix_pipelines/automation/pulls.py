"""Which symbols to pull now: the day's credits are spread over its remaining open minutes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil

from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.vendors.credits import Plan, day_resets_at

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
KEPT = 0.05
"""Part of a day's credits that live pulls leave for failures; the closes to come are reserved besides."""

_DOUBLINGS = 6
_LONGEST_PAUSE = timedelta(hours=1)
_SILENT_PART = 4

BUSY = 0.8
"""Part of a minute's credits that live pulls may use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CreditState:
    """What may be spent: the plan, and what is left of the UTC day (``None`` = no limit)."""

    plan: Plan
    day_left: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LastPull:
    """The newest pull of a session.

    Attributes:
        at: when it was, aware, UTC.
        without_result: number of pulls so far, where none of them brought a bar and the last one failed; else 0.
        silent: whether the vendor answered, and no pull has brought a bar yet.
    """

    at: datetime
    without_result: int = 0
    silent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulls:
    """The decision of one minute.

    Attributes:
        due: the symbols to pull now, with their open session, stalest first.
        waiting: why a symbol is not pulled now, by its name.
        every: minutes from one pull of a symbol to the next; ``None`` = the day's credits are spent.
    """

    due: tuple[tuple[Symbol, Session], ...]
    waiting: Mapping[str, str]
    every: int | None


def decide_pulls(
    now: datetime,
    symbols: Sequence[Symbol],
    *,
    spendable: CreditState,
    last_pulls: Mapping[tuple[str, date], LastPull],
) -> Pulls:
    """Return which symbols to pull at ``now``.

    Args:
        symbols: the active ones.
        last_pulls: the newest pull, by symbol and trade date.
    """
    every = pull_interval(now, symbols, spendable=spendable)
    candidates: list[tuple[datetime, Symbol, Session]] = []
    waiting: dict[str, str] = {}
    for symbol in symbols:
        session = calendar_of(symbol).at(now)
        last = None if session is None else last_pulls.get((symbol.name, session.trade_date))
        reason = _why_not(now, symbol, session, last=last, every=every, left=spendable.day_left)
        if session is None or reason is not None:
            waiting[symbol.name] = reason or ""
        else:
            candidates.append((session.opens_at if last is None else last.at, symbol, session))
    candidates.sort(key=lambda candidate: candidate[0])
    room = len(candidates) if spendable.plan.per_minute is None else spendable.plan.per_minute
    waiting |= {symbol.name: "the minute's credits go to staler symbols" for _, symbol, _ in candidates[room:]}
    due = tuple((symbol, session) for _, symbol, session in candidates[:room])
    return Pulls(due=due, waiting=waiting, every=every)


def pull_interval(now: datetime, symbols: Sequence[Symbol], *, spendable: CreditState) -> int | None:
    """Return the minutes from one pull of a symbol to the next that the credits allow; ``None`` = none are left."""
    minutes, closes, most = 0, 0, 0
    until = day_resets_at(now)
    for symbol in symbols:
        most += 1
        for session in _sessions(symbol, now, until):
            minutes += max(0, ceil((min(session.closes_at, until) - max(session.opens_at, now)) / _MINUTE))
            if now < session.closes_at <= until:
                closes += close_cost(symbol)
    every = 1 if spendable.plan.per_minute is None else ceil(most / max(1.0, spendable.plan.per_minute * BUSY))
    if spendable.plan.per_day is None or spendable.day_left is None or not minutes:
        return every
    budget = spendable.day_left - closes - ceil(spendable.plan.per_day * KEPT)
    if budget <= 0:
        return None
    return max(every, ceil(minutes / budget))


def open_until(now: datetime, symbols: Sequence[Symbol]) -> datetime:
    """Return when the last market closes before the day's credits are reset, else the reset; ``now`` = none opens."""
    until = day_resets_at(now)
    closes = (session.closes_at for symbol in symbols for session in _sessions(symbol, now, until))
    return min(until, max(closes, default=now))


def close_cost(symbol: Symbol) -> int:
    """Return the credits that fetching a closed session costs: the minutes, and the official day where there is one."""
    return 1 if symbol.quotes_all_day else 2


def _why_not(
    now: datetime,
    symbol: Symbol,
    session: Session | None,
    *,
    last: LastPull | None,
    every: int | None,
    left: int | None,
) -> str | None:
    if session is None:
        upcoming = next_opening(symbol, now)
        return f"closed, opens {upcoming.opens_at:%a %Y-%m-%d %H:%M} UTC"
    if now < session.opens_at + _MINUTE:
        return "open, but no minute has closed yet"
    if every is None:
        resets = day_resets_at(now)
        return f"{left} credits are left and kept for the closes, until {resets:%Y-%m-%d %H:%M} UTC"
    # A pull in the future was made by a clock that has been set back since: ignore it.
    return None if last is None or last.at > now else _too_soon(now, last, every, session)


def _too_soon(now: datetime, last: LastPull, every: int, session: Session) -> str | None:
    again = _again_at(last, every, session)
    if _floor(now) >= again:
        return None
    if last.silent:
        return f"no bar since the open at {session.opens_at:%H:%M} UTC, the next attempt is at {again:%H:%M} UTC"
    if last.without_result:
        return f"failed {last.without_result} times without a bar, the next attempt is at {again:%H:%M} UTC"
    return f"pulled at {last.at:%H:%M} UTC, every {every} minute{'s' * (every > 1)}"


def _again_at(last: LastPull, every: int, session: Session) -> datetime:
    return _floor(last.at) + pull_pause(last, every, opened_at=session.opens_at)


def pull_pause(last: LastPull, every: int, *, opened_at: datetime) -> timedelta:
    """Return the time from one pull to the next: longer and longer while pulls bring nothing.

    Doubled after each refusal: a vendor that does not serve a symbol, because of the plan or its name, charges a credit
    for each. A quarter of the time since the open in a session without a bar: the exchange may be closed that day.
    """
    usual: timedelta = every * _MINUTE
    if last.silent:
        return max(usual, min((last.at - opened_at) / _SILENT_PART, _LONGEST_PAUSE))
    if not last.without_result:
        return usual
    doubled: timedelta = usual * 2 ** min(last.without_result, _DOUBLINGS)
    return min(doubled, max(_LONGEST_PAUSE, usual))


def next_opening(symbol: Symbol, now: datetime) -> Session:
    """Return the first session of ``symbol`` that opens after ``now``."""
    calendar = calendar_of(symbol)
    session = calendar.next(now.astimezone(UTC).date() - 2 * _DAY)
    while session.opens_at <= now:
        session = calendar.next(session.trade_date)
    return session


def coming_session(symbol: Symbol, now: datetime) -> Session:
    """Return the session of ``symbol`` that is open at ``now``, else the next to open."""
    return calendar_of(symbol).at(now) or next_opening(symbol, now)


def next_close(symbol: Symbol, now: datetime) -> datetime:
    """Return when the session of ``symbol`` that is open, or else the next one, closes."""
    return coming_session(symbol, now).closes_at


def next_pull(now: datetime, session: Session, *, last: LastPull | None, every: int) -> datetime:
    """Return when a symbol's open session is due to be pulled: a minute's beginning, ``now`` or later.

    Args:
        last: its newest pull; ``None`` = there was none.
        every: minutes from one pull to the next.
    """
    first = session.opens_at + _MINUTE
    due = first if last is None or last.at > now else _again_at(last, every, session)
    return max(due, _floor(now))


def _sessions(symbol: Symbol, start: datetime, end: datetime) -> list[Session]:
    """Return the sessions that overlap a range of time."""
    sessions = calendar_of(symbol).sessions(start.date() - _DAY, end.date() + _DAY)
    return [session for session in sessions if session.opens_at < end and session.closes_at > start]


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
