"""The IO manager: the only way between Dagster's assets and the tables of candles and levels.

Here: which table an asset's partitions live in, and what a run's rectangle of partitions reads and writes.
Not here: the SQL (``candles``, ``coverage``, ``levels``), or which partitions count (``partition_results``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
import pandas as pd
from dagster import AssetKey

from tradematrix_pipelines.automation.runs import Run
from tradematrix_pipelines.candles.batch import SeriesBatch
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.pivots import Pivots
from tradematrix_pipelines.markets.partition_key import dates_by_symbol
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.candles import Written, write
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.levels import read_daily_levels, read_pivots, write_levels
from tradematrix_pipelines.storage.sessions import read_sessions
from tradematrix_pipelines.storage.symbols import find_symbols

CANDLE_ASSETS = {AssetKey(f"ohlc_{timeframe}"): timeframe for timeframe in Timeframe}
DAILY_LEVELS = AssetKey("daily_levels")
PIVOT_POINTS = AssetKey("pivot_points")


def assets_of(run: Run) -> list[AssetKey]:
    """Return the assets that a run materializes."""
    wanted = [key for key, timeframe in CANDLE_ASSETS.items() if timeframe in run.timeframes]
    return wanted or [DAILY_LEVELS, PIVOT_POINTS]


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """Rows for the two tables of levels."""

    daily: Sequence[tuple[Symbol, DailyLevels]] = ()
    pivots: Sequence[tuple[Symbol, date, Pivots]] = ()


class PostgresIOManager(dg.IOManager):
    """Stores and loads the partitions of all seven assets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write_candles(self, batches: Sequence[SeriesBatch]) -> Written:
        """Store whole sessions of candles in one transaction (``storage.candles.write``)."""
        return write(self._database.engine, batches, now=self._database.clock.now())

    def write_levels(self, levels: Levels) -> int:
        """Store levels in one transaction; return how many rows are new or changed."""
        return write_levels(
            self._database.engine, daily=levels.daily, pivots=levels.pivots, now=self._database.clock.now()
        )

    def handle_output(self, context: dg.OutputContext, obj: Levels) -> None:
        """Store the output of an asset of levels when all of its partitions are good.

        Candles don't use this: their step stores session after session, so that a killed run keeps them.
        """
        context.log.info("%d rows new or changed", self.write_levels(obj))

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Return the requested partitions as one frame.

        Candles: ``storage.sessions.read_sessions``. Levels: the rows of their table, with a ``symbol`` column.

        Raises:
            UnknownSymbol: a partition names a symbol that is not stored.
        """
        wanted = dates_by_symbol(context.asset_partition_keys)
        symbols = find_symbols(self._database.engine, wanted, only_active=False)
        first, last = min(min(dates) for dates in wanted.values()), max(max(dates) for dates in wanted.values())
        if context.asset_key == DAILY_LEVELS:
            return read_daily_levels(self._database.engine, symbols, first, last)
        if context.asset_key == PIVOT_POINTS:
            return read_pivots(self._database.engine, symbols, first, last)
        return read_sessions(self._database, symbols, CANDLE_ASSETS[context.asset_key], first, last)
