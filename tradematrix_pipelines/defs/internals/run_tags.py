"""The tags that say in the list of runs what a run is about, and who started it.

Here: what they are, and adding them to runs of the UI, which knows nothing of them. Not here: who requests which runs.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTOMATION_CONDITION_TAG,
    PARTITION_NAME_TAG,
)

from tradematrix_pipelines.markets.partition_key import PartitionKey, rectangle

SESSIONS_TAG = "sessions"
"""What a run is about: ``DAX 2026-11-10…23``, or ``AAPL…MSFT 2026-11-10`` where neighbours share it."""

BY_TAG = "by"
"""Who started a run: ``close``, ``live``, ``heal``, ``resume``, ``cli``, ``ui``, or an asset's own ``automation``."""


def range_tags(symbol: str, first: date, last: date, *, last_symbol: str | None = None) -> dict[str, str]:
    """Return the tags that make a run one of the partitions of ``symbol`` from ``first`` to ``last``.

    Args:
        last_symbol: the last of several symbols, which are neighbours in Dagster.
    """
    last_symbol = last_symbol or symbol
    return {
        ASSET_PARTITION_RANGE_START_TAG: str(PartitionKey(first, symbol)),
        ASSET_PARTITION_RANGE_END_TAG: str(PartitionKey(last, last_symbol)),
        SESSIONS_TAG: _sessions(dict.fromkeys([symbol, last_symbol]), first, last),
    }


def date_range_tags(first: date, last: date) -> dict[str, str]:
    """Return the tags that make a run one of the trade dates ``first`` to ``last`` of an asset that has only these."""
    return {
        ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
        ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
        SESSIONS_TAG: _dates(first, last),
    }


def with_names(run: dg.DagsterRun) -> dg.DagsterRun:
    """Return a run of partitions with both tags; any other run, and tags of partitions like no other, as they are."""
    start = run.tags.get(ASSET_PARTITION_RANGE_START_TAG) or run.tags.get(PARTITION_NAME_TAG)
    if start is None:
        return run
    added = {BY_TAG: "automation" if AUTOMATION_CONDITION_TAG in run.tags else "ui"}
    with suppress(ValueError):  # partitions of an asset that has others
        symbols, first, last = rectangle(start, run.tags.get(ASSET_PARTITION_RANGE_END_TAG) or start)
        added[SESSIONS_TAG] = _sessions(symbols, first, last)
    return run.with_tags({**added, **run.tags})


def _sessions(symbols: Iterable[str], first: date, last: date) -> str:
    return f"{'…'.join(symbols)} {_dates(first, last)}".strip()


def _dates(first: date, last: date) -> str:
    """Return a range as short as it is clear: ``2026-11-10…23``, ``2026-11-10…12-04``, ``2026-11-10…2027-01-08``."""
    if first == last:
        return first.isoformat()
    same = 8 if (first.year, first.month) == (last.year, last.month) else 5 if first.year == last.year else 0
    return f"{first.isoformat()}…{last.isoformat()[same:]}"
