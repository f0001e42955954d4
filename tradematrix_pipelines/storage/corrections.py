"""Making, undoing and listing corrections of calendars.

Each is one transaction with what follows from it for stored sessions: candles stay, their coverage follows the new
hours. Not here: what a correction means (``markets.corrections``), reading those in force (``calendars``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.corrections import Correction
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.storage.calendars import calendar_in
from tradematrix_pipelines.storage.rejudging import mark_closed, rejudge
from tradematrix_pipelines.storage.stamps import stamp
from tradematrix_pipelines.storage.tables import calendar_corrections, market_symbols, ohlc, session_coverage

CLOSED, HOURS = "closed", "hours"

_COVERAGE = text("""
    SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.symbol_id, c.timeframe), '[]') FROM session_coverage AS c
    WHERE c.symbol_id = ANY(:symbol_ids) AND c.trade_date = :day AND c.status <> 'closed'
""")
_FORGET = text("""
    DELETE FROM session_coverage WHERE symbol_id = :symbol_id AND trade_date = :day
        AND timeframe = ANY(CAST(:timeframes AS ohlc_timeframe[]))
""")
_PRUNED = text("""
    SELECT EXISTS (SELECT FROM session_coverage WHERE symbol_id = :symbol_id AND trade_date = :day
        AND timeframe = '1m' AND pruned_at IS NOT NULL)
""")
# A daily candle is stamped with its session's open.
_STAMP_DAY = text("""
    UPDATE ohlc SET ts = :after WHERE symbol_id = :symbol_id AND timeframe = '1d' AND ts = :before
        AND NOT EXISTS (SELECT FROM ohlc AS o WHERE o.symbol_id = :symbol_id AND o.timeframe = '1d' AND o.ts = :after)
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredCorrection:
    """A correction as it is stored. Instants are aware.

    Attributes:
        undone_at: when it was undone; ``None`` while it is in force.
    """

    id: int
    calendar: str
    trade_date: date
    kind: str
    opens_at: datetime | None
    closes_at: datetime | None
    reason: str
    made_at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What a correction, or undoing one, meets.

    Attributes:
        symbols: the active symbols of the calendar.
        candles: stored candles of the trade date, by symbol, where there are any.
    """

    symbols: tuple[str, ...]
    candles: dict[str, int]


@dataclass(frozen=True, slots=True)
class SymbolRow:
    """What is needed of a row of ``market_symbols``."""

    id: int
    symbol: str
    gap_tolerance: int | None
    active: bool


def correct(engine: Engine, calendar: str, correction: Correction, *, reason: str, now: datetime) -> Effect:
    """Store a correction, and let the coverage of stored sessions follow.

    A closed day's coverage becomes closed; its candles stay. With other hours, minutes are judged by these, and what
    is made of them is made again: coarser candles from the minutes, the official day with its stamp moved.

    Raises:
        UsageError: the trade date is corrected already, or is what the correction says.
        UnknownCalendar: there is no such calendar.
    """
    day = correction.trade_date
    with engine.begin() as connection:
        stamp(connection, now)
        before = calendar_in(connection, calendar).session(day)
        after = correction.session(before)
        symbols = _symbols(connection, calendar)
        effect = _effect(connection, symbols, before or after)
        ids = [symbol.id for symbol in symbols]
        replaced = connection.execute(_COVERAGE, {"symbol_ids": ids, "day": day}).scalar_one() if after is None else []
        row = {
            "calendar": calendar,
            "trade_date": day,
            "kind": CLOSED if after is None else HOURS,
            "opens_at": correction.opens_at,
            "closes_at": correction.closes_at,
            "reason": reason,
            "made_at": now,
            "replaced": replaced,
        }
        statement = (
            insert(calendar_corrections).values(row).on_conflict_do_nothing().returning(calendar_corrections.c.id)
        )
        if connection.execute(statement).one_or_none() is None:
            raise UsageError(
                f"{day} of {calendar} is corrected already: "
                f"undo that first with `tradematrix calendar undo {calendar} {day}`"
            )
        if before == after:
            what = "is no session" if after is None else "has these hours"
            raise UsageError(f"{day} {what} on calendar {calendar}: there is nothing to correct")
        follow(connection, symbols, day, before, after)
    return effect


def undo(engine: Engine, calendar: str, trade_date: date, *, now: datetime) -> Effect:
    """End a correction, and restore the coverage that it changed.

    Raises:
        UsageError: no correction of this trade date is in force.
    """
    table = calendar_corrections
    in_force = (table.c.calendar == calendar) & (table.c.trade_date == trade_date) & table.c.undone_at.is_(None)
    with engine.begin() as connection:
        stamp(connection, now)
        before = calendar_in(connection, calendar).session(trade_date)
        ended = connection.execute(
            update(table).where(in_force).values(undone_at=now).returning(table.c.kind, table.c.replaced)
        ).one_or_none()
        if ended is None:
            raise UsageError(
                f"no correction of {trade_date} is in force on {calendar}: see `tradematrix calendar list {calendar}`"
            )
        symbols = _symbols(connection, calendar)
        after = calendar_in(connection, calendar).session(trade_date)
        if ended.kind == CLOSED:
            _restore(connection, symbols, trade_date, ended.replaced)
        else:
            follow(connection, symbols, trade_date, before, after)
        return _effect(connection, symbols, after or before)


def list_corrections(engine: Engine, calendar: str | None = None, *, undone: bool = False) -> list[StoredCorrection]:
    """Return the corrections of one calendar, or of all, by calendar and trade date.

    Args:
        undone: whether those that were undone are returned too.
    """
    table = calendar_corrections
    columns = [column for column in table.c if column.name != "replaced"]
    query = select(*columns).order_by(table.c.calendar, table.c.trade_date, table.c.id)
    if calendar is not None:
        query = query.where(table.c.calendar == calendar)
    if not undone:
        query = query.where(table.c.undone_at.is_(None))
    with engine.connect() as connection:
        return [StoredCorrection(**row) for row in connection.execute(query).mappings()]


def _symbols(connection: Connection, calendar: str) -> list[SymbolRow]:
    table = market_symbols
    query = select(table.c.id, table.c.symbol, table.c.gap_tolerance, table.c.active)
    rows = connection.execute(query.where(table.c.calendar == calendar).order_by(table.c.id))
    return [SymbolRow(*row) for row in rows]


def _effect(connection: Connection, symbols: Sequence[SymbolRow], session: Session | None) -> Effect:
    candles: dict[str, int] = {}
    if session is not None:
        inside = (ohlc.c.ts >= session.opens_at) & (ohlc.c.ts < session.closes_at)
        query = (
            select(market_symbols.c.symbol, func.count())
            .join_from(ohlc, market_symbols, market_symbols.c.id == ohlc.c.symbol_id)
            .where(ohlc.c.symbol_id.in_([symbol.id for symbol in symbols]), inside)
            .group_by(market_symbols.c.id)
            .order_by(market_symbols.c.id)
        )
        candles = {row[0]: row[1] for row in connection.execute(query)}
    return Effect(symbols=tuple(symbol.symbol for symbol in symbols if symbol.active), candles=candles)


def follow(
    connection: Connection, symbols: Sequence[SymbolRow], day: date, before: Session | None, after: Session | None
) -> None:
    """Let the coverage of a stored trade date follow from hours that have changed: ``before`` and ``after``."""
    if after is None:
        mark_closed(connection, [symbol.id for symbol in symbols], [day])
        return
    for symbol in symbols:
        if before is None:
            _forget(connection, symbol.id, day, list(Timeframe))
        else:
            _move_hours(connection, symbol, before, after)


def _move_hours(connection: Connection, symbol: SymbolRow, before: Session, after: Session) -> None:
    """Judge a stored session by its new hours, and forget what has to be made of its minutes again.

    One whose minutes were pruned stays as it is: nothing could be made again.
    """
    if connection.execute(_PRUNED, {"symbol_id": symbol.id, "day": before.trade_date}).scalar_one():
        return
    judged = [Timeframe.M1]
    forgotten = [timeframe for timeframe in INTRADAY if timeframe is not Timeframe.M1]
    # The official day of an exchange is the same by other hours; the others' days are made of their minutes.
    (judged if symbol.gap_tolerance is None else forgotten).append(Timeframe.D1)
    stamps = {"symbol_id": symbol.id, "before": before.opens_at, "after": after.opens_at}
    if before.opens_at != after.opens_at:
        connection.execute(_STAMP_DAY, stamps)
    for timeframe in judged:
        rejudge(
            connection,
            symbol_id=symbol.id,
            timeframe=timeframe,
            sessions=[after],
            gap_tolerance=symbol.gap_tolerance,
        )
    _forget(connection, symbol.id, after.trade_date, forgotten)


def _forget(connection: Connection, symbol_id: int, day: date, timeframes: Sequence[Timeframe]) -> None:
    names = [str(timeframe) for timeframe in timeframes]
    connection.execute(_FORGET, {"symbol_id": symbol_id, "day": day, "timeframes": names})


def _restore(connection: Connection, symbols: Sequence[SymbolRow], day: date, rows: Sequence[dict[str, Any]]) -> None:
    """Put the coverage back that a closed day replaced; what was fetched of the day since then is fetched again."""
    ids = {symbol.id for symbol in symbols}
    for symbol_id in ids:
        _forget(connection, symbol_id, day, list(Timeframe))
    kept = [row for row in rows if row["symbol_id"] in ids]
    if kept:
        # Columns that are newer than the rows get their defaults.
        names = ", ".join(column.name for column in session_coverage.c if column.name in kept[0])
        restored = text(
            f"INSERT INTO session_coverage ({names}) "  # noqa: S608 - the names are those of the table
            f"SELECT {names} FROM jsonb_populate_recordset(NULL::session_coverage, CAST(:rows AS jsonb))"
        )
        connection.execute(restored, {"rows": json.dumps(kept)})
