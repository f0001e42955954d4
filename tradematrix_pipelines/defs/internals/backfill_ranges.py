"""Makes Dagster split a backfill of date x symbol into runs of one symbol and its dates.

Dagster keeps the dimension constant that has fewer keys selected. Five dates of seven symbols would be five runs of one
date, and a call to the vendor for each date of each symbol, although one call returns all dates of a symbol. It has no
setting for that: this replaces the method that splits, in each process that opens Dagster's storage, including its
daemon. Other partitions are split as before; and so are these, where Dagster's internals have changed.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset

SYMBOL_DIMENSION = "symbol"

_logger = logging.getLogger(__name__)
_cut_as_dagster_does = DefaultPartitionsSubset.get_partition_key_ranges


def cut_backfills_by_symbol() -> None:
    """Make Dagster split backfills by symbol in this process. Idempotent."""
    DefaultPartitionsSubset.get_partition_key_ranges = _cut  # type: ignore[method-assign,assignment]  # its self is named otherwise


def _cut(
    subset: DefaultPartitionsSubset, partitions_def: dg.PartitionsDefinition[str]
) -> Sequence[dg.PartitionKeyRange]:
    if not isinstance(partitions_def, dg.MultiPartitionsDefinition):
        return _cut_as_dagster_does(subset, partitions_def)
    if SYMBOL_DIMENSION not in partitions_def.partition_dimension_names:
        return _cut_as_dagster_does(subset, partitions_def)
    try:
        return _by_symbol(subset, partitions_def)
    except (AttributeError, TypeError, KeyError):
        _logger.warning("this Dagster's backfills can't be split by symbol", exc_info=True)
        return _cut_as_dagster_does(subset, partitions_def)


def _by_symbol(
    subset: DefaultPartitionsSubset, partitions_def: dg.MultiPartitionsDefinition
) -> list[dg.PartitionKeyRange]:
    [other] = [name for name in partitions_def.partition_dimension_names if name != SYMBOL_DIMENSION]
    dates = partitions_def.get_partitions_def_for_dimension(other).get_partition_keys()
    chosen: dict[str, set[str]] = defaultdict(set)
    for text in sorted(subset.subset):
        key = partitions_def.get_partition_key_from_str(text).keys_by_dimension
        chosen[key[SYMBOL_DIMENSION]].add(key[other])
    ranges = []
    for symbol, chosen_dates in chosen.items():
        for first, last in _contiguous_ranges(dates, chosen_dates):
            start, end = (dg.MultiPartitionKey({other: day, SYMBOL_DIMENSION: symbol}) for day in (first, last))
            ranges.append(dg.PartitionKeyRange(start, end))
    return ranges


def _contiguous_ranges(keys: Sequence[str], chosen: set[str]) -> list[tuple[str, str]]:
    """Return the first and last of each contiguous range of ``keys`` that are all in ``chosen``."""
    ranges: list[tuple[str, str]] = []
    start: str | None = None
    previous = ""
    for key in keys:
        if key in chosen:
            start = start or key
        elif start is not None:
            ranges.append((start, previous))
            start = None
        previous = key
    return [*ranges, (start, previous)] if start is not None else ranges
