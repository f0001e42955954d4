"""Real and simulated prices never share a database: a chart would not show which is which."""

from collections.abc import Collection

from tradematrix_pipelines.errors import UsageError

SIMULATED = "simulator"
IMPORT = "import"
"""The source of candles that come from another database: real ones."""


def check_unmixed(vendor: str, stored_sources: Collection[str]) -> None:
    """Check that ``vendor`` may add to a database that contains candles from ``stored_sources``.

    Raises:
        UsageError: one is simulated and the other real.
    """
    simulated = vendor == SIMULATED
    if all((source == SIMULATED) == simulated for source in stored_sources):
        return
    have, coming = ("real", "simulated") if simulated else ("simulated", "real")
    raise UsageError(
        f"this database holds {have} prices, and the vendor {vendor} would add {coming} ones: "
        "set TRADEMATRIX_HOME (or TRADEMATRIX_DATABASE_URL) to another place, or TRADEMATRIX_VENDOR back to the old one"
    )
