"""Housekeeping deletes what is old, and nothing else; what grows has a limit."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test, in_process_test_workspace
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_graphql.test.utils import execute_dagster_graphql
from sqlalchemy import text

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.log_files import LIMIT
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.check_events import count_check_events, prune_check_events
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.coverage_history import count_open_versions
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols


def test_old_pulls_and_bookings_are_deleted(settings: Settings, database: Database) -> None:
    now = database.clock.now()
    with database.engine.begin() as connection:
        for days in (34, 36):
            connection.execute(
                text("INSERT INTO vendor_credits (vendor, reserved_at, credits, purpose, settled) "
                     "VALUES ('twelve_data', :at, 1, 'live', true)"),
                {"at": now - timedelta(days=days)},
            )  # fmt: skip
    with open_instance(settings) as instance:
        runs = {
            (job, days, status): create_run_for_test(instance, job_name=job, status=status).run_id
            for job in ("pull_live", "trading_day")
            for days in (6, 8)
            for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED)
        }
        for (_, days, _), run_id in runs.items():
            _age(instance, run_id, days=days)
        message = housekeep(settings, instance)
        left = {key for key, run_id in runs.items() if instance.has_run(run_id)}
    assert message == (
        "deleted 1 runs, 0 events of old ones, 0 reports of checks, 1 bookings of credits, 0 versions of open "
        "sessions, 0 outputs of runs; truncated: no log"
    )
    assert runs.keys() - left == {("pull_live", 8, dg.DagsterRunStatus.SUCCESS)}
    with database.engine.connect() as connection:
        [kept] = connection.execute(text("SELECT reserved_at FROM vendor_credits")).scalars()
    assert isinstance(kept, datetime)
    assert kept == now - timedelta(days=34)


def test_of_the_versions_of_an_open_session_the_last_one_stays(settings: Settings, database: Database) -> None:
    now = database.clock.now()
    [symbol] = find_symbols(database.engine, ["DAX"])
    known: dict[date, list[datetime]] = {}
    for days in (8, 3):
        session = get_calendar("XETR").previous((now - timedelta(days=days - 1)).date())
        stamps = [session.opens_at + timedelta(minutes=1 + n) for n in range(4)] + [session.closes_at, now]
        known[session.trade_date] = stamps
        for received, at in enumerate(stamps, 1):
            final = at >= session.closes_at
            coverage = Coverage(
                timeframe=Timeframe.M1, trade_date=session.trade_date, status=Status.COMPLETE, final=final,
                expected=received, received=received, source="files", opens_at=session.opens_at,
                closes_at=session.closes_at,
            )  # fmt: skip
            batch = SeriesBatch(symbol=symbol, timeframe=Timeframe.M1, coverage=(coverage,), source="files")
            write(database.engine, [batch], now=at)
    assert count_open_versions(database.engine) == 8
    with open_instance(settings) as instance:
        assert ", 3 versions of open sessions," in housekeep(settings, instance)
        assert ", 0 versions of open sessions," in housekeep(settings, instance)

    def received_at(day: date, at: datetime) -> list[int]:
        rows = read_coverage(database.engine, [symbol], [Timeframe.M1], day, day, as_of=at)
        return [row.coverage.received for row in rows]

    (old, of_old), (young, of_young) = sorted(known.items())
    assert [received_at(old, at) for at in of_old] == [[], [], [], [4], [5], [6]], "from the last one on"
    assert [received_at(young, at) for at in of_young] == [[1], [2], [3], [4], [5], [6]]


def housekeep(settings: Settings, instance: dg.DagsterInstance) -> str:
    """Run the job, and return what it logs."""
    result = build_defs(settings).resolve_job_def("housekeeping").execute_in_process(instance=instance)
    [line] = [
        record.user_message for record in instance.all_logs(result.run_id) if record.user_message.startswith("deleted")
    ]
    return line


@pytest.mark.usefixtures("database")
def test_old_reports_of_checks_are_deleted_except_the_newest_of_each_check(settings: Settings) -> None:
    with open_instance(settings) as instance:
        for number in range(8):
            for asset in ("ohlc_1m", "ohlc_1h"):
                instance.report_runless_asset_event(
                    dg.AssetCheckEvaluation(asset_key=dg.AssetKey(asset), check_name="fresh", passed=number % 2 == 0)
                )
        storage = instance.event_log_storage
        with storage.index_connection() as connection:  # type: ignore[attr-defined]  # of every SQL storage
            connection.execute(
                text("UPDATE asset_check_executions SET evaluation_event_timestamp = now() - interval '8 days' "
                     "WHERE NOT (asset_key LIKE '%1h%' AND id > (SELECT max(id) - 4 FROM asset_check_executions))")
            )  # fmt: skip
        # Of ohlc_1m all eight are old, of ohlc_1h all but the last two.
        assert "deleted 0 runs, 0 events of old ones, 13 reports of checks," in str(housekeep(settings, instance))
        with storage.index_connection() as connection:  # type: ignore[attr-defined]  # same
            assert count_check_events(connection) == 3
            reports = "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_CHECK_EVALUATION'"
            assert connection.execute(text(reports)).scalar_one() == 3
            assert prune_check_events(connection, before=SystemClock().now() + timedelta(days=1)) == 1
        key = dg.AssetCheckKey(dg.AssetKey("ohlc_1m"), "fresh")
        [newest] = storage.get_asset_check_execution_history(key, limit=5)
        assert newest.status.value == "FAILED"


@pytest.mark.usefixtures("database")
def test_large_logs_are_truncated_and_old_outputs_of_runs_deleted(settings: Settings) -> None:
    logs = settings.home / "logs"
    logs.mkdir(parents=True)
    (logs / "webserver.log").write_bytes(b"small")
    outputs = settings.dagster_home / "storage" / "some-run" / "compute_logs"
    outputs.mkdir(parents=True)
    old = (SystemClock().now() - timedelta(days=8)).timestamp()
    os.utime(outputs, (old, old))
    with (logs / "daemon.log").open("ab", buffering=0) as writer, open_instance(settings) as instance:
        writer.write(b"x" * (LIMIT + 1))
        assert str(housekeep(settings, instance)).endswith("1 outputs of runs; truncated: daemon.log")
        writer.write(b"goes on")
    assert (logs / "daemon.log").read_bytes() == b"goes on"
    assert (logs / "daemon.log.1").stat().st_size == LIMIT + 1
    assert (logs / "webserver.log").read_bytes() == b"small"
    assert list((settings.dagster_home / "storage").iterdir()) == []


DESK = """
import dagster as dg

PARTITIONS = dg.StaticPartitionsDefinition(["mon", "tue", "wed", "thu"])

class Config(dg.Config):
    fails: bool = False

@dg.multi_asset(
    specs=[dg.AssetSpec(name, partitions_def=PARTITIONS, skippable=True) for name in ("prices", "volumes")],
    can_subset=True,
)
def desk(context: dg.AssetExecutionContext, config: Config):
    context.log.info("working")
    if config.fails:
        raise dg.Failure("no vendor")
    for key in context.selected_asset_keys:
        context.log_event(dg.AssetObservation(key, partition=context.partition_key))
        yield dg.MaterializeResult(asset_key=key, metadata={"run": context.run.run_id})

defs = dg.Definitions([desk])
"""
SHOWN = """
{ assetNodes { assetKey { path } assetPartitionStatuses { ... on DefaultPartitionStatuses {
    materializedPartitions failedPartitions unmaterializedPartitions materializingPartitions } } } }
"""


def test_events_of_old_runs_are_deleted_and_partitions_show_what_they_did(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    del database
    (tmp_path / "desk.py").write_text(DESK)
    origin = LoadableTargetOrigin(python_file=str(tmp_path / "desk.py"), attribute="defs")
    space: dict[str, Any] = {}
    exec(DESK, space)
    keys = [dg.AssetKey(name) for name in ("prices", "volumes")]
    with open_instance(settings) as instance:

        def run(day: str, *names: str, fails: bool = False) -> str:
            result = dg.materialize(
                [space["desk"]],
                instance=instance,
                partition_key=day,
                selection=[dg.AssetKey(name) for name in names],
                run_config={"ops": {"desk": {"config": {"fails": fails}}}},
                raise_on_error=False,
            )
            assert result.success is not fails
            return result.run_id

        def shown() -> dict[str, object]:
            with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
                connection.execute(text("UPDATE asset_keys SET cached_status_data = NULL"))  # computed anew
            with in_process_test_workspace(instance, origin) as context:
                answer = execute_dagster_graphql(context, SHOWN).data
            partitions = [
                (key, day, instance.fetch_materializations(filter_by(key, day), limit=1).records)
                for key in keys
                for day in ("mon", "tue", "wed", "thu")
            ]
            latest = [(key, day, *(record.asset_materialization for record in found)) for key, day, found in partitions]
            statuses = [
                instance.get_status_by_partition(key, ["mon", "tue", "wed", "thu"], space["PARTITIONS"]) for key in keys
            ]
            return {"ui": answer, "latest": latest, "statuses": statuses}

        superseded = run("mon", "prices", "volumes")
        half = run("tue", "prices", "volumes")
        run("mon", "prices", "volumes")
        run("tue", "prices")
        failed = run("wed", "prices", fails=True)
        met = run("thu", "prices", fails=True)
        run("thu", "prices")
        young = run("thu", "volumes")
        for old in (superseded, half, failed, met):
            _age(instance, old, days=400)
        before, events = shown(), {run_id: len(instance.all_logs(run_id)) for run_id in (half, failed, young)}
        message = housekeep(settings, instance)
        assert shown() == before
        left = {run_id for run_id in (superseded, half, failed, met, young) if instance.has_run(run_id)}
        assert left == {half, failed, young}, "the others' partitions have been materialized again"
        [kept] = [event for event in instance.all_logs(half) if event.get_dagster_event().is_step_materialization]
        assert kept.get_dagster_event().asset_key == keys[1], "of two partitions it is the newest of one"
        assert len(instance.all_logs(half)) < events[half]
        assert instance.all_logs(superseded) == []
        assert 0 < len(instance.all_logs(failed)) < events[failed]
        kinds = {event.dagster_event_type for event in instance.all_logs(failed)}
        assert {"STEP_FAILURE", "PIPELINE_FAILURE", "ASSET_MATERIALIZATION_PLANNED"} <= {
            str(k.value) for k in kinds if k
        }
        assert len(instance.all_logs(young)) == events[young]
        assert message.startswith("deleted 2 runs, ")
        assert housekeep(settings, instance).startswith("deleted 0 runs, 0 events of old ones,"), "it was looked at"
        # A month later it is looked at again.
        run("wed", "prices")
        with instance.run_storage.connect() as connection:
            connection.execute(text("UPDATE run_tags SET value = '2020-01-01' WHERE key = 'tradematrix/thinned'"))
        before = shown()
        assert housekeep(settings, instance).startswith("deleted 1 runs, ")
        assert not instance.has_run(failed)
        assert shown() == before


def filter_by(key: dg.AssetKey, day: str) -> dg.AssetRecordsFilter:
    return dg.AssetRecordsFilter(asset_key=key, asset_partitions=[day])


def _age(instance: dg.DagsterInstance, run_id: str, *, days: int) -> None:
    created = SystemClock().now().astimezone(UTC).replace(tzinfo=None) - timedelta(days=days)
    with instance.run_storage.connect() as connection:
        connection.execute(
            text("UPDATE runs SET create_timestamp = :at WHERE run_id = :id"), {"at": created, "id": run_id}
        )


def test_a_run_makes_no_files_of_its_own(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    @dg.op
    def talk(context: dg.OpExecutionContext) -> None:
        print("printed")  # noqa: T201 - that is the point
        context.log.info("line")

    @dg.job(executor_def=dg.in_process_executor)
    def talking() -> None:
        talk()

    with open_instance(settings) as instance:
        assert talking.execute_in_process(instance=instance).success
    assert [path for path in settings.dagster_home.rglob("*") if path.is_file() and path.name != "dagster.yaml"] == []
    assert "printed" in capfd.readouterr().out
