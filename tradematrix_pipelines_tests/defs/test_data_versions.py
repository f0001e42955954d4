"""Other prices make partitions stale in the UI, the same prices stored again don't. A real instance."""

from datetime import date

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.instance.types import CachingDynamicPartitionsLoader
from dagster._core.loader import LoadingContextForTest
from sqlalchemy import text

from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.jobs import COMPUTE_LEVELS, INGEST_CANDLES
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines_tests.defs.day import CLOSED, OPEN, Day

WEEK = (date(2026, 11, 17), date(2026, 11, 20))


@pytest.fixture
def week(day: Day) -> Day:
    """A week of the DAX, in one run, and its levels."""
    day.at(CLOSED)
    ingest(day, *WEEK)
    outcome = run_sessions(
        day.instance, day.defs, COMPUTE_LEVELS, symbol="DAX", first=date(2026, 11, 18), last=date(2026, 11, 23)
    )
    assert outcome.error is None
    return day


def ingest(day: Day, first: date, last: date, *assets: str, refresh: bool = False) -> None:
    outcome = run_sessions(
        day.instance, day.defs, INGEST_CANDLES, symbol="DAX", first=first, last=last,
        assets=[dg.AssetKey(name) for name in assets],
        run_config={"ops": {"ohlc": {"config": {"refresh": refresh}}}},
    )  # fmt: skip
    assert outcome.error is None


def stale(day: Day) -> set[str]:
    """Return the partitions of the DAX's week that the UI calls stale."""
    graph = day.defs.get_repository_def().asset_graph
    resolver = CachingStaleStatusResolver(day.instance, graph, LoadingContextForTest(day.instance))
    days = ["2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "2026-11-23"]
    with partition_loading_context(dynamic_partitions_store=CachingDynamicPartitionsLoader(day.instance)):
        return {
            f"{key.to_user_string()} {trade_date}"
            for key in graph.get_all_asset_keys()
            for trade_date in days
            if resolver.get_status(key, f"{trade_date}|DAX") is StaleStatus.STALE
        }


def test_the_same_prices_again_make_nothing_stale(week: Day) -> None:
    assert stale(week) == set()
    ingest(week, WEEK[1], WEEK[1], "ohlc_1d")
    ingest(week, *WEEK, "ohlc_1m", "ohlc_1d", refresh=True)
    assert stale(week) == set()


def test_another_price_makes_its_levels_stale(week: Day) -> None:
    with Database.open(week.settings) as database, database.engine.begin() as connection:
        connection.execute(
            text("UPDATE ohlc SET high = high + 1 WHERE timeframe = '1d' AND ts = '2026-11-19 08:00+00'")
        )
    ingest(week, *WEEK, "ohlc_1d")
    assert stale(week) == {
        f"{asset} 2026-11-20" for asset in ("daily_levels", "pivot_points", "level_book", "level_outcomes")
    }


def test_each_partition_has_its_own_version_however_it_was_stored(day: Day) -> None:
    def version() -> str:
        event = day.instance.get_latest_materialization_event(dg.AssetKey("ohlc_5m"))
        assert event is not None
        assert event.asset_materialization is not None
        return str((event.asset_materialization.tags or {})["dagster/data_version"])

    assert day.pull(day.at(OPEN).schedule("live"))
    bars = int(version().partition("-")[0])
    assert bars > 0
    day.at(CLOSED)
    ingest(day, *WEEK)
    records = day.instance.fetch_materializations(dg.AssetKey("ohlc_5m"), limit=4).records
    tags = {
        record.partition_key: record.asset_materialization.tags for record in records if record.asset_materialization
    }
    versions = {key: (of_key or {})["dagster/data_version"] for key, of_key in tags.items()}
    assert len(set(versions.values())) == 4
    assert all(version.startswith("102-") for version in versions.values()), "8.5 hours"
