"""The map of assets, jobs and partitions: a change to it has to show up in review."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.asset_backfill import AssetBackfillData
from dagster._core.storage.defs_state.base import DefsStateStorage
from dagster._utils.warnings import disable_dagster_warnings
from dagster.components.core.load_defs import PLUGIN_COMPONENT_TYPES_JSON_METADATA_KEY

from tradematrix_pipelines.definitions import build_defs, defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import date_before, date_partitions, session_partitions
from tradematrix_pipelines.defs.registry import STORED
from tradematrix_pipelines.settings import Settings, load_settings

SETTINGS = load_settings({"TRADEMATRIX_HOME": "unused"})


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return build_defs(SETTINGS).get_repository_def()


def test_the_lineage(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    dependencies = {
        key.to_user_string(): (
            graph.get(key).group_name,
            sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
        )
        for key in graph.get_all_asset_keys()
    }
    assert dependencies == {
        "vendor": ("sources", []),
        "market_symbols": ("sources", []),
        "ohlc_1m": ("candles", ["market_symbols", "vendor"]),
        "ohlc_5m": ("candles", ["ohlc_1m"]),
        "ohlc_15m": ("candles", ["ohlc_1m"]),
        "ohlc_1h": ("candles", ["ohlc_1m"]),
        "ohlc_1d": ("candles", ["ohlc_1m"]),
        "daily_levels": ("levels", ["ohlc_1d", "ohlc_1m"]),
        "pivot_points": ("levels", ["ohlc_1d", "ohlc_1m"]),
        "level_book": ("levels", ["ohlc_1d", "ohlc_1m"]),
        "level_outcomes": ("levels", ["ohlc_1d", "ohlc_1m"]),
        "verification": ("verification", ["vendor"]),
        "morning_report": ("reports", ["daily_levels", "level_outcomes", "pivot_points"]),
    }


def test_commands_leave_out_the_types_of_components_and_the_ui_does_not(
    repository: dg.RepositoryDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PLUGIN_COMPONENT_TYPES_JSON_METADATA_KEY not in repository.metadata
    monkeypatch.setenv("TRADEMATRIX_HOME", "unused")
    served = defs().get_repository_def()
    assert PLUGIN_COMPONENT_TYPES_JSON_METADATA_KEY in served.metadata
    assert served.asset_graph.get_all_asset_keys() == repository.asset_graph.get_all_asset_keys()


def test_commands_ask_once_for_the_state_of_components(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    storage = DefsStateStorage.get
    monkeypatch.setattr(DefsStateStorage, "get", lambda: asked.append(1) or storage())
    with open_instance(settings):
        build_defs(settings)
    assert len(asked) == 1


def test_a_backfill_of_any_selection_materializes_all_of_it(repository: dg.RepositoryDefinition) -> None:
    # Uses the class with which the daemon plans. Levels that depend on candles of the backfill are for the dates after
    # these; where they depend on none of its candles, they are for the chosen dates.
    graph, chosen, after = repository.asset_graph, ["2026-11-18", "2026-11-20"], ["2026-11-19", "2026-11-23"]
    levels, leads_to_levels = {"daily_levels", "pivot_points", "level_book"}, {"ohlc_1m", "ohlc_1d"}
    names = sorted(key.to_user_string() for key in STORED)
    checked = 0
    with disable_dagster_warnings(), dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("symbols", ["DAX", "EUR/USD"])
        for count in range(1, len(names) + 1):
            for selected in itertools.combinations(names, count):
                backfill = AssetBackfillData.from_asset_partitions(
                    asset_graph=graph,
                    partition_names=[f"{day}|{symbol}" for day in chosen for symbol in ("DAX", "EUR/USD")],
                    asset_selection=[dg.AssetKey(name) for name in selected],
                    dynamic_partitions_store=instance,
                    backfill_start_timestamp=datetime(2026, 11, 24, tzinfo=UTC).timestamp(),
                    all_partitions=False,
                )
                submitted = {
                    subset.key.to_user_string(): sorted(subset.subset_value.get_partition_keys())
                    for subset in backfill.target_subset.iterate_asset_subsets()
                }
                assert submitted == {
                    name: [
                        f"{day}|{symbol}"
                        for day in (after if name in levels and leads_to_levels.intersection(selected) else chosen)
                        for symbol in ("DAX", "EUR/USD")
                    ]
                    for name in selected
                }, selected
                checked += 1
    assert checked == 2 ** len(names) - 1


def test_every_stored_asset_says_what_it_is(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    assert set(STORED) <= graph.materializable_asset_keys
    for key in STORED:
        node = graph.get(key)
        assert node.description, key
        assert node.owners == ["team:market-data"], key
        assert node.kinds == {"postgres", "pandas"}, key
        assert {"dagster/table_name", "dagster/column_schema"} <= node.metadata.keys(), key
        assert node.backfill_policy == dg.BackfillPolicy.single_run(), key


def test_the_jobs(repository: dg.RepositoryDefinition) -> None:
    jobs = {
        job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
        for job in repository.get_all_jobs()
        if not job.name.startswith("__")
    }
    assert jobs == {
        "ingest_candles": ["ohlc_15m", "ohlc_1d", "ohlc_1h", "ohlc_1m", "ohlc_5m"],
        "compute_levels": ["daily_levels", "level_book", "level_outcomes", "pivot_points"],
        "trading_day": [
            *("daily_levels", "level_book", "level_outcomes"),
            *("ohlc_15m", "ohlc_1d", "ohlc_1h", "ohlc_1m", "ohlc_5m"),
            "pivot_points",
        ],
        "pull_live": [],
        "housekeeping": [],
        "prune_candles": [],
        "verify_sessions": [],
    }


def test_what_runs_by_default_and_without_automation() -> None:
    def triggers(settings: Settings) -> dict[str, tuple[str, bool]]:
        repository = build_defs(settings).get_repository_def()
        schedules = {
            schedule.name: (
                f"{schedule.cron_schedule} {schedule.execution_timezone or 'UTC'}",
                schedule.default_status.value == "RUNNING",
            )
            for schedule in repository.schedule_defs
        }
        sensors = {
            sensor.name: (f"{sensor.minimum_interval_seconds} s", sensor.default_status.value == "RUNNING")
            for sensor in repository.sensor_defs
        }
        return schedules | sensors

    everything = triggers(SETTINGS)
    assert everything == {
        "live": ("* * * * * UTC", True),
        "daily_close": ("59 20 * * 1-5 Europe/Berlin", True),
        "pivots": ("55 7 * * 2-6 Europe/Berlin", True),
        "session_close": ("30 s", True),
        "self_healing": ("60 s", True),
        "alerts": ("60 s", True),
        "freshness": ("300 s", True),
        "symbols": ("30 s", True),
        "quality": ("30 s", True),
        "verification_daily": ("30 23 * * 1-5 UTC", True),
        "housekeeping_hourly": ("23 * * * * UTC", True),
        "prune_monthly": ("7 3 1 * * UTC", False),
        "automation_conditions": ("60 s", True),
        "resume_after_limit": ("30 s", True),
    }
    quiet = triggers(load_settings({"TRADEMATRIX_HOME": "unused", "TRADEMATRIX_AUTOMATION": "0"}))
    running = {name for name, (_, runs) in quiet.items() if runs}
    assert running == {"symbols", "housekeeping_hourly", "resume_after_limit"}
    pruning = triggers(load_settings({"TRADEMATRIX_HOME": "unused", "TRADEMATRIX_KEEP": "1m=90d"}))
    assert pruning["prune_monthly"] == ("7 3 1 * * UTC", True)


# The clock is Dagster's argument here; weekdays and holidays are the calendar's of 2026.
@pytest.mark.parametrize(
    ("now", "coming"),
    [
        ("2026-11-24T08:00", "2026-11-25"),  # a Tuesday: Wednesday's FX session opens this evening
        ("2026-11-27T23:00", "2026-11-30"),  # a Friday night: Monday is next
        ("2026-11-29T23:00", "2026-11-30"),  # a Sunday evening, FX has opened
        ("2026-04-02T20:00", "2026-04-07"),  # before Easter: Xetra opens again on Tuesday
        ("2026-12-23T20:00", "2026-12-28"),  # before Christmas
    ],
)
def test_the_coming_trade_date_always_exists(now: str, coming: str) -> None:
    keys = date_partitions(SETTINGS).get_partition_keys(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert coming in keys
    assert not {key for key in keys if datetime.fromisoformat(key).weekday() >= 5}


def test_a_setting_adds_weekends() -> None:
    settings = load_settings({"TRADEMATRIX_WEEKENDS": "1"})
    keys = date_partitions(settings).get_partition_keys(datetime(2026, 11, 24, tzinfo=UTC))
    assert {"2026-11-21", "2026-11-22"} <= set(keys)


def test_levels_are_downstream_of_the_date_before_and_the_same_symbol() -> None:
    with disable_dagster_warnings(), dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("symbols", ["DAX", "EUR/USD"])
        partitions, mapping = session_partitions(SETTINGS), date_before()
        subset = partitions.empty_subset().with_partition_keys(
            [dg.MultiPartitionKey({"date": "2026-11-23", "symbol": "EUR/USD"})]
        )
        upstream = mapping.get_upstream_mapped_partitions_result_for_partitions(
            subset,
            partitions,
            partitions,
            current_time=datetime(2026, 11, 24, tzinfo=UTC),
            dynamic_partitions_store=instance,
        ).partitions_subset.get_partition_keys()
    dates = sorted(str(key).split("|")[0] for key in upstream)
    assert {str(key).split("|")[1] for key in upstream} == {"EUR/USD"}
    assert dates == ["2026-11-20"], "a Monday's levels follow from Friday"


def test_the_definitions_load_without_touching_anything(tmp_path: Path, settings: Settings) -> None:
    del settings
    from tradematrix_pipelines import definitions

    definitions.defs()
    assert not (tmp_path / "home").exists()
