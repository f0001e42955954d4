"""Levels to watch, and the rows of ``level_touches``.

Here: one row for the first touch of a level in a session. Not here: what a touch is (``levels.touches``), or notifying,
which fills ``notified_at``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.levels.pivots import LEVELS, Method
from tradematrix_pipelines.levels.watched import WATCHED_DAILY
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.tables import level_touches, levels_daily, pivot_levels

if TYPE_CHECKING:
    from tradematrix_pipelines.levels.touches import Touch


def levels_to_watch(
    engine: Engine, symbol: Symbol, trade_date: date, *, methods: Sequence[Method] | None = None
) -> dict[str, float]:
    """Return the stored levels to trade this session with, by name, in price units; empty where there are none.

    Names: those of the watched daily levels, and method and level for pivots: ``y_high``, ``classic pp``.

    Args:
        methods: of the pivot points; ``None`` = those that the symbol's ``touch_levels`` name, else the classic one.
    """
    if methods is None:
        named = {name.split()[0] for name in symbol.touch_levels or ()}
        methods = [method for method in Method if method in named] or [Method.CLASSIC]
    daily, pivots = levels_daily.c, pivot_levels.c
    of_session = select(*(daily[name] for name in WATCHED_DAILY)).where(
        daily.symbol_id == symbol.id, daily.trade_date == trade_date
    )
    of_methods = (
        select(pivots.method, *(pivots[name] for name in LEVELS))
        .where(
            pivots.symbol_id == symbol.id,
            pivots.trade_date == trade_date,
            pivots.method.in_([str(method) for method in methods]),
        )
        .order_by(pivots.method)
    )
    with engine.connect() as connection:
        levels = {
            name: price
            for row in connection.execute(of_session).mappings()
            for name, price in row.items()
            if price is not None
        }
        for row in connection.execute(of_methods).mappings():
            levels |= {f"{row['method']} {name}": row[name] for name in LEVELS if row[name] is not None}
    return levels


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedTouch:
    """A row of ``level_touches``; prices in price units, instants aware, UTC; see ``levels.touches.Touch``.

    Attributes:
        notified_at: ``None`` = nobody was notified.
    """

    level: str
    level_price: float
    price: float
    at: datetime
    notified_at: datetime | None


def read_touches(engine: Engine, symbol: Symbol, trade_date: date) -> list[RecordedTouch]:
    """Return the touches of one session, by time."""
    table = level_touches
    query = (
        select(*(table.c[field.name] for field in fields(RecordedTouch)))
        .where(table.c.symbol_id == symbol.id, table.c.trade_date == trade_date)
        .order_by(table.c.at, table.c.level)
    )
    with engine.connect() as connection:
        return [
            RecordedTouch(
                level=row.level,
                level_price=row.level_price,
                price=row.price,
                at=row.at.astimezone(UTC),
                notified_at=row.notified_at and row.notified_at.astimezone(UTC),
            )
            for row in connection.execute(query)
        ]


def record_touches(engine: Engine, symbol: Symbol, trade_date: date, touches: Sequence["Touch"]) -> int:
    """Store ``touches`` of one session in one transaction; return how many are new. A level's first touch is kept."""
    if not touches:
        return 0
    rows = [
        {
            "trade_date": trade_date,
            "symbol_id": symbol.id,
            "level": touch.level,
            "level_price": touch.level_price,
            "price": touch.price,
            "at": touch.at,
        }
        # In sorted order, so that two pulls of a symbol can't deadlock.
        for touch in sorted(touches, key=lambda touch: touch.level)
    ]
    statement = insert(level_touches).on_conflict_do_nothing().returning(level_touches.c.level)
    with engine.begin() as connection:
        return len(connection.execute(statement, rows).all())
