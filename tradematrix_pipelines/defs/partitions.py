"""The two dimensions of every asset: trade date x symbol."""

from collections.abc import Iterable
from datetime import date, timedelta

import dagster as dg

from tradematrix_pipelines.markets.partition_key import rectangle
from tradematrix_pipelines.settings import Settings

_SYMBOLS_NAME = "symbols"
SYMBOLS = dg.DynamicPartitionsDefinition(name=_SYMBOLS_NAME)
"""Follows the active rows of ``market_symbols`` (:func:`sync_symbols`)."""

_WEEKEND = ["0 0 * * 6", "0 0 * * 0"]
# FX opens on the evening before; levels are for the next session, at Easter and Christmas up to 4 weekdays away.
_COMING_DATES = 5


def date_partitions(settings: Settings) -> dg.TimeWindowPartitionsDefinition:
    """Return the trade dates from the start of history to the coming one: weekdays, or all days where set."""
    return dg.TimeWindowPartitionsDefinition(
        start=settings.history_start.isoformat(),
        fmt="%Y-%m-%d",
        cron_schedule="0 0 * * *",
        exclusions=None if settings.weekends else _WEEKEND,
        end_offset=_COMING_DATES,
    )


def session_partitions(settings: Settings) -> dg.MultiPartitionsDefinition:
    """Return the partitions of every asset: trade date x symbol."""
    return dg.MultiPartitionsDefinition({"date": date_partitions(settings), "symbol": SYMBOLS})


def date_before() -> dg.MultiPartitionMapping:
    """Return the mapping of levels to the candles they are computed from: the same symbol, the date before.

    Levels read further back than that. But a backfill of candles includes all that is downstream of them, and a month
    of levels after its last date would fail because their own sessions are missing.
    """
    return dg.MultiPartitionMapping(
        {
            "date": dg.DimensionPartitionMapping(
                "date",
                dg.TimeWindowPartitionMapping(
                    start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True
                ),
            ),
            "symbol": dg.DimensionPartitionMapping("symbol", dg.IdentityPartitionMapping()),
        }
    )


def known_symbols(instance: dg.DagsterInstance) -> list[str]:
    """Return the symbols that have partitions, in their order."""
    return list(instance.get_dynamic_partitions(_SYMBOLS_NAME))


def sync_symbols(instance: dg.DagsterInstance, active: Iterable[str]) -> tuple[list[str], list[str]]:
    """Make the symbol dimension the ``active`` names; return those added and those removed.

    Removing a name hides its partitions and deletes nothing: they show again when it is added again.
    """
    wanted, have = list(active), known_symbols(instance)
    added = [name for name in wanted if name not in have]
    removed = [name for name in have if name not in wanted]
    if added:
        instance.add_dynamic_partitions(_SYMBOLS_NAME, added)
    for name in removed:
        instance.delete_dynamic_partition(_SYMBOLS_NAME, name)
    return added, removed


def partitions_between(instance: dg.DagsterInstance, start: str, end: str) -> dict[str, list[date]]:
    """Return the trade dates of a range of partitions, ascending, by symbol.

    Of symbols that Dagster no longer has, those of the corners are known only.

    Raises:
        ValueError: a key does not begin with a date.
    """
    names, first, last = rectangle(start, end)
    if len(names) > 1:
        every = known_symbols(instance)
        if set(names) <= set(every):
            names = every[every.index(names[0]) : every.index(names[-1]) + 1]
    days = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    return dict.fromkeys(names, days)
