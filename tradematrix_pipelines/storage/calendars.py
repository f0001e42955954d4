"""What users know of calendars: corrections that are in force, and calendars that they define.

Here: reading both, and defining. Not here: making and undoing corrections (``corrections``), or what they mean
(``markets.corrections``, ``markets.hours``).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import build_calendar
from tradematrix_pipelines.markets.corrections import Correction
from tradematrix_pipelines.markets.hours import DefinedHours, parse_edge
from tradematrix_pipelines.markets.session_table import TableCalendar
from tradematrix_pipelines.storage.tables import (
    calendar_corrections,
    defined_calendars,
    market_symbols,
    session_coverage,
)


def read_corrections(connection: Connection) -> dict[str, tuple[Correction, ...]]:
    """Return the corrections in force, by calendar; ascending."""
    table = calendar_corrections
    query = (
        select(table.c.calendar, table.c.trade_date, table.c.opens_at, table.c.closes_at)
        .where(table.c.undone_at.is_(None))
        .order_by(table.c.trade_date)
    )
    by_calendar: dict[str, list[Correction]] = {}
    for row in connection.execute(query):
        hours = [None if at is None else at.astimezone(UTC) for at in (row.opens_at, row.closes_at)]
        correction = Correction(trade_date=row.trade_date, opens_at=hours[0], closes_at=hours[1])
        by_calendar.setdefault(row.calendar, []).append(correction)
    return {calendar: tuple(corrections) for calendar, corrections in by_calendar.items()}


def read_defined(connection: Connection) -> dict[str, DefinedHours]:
    """Return the hours that users define, by the calendar's name."""
    return {
        row.name: DefinedHours(
            opens=parse_edge(row.opens),
            closes=parse_edge(row.closes),
            pause=None if row.pause_starts is None else (parse_edge(row.pause_starts), parse_edge(row.pause_ends)),
            holidays=row.holidays,
        )
        for row in connection.execute(select(defined_calendars).order_by(defined_calendars.c.name))
    }


def calendar_named(engine: Engine, name: str) -> TableCalendar:
    """Return the calendar of this name, a user's own included, with the corrections in force.

    Raises:
        UnknownCalendar: there is none.
    """
    with engine.connect() as connection:
        return calendar_in(connection, name)


def calendar_in(connection: Connection, name: str) -> TableCalendar:
    """Return the same as the connection's transaction sees it."""
    hours, corrections = read_defined(connection).get(name), read_corrections(connection).get(name, ())
    return build_calendar(name, hours=hours, corrections=corrections)


def define_calendar(engine: Engine, name: str, hours: DefinedHours, *, now: datetime) -> None:
    """Store a user's calendar, or its new hours.

    Raises:
        UsageError: sessions by its hours are stored, which would be wrong by other ones.
    """
    pause: Sequence[str | None] = (None, None) if hours.pause is None else [str(edge) for edge in hours.pause]
    values = {
        "opens": str(hours.opens),
        "closes": str(hours.closes),
        "pause_starts": pause[0],
        "pause_ends": pause[1],
        "holidays": hours.holidays,
        "defined_at": now,
    }
    stored = (
        select(market_symbols.c.symbol)
        .join_from(market_symbols, session_coverage)
        .where(market_symbols.c.calendar == name)
        .limit(1)
    )
    with engine.begin() as connection:
        symbol = connection.execute(stored).scalar_one_or_none()
        if symbol is not None:
            raise UsageError(
                f"sessions of {symbol} are stored by the hours of {name}: define another name, or correct single days "
                f"with `tradematrix calendar hours {name} …`"
            )
        statement = insert(defined_calendars).values(name=name, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
