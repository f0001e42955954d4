"""Keeps the partitions' symbols and the table of symbols in sync, whichever of them was changed."""

import dagster as dg

from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.defs.partitions import SYMBOLS
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import Symbol, currency_pair
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import add_symbols, read_symbols

_SECONDS = 30


def build_symbols_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor."""

    # The partitions of a deactivated symbol disappear from view; its candles, levels and history stay, and show again
    # when it is activated.
    @dg.sensor(
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sync the partitions with market_symbols; add currency pairs that were added as partitions to it.",
    )
    @on_database(settings)
    def symbols(context: dg.SensorEvaluationContext, database: Database) -> dg.SensorResult | dg.SkipReason:
        known = {symbol.name for symbol in read_symbols(database.engine, only_active=False)}
        keys = set(context.instance.get_dynamic_partitions(str(SYMBOLS.name)))
        for name in sorted(keys - known):
            symbol, reason = _currency_pair(name)
            if symbol is not None:
                add_symbols(database.engine, [symbol], now=database.clock.now())
            context.log.info("%s: %s", name, reason)
        active = [symbol.name for symbol in read_symbols(database.engine)]
        new, gone = [name for name in active if name not in keys], sorted(keys - set(active))
        if not new and not gone:
            return dg.SkipReason(f"{len(active)} symbols, {len(active)} partitions of each date")
        requests = [SYMBOLS.build_add_request(new)] if new else []
        return dg.SensorResult(
            dynamic_partitions_requests=[*requests, *([SYMBOLS.build_delete_request(gone)] if gone else [])]
        )

    return symbols


def _currency_pair(name: str) -> tuple[Symbol | None, str]:
    try:
        symbol = currency_pair(name)
    except UsageError as error:
        return None, f"removed again: {error}"
    if symbol is None:
        return None, f"removed again, its calendar is unknown: tradematrix symbols add {name} --calendar …"
    return symbol, "added as a currency pair"


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    return dg.Definitions(sensors=[build_symbols_sensor(installation().settings)])
