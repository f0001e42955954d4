"""Levels that replaced others, and the candles that were revised in between.

Here: reading them. Not here: which of them are incidents (``alerts.changed_levels``), or the history itself, which
triggers fill (``migrations``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from tradematrix_pipelines.alerts.changed_levels import LevelChange, RevisedCandle
from tradematrix_pipelines.levels.daily import LEVELS as DAILY_LEVELS
from tradematrix_pipelines.levels.pivots import LEVELS
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

# Pivot points come from the same session as the daily levels of their time.
_CHANGES = text("""
    SELECT h.*, s.symbol, daily.y_trade_date, daily.old_y_trade_date
    FROM (
        SELECT symbol_id, trade_date, kind, published_at, levels, id,
               lag(levels) OVER versions AS old_levels, lag(published_at) OVER versions AS old_published_at
        FROM levels_history WHERE symbol_id = ANY(:symbol_ids) AND trade_date >= :first AND trade_date <= :last
        WINDOW versions AS (PARTITION BY symbol_id, trade_date, kind ORDER BY id)
    ) AS h
    JOIN market_symbols AS s ON s.id = h.symbol_id
    CROSS JOIN LATERAL (
        SELECT max(d.levels ->> 'y_trade_date') FILTER (WHERE d.replaced_at IS NULL OR d.replaced_at > h.published_at)
                   AS y_trade_date,
               max(d.levels ->> 'y_trade_date') FILTER (WHERE d.published_at <= h.old_published_at
                   AND (d.replaced_at IS NULL OR d.replaced_at > h.old_published_at)) AS old_y_trade_date
        FROM levels_history AS d
        WHERE d.symbol_id = h.symbol_id AND d.trade_date = h.trade_date AND d.kind = 'daily'
            AND d.published_at <= h.published_at
    ) AS daily
    WHERE h.old_levels IS NOT NULL AND h.published_at >= :since
    ORDER BY h.published_at, h.symbol_id, h.trade_date, (h.kind <> 'daily'), h.id
""")
# A withdrawn candle changed most.
_REVISED = text("""
    SELECT r.timeframe, r.ts, r.source AS before, CASE WHEN r.withdrawn THEN NULL ELSE coalesce(t.source, r.source) END
               AS after, count(*) OVER (PARTITION BY r.timeframe) - 1 AS others
    FROM (
        SELECT DISTINCT ON (r.timeframe, r.ts) r.*
        FROM ohlc_revisions AS r
        JOIN session_coverage AS c ON c.symbol_id = r.symbol_id AND c.timeframe = r.timeframe
            AND c.trade_date = :y_trade_date AND r.ts >= c.opens_at AND r.ts < c.closes_at
        WHERE r.symbol_id = :symbol_id AND r.revised_at >= :after AND r.revised_at <= :until
        ORDER BY r.timeframe, r.ts, r.id DESC
    ) AS r
    LEFT JOIN ohlc AS t ON t.symbol_id = r.symbol_id AND t.timeframe = r.timeframe AND t.ts = r.ts
    ORDER BY r.timeframe,
        CASE WHEN r.withdrawn THEN 'Infinity'
             ELSE greatest(abs(t.high - r.high), abs(t.low - r.low), abs(t.close - r.close)) END DESC, r.ts
    LIMIT 1
""")


def read_level_changes(
    engine: Engine,
    symbols: Sequence[Symbol],
    *,
    first: date = date.min,
    last: date = date.max,
    since: datetime,
) -> list[LevelChange]:
    """Return the levels that were replaced, one entry a symbol, trade date and time, oldest first.

    Args:
        first: first trade date.
        last: last trade date.
        since: when the first one was replaced, aware.
    """
    terms = {"symbol_ids": [symbol.id for symbol in symbols], "first": first, "last": last, "since": since}
    changes: dict[tuple[str, date, datetime], LevelChange] = {}
    with engine.connect() as connection:
        for row in connection.execute(_CHANGES, terms).mappings():
            key = (row["symbol"], row["trade_date"], row["published_at"])
            change = changes.get(key) or _change(connection, row)
            # Of several changes at one instant, the old levels are the first ones, and the new ones the last.
            changes[key] = replace(
                change,
                old={**change.old, **_without(change.old, _named(row["kind"], row["old_levels"]))},
                new={**change.new, **_named(row["kind"], row["levels"])},
            )
    return list(changes.values())


def _change(connection: Connection, row: Mapping[Any, Any]) -> LevelChange:
    new_source = date.fromisoformat(row["y_trade_date"] or str(row["trade_date"]))
    terms = {"symbol_id": row["symbol_id"], "y_trade_date": new_source}
    revised = connection.execute(
        _REVISED, terms | {"after": row["old_published_at"], "until": row["published_at"]}
    ).one_or_none()
    candle = None
    if revised is not None:
        candle = RevisedCandle(**{**revised._mapping, "timeframe": Timeframe(revised.timeframe)})  # noqa: SLF001  # SQLAlchemy's public name
    return LevelChange(
        symbol=row["symbol"],
        trade_date=row["trade_date"],
        changed_at=row["published_at"],
        old={},
        new={},
        old_source=date.fromisoformat(row["old_y_trade_date"] or str(new_source)),
        new_source=new_source,
        candle=candle,
    )


def _without(known: Mapping[str, Any], levels: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: price for name, price in levels.items() if name not in known}


def _named(kind: str, levels: Mapping[str, Any]) -> dict[str, float | None]:
    if kind == "daily":
        return {name: levels.get(name) for name in DAILY_LEVELS}
    return {f"{kind} {name}": levels.get(name) for name in LEVELS}
