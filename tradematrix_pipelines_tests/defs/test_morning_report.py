"""The morning page as an asset: made by itself when a date's levels are there, and anew in the morning."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.defs.registry import MORNING_REPORT
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import set_active
from tradematrix_pipelines_tests.defs.day import CLOSED, Day

BOTH = {"2026-11-20", "2026-11-23"}
MONDAY = datetime(2026, 11, 23, 6, 58, 20, tzinfo=UTC)
"""Two minutes before eight in Berlin, and a few seconds: the tick of the morning has passed."""


class Ticks:
    """Rounds of the automation sensor, each of which knows the one before."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.cursor: dg.AssetDaemonCursor | None = None

    def at(self, now: datetime) -> set[str | None]:
        """Return the trade dates whose page is requested at ``now``."""
        result = dg.evaluate_automation_conditions(
            defs=self.day.at(now).defs,
            instance=self.day.instance,
            asset_selection=dg.AssetSelection.assets(MORNING_REPORT),
            cursor=self.cursor,
            evaluation_time=now,
        )
        self.cursor = result.cursor
        return set(result.get_requested_partitions(MORNING_REPORT))


def keep_two_symbols(day: Day) -> None:
    with Database.open(day.settings) as database:
        for name in ("NDX", "DJI", "XAG/USD"):
            set_active(database.engine, name, active=False)
    sync_symbols(day.instance, ["DAX", "EUR/USD"])


def make(day: Day, first: str, last: str | None = None) -> bool:
    """Materialize the pages of a range of trade dates in one run; return whether all could be made."""
    job = day.defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={MORNING_REPORT})
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
    return job.execute_in_process(instance=day.instance, tags=tags, raise_on_error=False).success


def test_it_is_made_when_the_last_levels_arrive_and_anew_in_the_morning(day: Day) -> None:
    keep_two_symbols(day)
    ticks = Ticks(day)
    assert ticks.at(CLOSED) == set()
    day.carry_out(day.at(CLOSED).sensor("session_close"))
    levels = day.sensor("session_close")
    assert not isinstance(levels, str)
    day.carry_out(levels[:-1])
    assert ticks.at(CLOSED + timedelta(minutes=1)) == set(), "the levels of one symbol are not there yet"
    day.carry_out(levels[-1:])
    assert {str(day) for (day,) in day.ask("SELECT DISTINCT trade_date FROM levels_daily")} >= BOTH
    assert ticks.at(CLOSED + timedelta(minutes=2)) == BOTH, "those that are not long past"
    assert make(day, "2026-11-20", "2026-11-23")
    assert ticks.at(CLOSED + timedelta(minutes=3)) == set()
    assert ticks.at(MONDAY - timedelta(minutes=2)) == set()
    assert ticks.at(MONDAY) == {"2026-11-23"}, "and no other date, of which there are no levels"

    wanted = dg.AssetRecordsFilter(asset_key=MORNING_REPORT, asset_partitions=["2026-11-23"])
    [record] = day.instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    shown = {name: value.value for name, value in record.asset_materialization.metadata.items()}
    assert (shown["symbols"], shown["with_levels"], shown["without_levels"]) == (2, 2, "none")
    assert (date(2026, 11, 23), shown["bytes"]) in day.ask("SELECT trade_date, octet_length(html) FROM morning_reports")

    assert not make(day, "2026-11-23", "2026-11-24"), "of Tuesday there are no levels yet"
    assert day.instance.get_materialized_partitions(MORNING_REPORT) == BOTH
    assert day.ask("SELECT count(*) FROM morning_reports") == [(2,)]


def test_a_round_looks_at_a_weeks_partitions_however_long_the_history_is() -> None:
    defs = build_defs(load_settings({"TRADEMATRIX_HOME": "unused", "TRADEMATRIX_HISTORY_START": "2020-02-10"}))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("symbols", ["DAX", "EUR/USD"])
        result = dg.evaluate_automation_conditions(
            defs=defs,
            instance=instance,
            asset_selection=dg.AssetSelection.assets(MORNING_REPORT),
            evaluation_time=datetime(2026, 11, 20, 7, 1, tzinfo=UTC),
        )
    [evaluation] = [one.serializable_evaluation for one in result.results if one.key == MORNING_REPORT]
    nodes = [evaluation]
    mapped = []  # what is asked of the levels, for how many dates
    while nodes:
        node = nodes.pop()
        nodes += node.child_evaluations
        if node.condition_snapshot.class_name == "EntityMatchesCondition":
            mapped.append(getattr(node.candidate_subset, "size", "all"))
    assert len(mapped) == 12
    assert set(mapped) <= set(range(6)), "years of dates of all symbols take seconds of CPU each minute"
