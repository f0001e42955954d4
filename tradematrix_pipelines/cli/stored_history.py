"""Where the partitions of a demo begin: with years of them that nobody has asked for, it would look almost empty."""

from tradematrix_pipelines.cli.supervision import say
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import first_known_date
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.vendors.provenance import SIMULATED


def with_stored_history(settings: Settings, database: Database) -> Settings:
    """Return the settings with the partitions beginning where minutes are stored, unless their start is set.

    Only where prices are simulated: of a real market, whoever looks at the UI may want to fetch any earlier date.
    """
    if "history_start" in settings.model_fields_set or settings.vendor_name != SIMULATED:
        return settings
    firsts = [first_known_date(database.engine, symbol, [Timeframe.M1]) for symbol in read_symbols(database.engine)]
    stored = [first for first in firsts if first is not None]
    if not stored:
        return settings
    start = min(stored)
    say(f"partitions begin with {start}, where minutes are stored: set TRADEMATRIX_HISTORY_START for earlier ones")
    return settings.model_copy(update={"history_start": start})
