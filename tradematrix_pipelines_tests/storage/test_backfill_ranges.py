"""How a backfill is split into runs, compared with the partitions that were chosen."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
import pytest
from dagster._utils.warnings import disable_dagster_warnings

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import session_partitions, sync_symbols
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.database import Database

SYMBOLS = ["DAX", "NDX", "DJI", "EUR/USD", "XAG/USD", "SPX", "GBP/USD"]
WEEK = [date(2026, 11, 16) + timedelta(days=n) for n in range(5)]


@pytest.fixture
def partitions(settings: Settings) -> Iterator[dg.MultiPartitionsDefinition]:
    """The assets' partitions in a process that has opened Dagster's instance, as each of Dagster's does."""
    with Database.open(settings), open_instance(settings) as instance, disable_dagster_warnings():
        sync_symbols(instance, SYMBOLS)
        with dg.partition_loading_context(dynamic_partitions_store=instance):
            yield session_partitions(load_settings({"TRADEMATRIX_HOME": "unused"}))


def cut(partitions: dg.MultiPartitionsDefinition, keys: list[str]) -> list[tuple[str, str]]:
    subset = partitions.subset_with_partition_keys(keys)
    return sorted((keys.start, keys.end) for keys in subset.get_partition_key_ranges(partitions))


def test_a_run_is_one_symbol_and_its_dates_whichever_are_fewer(partitions: dg.MultiPartitionsDefinition) -> None:
    for symbols, days in ((SYMBOLS, WEEK), (SYMBOLS[:2], WEEK), (SYMBOLS, WEEK[:1])):
        keys = [f"{day}|{symbol}" for day in days for symbol in symbols]
        assert cut(partitions, keys) == sorted((f"{days[0]}|{symbol}", f"{days[-1]}|{symbol}") for symbol in symbols)


def test_a_weekend_does_not_cut_and_a_day_left_out_does(partitions: dg.MultiPartitionsDefinition) -> None:
    days = ["2026-11-12", "2026-11-13", "2026-11-16", "2026-11-18"]
    assert cut(partitions, [f"{day}|EUR/USD" for day in days] + ["2026-11-18|DAX"]) == [
        ("2026-11-12|EUR/USD", "2026-11-16|EUR/USD"),
        ("2026-11-18|DAX", "2026-11-18|DAX"),
        ("2026-11-18|EUR/USD", "2026-11-18|EUR/USD"),
    ]


def test_other_partitions_are_cut_as_dagster_does(partitions: dg.MultiPartitionsDefinition) -> None:
    del partitions
    letters = dg.StaticPartitionsDefinition(["a", "b", "c", "d"])
    subset = letters.subset_with_partition_keys(["a", "b", "d"])
    ranges = subset.get_partition_key_ranges(letters)
    assert [(keys.start, keys.end) for keys in ranges] == [("a", "b"), ("d", "d")]
    with disable_dagster_warnings():
        grid = dg.MultiPartitionsDefinition({"letter": letters, "number": dg.StaticPartitionsDefinition(["1", "2"])})
    ranges = grid.subset_with_partition_keys(["a|1", "b|1", "a|2", "b|2"]).get_partition_key_ranges(grid)
    assert sorted((keys.start, keys.end) for keys in ranges) == [("a|1", "a|2"), ("b|1", "b|2")]
