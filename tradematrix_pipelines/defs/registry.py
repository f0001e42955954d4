"""The assets that are stored, and the table that each one's partitions lie in.

Checks, requests, freshness and the IO manager follow this registry. Jobs follow the groups of the assets.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster import AssetKey
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from tradematrix_pipelines.automation.runs import Run
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.tables import level_outcomes, levels, levels_daily, ohlc, pivot_levels

DAILY_LEVELS = AssetKey("daily_levels")
PIVOT_POINTS = AssetKey("pivot_points")
LEVEL_BOOK = AssetKey("level_book")
LEVEL_OUTCOMES = AssetKey("level_outcomes")
MORNING_REPORT = AssetKey("morning_report")

CANDLES = {AssetKey(f"ohlc_{timeframe}"): timeframe for timeframe in Timeframe}
LEVELS = {DAILY_LEVELS: levels_daily, PIVOT_POINTS: pivot_levels, LEVEL_BOOK: levels}
"""Levels to trade a session with."""
STORED: Sequence[AssetKey] = (*CANDLES, *LEVELS)

_OTHERS = {**LEVELS, LEVEL_OUTCOMES: level_outcomes}

CANDLES_GROUP, LEVELS_GROUP = "candles", "levels"


def candle_asset(timeframe: Timeframe) -> AssetKey:
    """Return the asset of the candles of a timeframe."""
    return AssetKey(f"ohlc_{timeframe}")


def assets_of(run: Run) -> list[AssetKey]:
    """Return the assets that a run materializes."""
    return [key for key, timeframe in CANDLES.items() if timeframe in run.timeframes] or [*LEVELS, LEVEL_OUTCOMES]


def stored_spec(key: AssetKey, *, io_manager_key: str, **options: Any) -> dg.AssetSpec:
    """Return the spec of a stored asset; ``options`` are those of its own (``dagster.AssetSpec``)."""
    table = _OTHERS.get(key, ohlc)
    timeframe = {"timeframe": str(CANDLES[key])} if key in CANDLES else {}
    return dg.AssetSpec(
        key,
        group_name=CANDLES_GROUP if key in CANDLES else LEVELS_GROUP,
        owners=["team:market-data"],
        kinds={"postgres", "pandas"},
        tags=timeframe,
        metadata={
            "dagster/table_name": f"public.{table.name}",
            "dagster/column_schema": column_schema(table),
            **timeframe,
            **_board_link(key),
        },
        **options,
    ).with_io_manager_key(io_manager_key)


def _board_link(key: AssetKey) -> dict[str, dg.UrlMetadataValue]:
    """Return the link to the board: of candles to the coverage of each day. Without an address there is none."""
    url = installation().settings.board_url
    return {} if url is None else {"board": dg.MetadataValue.url(f"{url}/#/coverage" if key in CANDLES else f"{url}/")}


def column_schema(table: Table) -> dg.TableSchema:
    """Return the columns of a table as Dagster shows them."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy doesn't type it
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type.compile(dialect).lower(),
                description=column.comment or column.doc,
                constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
            )
            for column in table.columns
        ]
    )
