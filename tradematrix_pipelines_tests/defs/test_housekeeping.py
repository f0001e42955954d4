"""Housekeeping deletes what is old, and nothing else; what grows has a limit."""

import os
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
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
        with instance.run_storage.connect() as connection:
            for (_, days, _), run_id in runs.items():
                created = SystemClock().now().astimezone(UTC).replace(tzinfo=None) - timedelta(days=days)
                connection.execute(
                    text("UPDATE runs SET create_timestamp = :at WHERE run_id = :id"), {"at": created, "id": run_id}
                )
        message = housekeep(settings, instance)
        left = {key for key, run_id in runs.items() if instance.has_run(run_id)}
    assert message == (
        "deleted 1 runs, 0 reports of checks, 1 bookings of credits, 0 versions of open sessions, 0 outputs of runs; "
        "truncated: no log"
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
        assert "deleted 0 runs, 13 reports of checks," in str(housekeep(settings, instance))
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
