"""Changing what is known of a symbol, and letting what is stored of it follow.

Here: the row, and the coverage of stored sessions by another calendar or tolerance, in one transaction. Not here:
adding and removing symbols (``symbols``), or what a user may change (the command).
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from sqlalchemy import Connection, Engine, select, update

from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.corrections import SymbolRow, follow
from tradematrix_pipelines.storage.rejudging import rejudge
from tradematrix_pipelines.storage.stamps import stamp
from tradematrix_pipelines.storage.symbols import symbol_row
from tradematrix_pipelines.storage.tables import market_symbols, session_coverage

_AT_ONCE = 250
"""Sessions whose candles are read at once: a year of minutes."""

_FIXED = ("symbol", "vendor", "active", "touch_alerts", "touch_levels")


def change_symbol(engine: Engine, before: Symbol, after: Symbol, *, now: datetime) -> int:
    """Store ``after`` in place of ``before``, one stored symbol; return how many stored sessions have other coverage.

    By another calendar, a session whose hours differ is judged by the new ones, as after a correction of the calendar;
    candles stay. By another gap tolerance, all are judged again. Name, vendor and switches are not changed.

    Args:
        now: timestamp of what changes, aware, UTC.
    """
    values = {name: value for name, value in symbol_row(after).items() if name not in _FIXED}
    with engine.begin() as connection:
        stamp(connection, now)
        connection.execute(update(market_symbols).where(market_symbols.c.id == before.id).values(values))
        days = _stored_days(connection, after)
        moved = _follow_hours(connection, before, after, days) if before.calendar != after.calendar else 0
        if before.gap_tolerance == after.gap_tolerance:
            return moved
        return _judge_again(connection, after, days)


def _stored_days(connection: Connection, symbol: Symbol) -> list[date]:
    query = select(session_coverage.c.trade_date).where(session_coverage.c.symbol_id == symbol.id).distinct()
    return sorted(connection.execute(query).scalars())


def _follow_hours(connection: Connection, before: Symbol, after: Symbol, days: Sequence[date]) -> int:
    row = SymbolRow(id=after.id or 0, symbol=after.name, gap_tolerance=after.gap_tolerance, active=after.active)
    old, new, moved = calendar_of(before), calendar_of(after), 0
    for day in days:
        sessions = old.session(day), new.session(day)
        if sessions[0] != sessions[1]:
            follow(connection, [row], day, *sessions)
            moved += 1
    return moved


def _judge_again(connection: Connection, symbol: Symbol, days: Sequence[date]) -> int:
    calendar = calendar_of(symbol)
    sessions = [session for day in days if (session := calendar.session(day)) is not None]
    for timeframe in Timeframe:
        for part in _parts(sessions):
            rejudge(
                connection,
                symbol_id=symbol.id or 0,
                timeframe=timeframe,
                sessions=part,
                gap_tolerance=symbol.gap_tolerance,
            )
    return len(sessions)


def _parts(sessions: Sequence[Session]) -> Iterator[Sequence[Session]]:
    for start in range(0, len(sessions), _AT_ONCE):
        yield sessions[start : start + _AT_ONCE]
