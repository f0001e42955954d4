"""Dagster's storage locates its database by itself, and its batches leave the same rows as the stock storage."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import psycopg
import pytest
from dagster import DagsterEventType, EventLogEntry
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent
from dagster._core.test_utils import create_run_for_test
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy import Connection, event, text

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.dagster_storage import BatchingEventLogStorage, TradeMatrixStorage
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.postgres.embedded import ServerLease
from tradematrix_pipelines.settings import Settings, load_settings

CONFIG = """
storage:
  custom:
    module: tradematrix_pipelines.defs.internals.dagster_storage
    class: TradeMatrixStorage
    config: {}
telemetry:
  enabled: false
"""
TABLES = {
    "event_logs": "*",
    "asset_keys": "asset_key, last_materialization, last_run_id, last_materialization_timestamp, asset_details",
    "asset_event_tags": "*",
    "asset_check_executions": "id, asset_key, check_name, partition, run_id, execution_status, evaluation_event, "
    "evaluation_event_timestamp, evaluation_event_storage_id",
}


@pytest.fixture
def dagster_home(settings: Settings, tmp_path: Path) -> Path:
    """A Dagster home of a test's own, over a fresh database."""
    (tmp_path / "dagster.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def fresh(postgres: ServerLease) -> Callable[[], dict[str, str]]:
    """Settings of a new pair of databases, at each call."""
    return lambda: {
        "TRADEMATRIX_DATABASE_URL": postgres.url(f"log_{uuid4().hex[:12]}").render_as_string(hide_password=False)
    }


def entry(kind: DagsterEventType, data: Any, *, run: str, at: float) -> EventLogEntry:
    happened = DagsterEvent(event_type_value=kind.value, job_name="job", event_specific_data=data, step_key="step")
    return EventLogEntry(  # type: ignore[no-untyped-call]  # Dagster's constructor has no annotations
        error_info=None,
        level=10,
        user_message="",
        run_id=run,
        timestamp=at,
        step_key="step",
        job_name="job",
        dagster_event=happened,
    )


def planned(asset: str, partition: str | None, *, run: str, at: float) -> EventLogEntry:
    data = AssetMaterializationPlannedData(dg.AssetKey(asset), partition=partition)
    return entry(DagsterEventType.ASSET_MATERIALIZATION_PLANNED, data, run=run, at=at)


def check_planned(asset: str, *, run: str, at: float) -> EventLogEntry:
    data = AssetCheckEvaluationPlanned(asset_key=dg.AssetKey(asset), check_name="sane", partitions_subset=None)
    return entry(DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, data, run=run, at=at)


def a_runs_plans(run: str, start: float) -> list[EventLogEntry]:
    """The events that Dagster stores for a run of three assets, one with a check, one without partitions."""
    days = [f"2026-11-{day:02}|EUR/USD" for day in (16, 17, 18)]
    return [
        *(planned("ohlc_1m", day, run=run, at=start + n) for n, day in enumerate(days)),
        check_planned("ohlc_1m", run=run, at=start + 3),
        *(planned("ohlc_5m", day, run=run, at=start + 4 + n) for n, day in enumerate(days)),
        planned("symbols", None, run=run, at=start + 7),
    ]


def store_in_batches(storage: PostgresEventLogStorage) -> None:
    """Two runs, the later of which plans what the earlier one planned, and a single event."""
    storage.store_event_batch(a_runs_plans("run-1", 1_700_000_000.25))
    storage.store_event_batch(a_runs_plans("run-2", 1_700_000_100.5))
    storage.store_event_batch([planned("ohlc_5m", "2026-11-19|EUR/USD", run="run-3", at=1_700_000_200.0)])


def rows(storage: PostgresEventLogStorage) -> dict[str, Sequence[Any]]:
    with storage.index_connection() as connection:
        query = "select {} from {} order by 1"
        return {t: connection.execute(text(query.format(c, t))).fetchall() for t, c in TABLES.items()}


@contextmanager
def batching(
    environment: dict[str, str], kind: type[BatchingEventLogStorage] = BatchingEventLogStorage
) -> Iterator[BatchingEventLogStorage]:
    databases = open_databases(load_settings({**environment, "TRADEMATRIX_HOME": "unused"}))
    storage = kind(databases.dagster.render_as_string(hide_password=False), databases)
    yield storage
    storage.dispose()


@pytest.fixture
def stock_rows(fresh: Callable[[], dict[str, str]]) -> dict[str, Sequence[Any]]:
    """The rows that Dagster's own storage leaves."""
    with open_databases(load_settings({**fresh(), "TRADEMATRIX_HOME": "unused"})) as databases:
        storage = PostgresEventLogStorage(databases.dagster.render_as_string(hide_password=False))
        store_in_batches(storage)
        stored = rows(storage)
    assert [len(stored[table]) for table in TABLES] == [17, 3, 0, 2]
    return stored


def test_batches_leave_the_rows_that_the_stock_storage_leaves(
    fresh: Callable[[], dict[str, str]], stock_rows: dict[str, Sequence[Any]]
) -> None:
    with batching(fresh()) as storage:
        store_in_batches(storage)
        assert rows(storage) == stock_rows


def test_a_batch_costs_a_few_statements_however_long(fresh: Callable[[], dict[str, str]]) -> None:
    plans = [planned(asset, f"day-{n}", run="run", at=1.7e9 + n) for asset in ("a", "b") for n in range(100)]
    statements: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    with batching(fresh()) as storage:
        storage.store_event(planned("a", "before", run="run", at=1.6e9))  # the first one asks for the schema's state
        event.listen(storage._engine, "before_cursor_execute", note)
        storage.store_event_batch(plans)
    assert len(statements) == 3, statements  # all events, and an upsert of each asset


class RenamedBefore(BatchingEventLogStorage):
    """A Dagster whose method to insert many events has another signature."""

    def prepare_insert_event_batch(  # type: ignore[override]  # the point of it
        self, events: Sequence[EventLogEntry], *, shard: str
    ) -> Any:
        raise AssertionError(events, shard)


class RenamedAfter(BatchingEventLogStorage):
    """A Dagster that fails once the events are inserted: they must be rolled back."""

    broken = True

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        if self.broken:
            self.broken = False
            raise TypeError("unexpected argument")
        super()._store_asset_event(conn, event, event_id)


def test_the_end_of_a_run_is_read_once_its_row_says_so_or_has_been_behind_for_a_minute(settings: Settings) -> None:
    """The daemon would pass over a failed run whose row is not written yet, and never retry it."""
    ends = {DagsterEventType.RUN_FAILURE}
    with open_instance(settings) as instance:
        log = instance.event_log_storage
        runs = [instance.create_run_for_job(_nothing, status=dg.DagsterRunStatus.STARTED) for _ in range(3)]
        stale, failing, later = runs

        def seen() -> list[str]:
            return [one.run_id for one in log.get_logs_for_all_runs_by_log_id(-1, ends).values()]

        def fail(run: dg.DagsterRun, *, age: float) -> None:
            log.store_event(entry(DagsterEventType.RUN_FAILURE, None, run=run.run_id, at=time.time() - age))

        fail(stale, age=90)
        assert seen() == [stale.run_id], "as after a daemon that was down"
        fail(failing, age=0)
        fail(later, age=0)
        instance.report_run_failed(later)
        assert seen() == [stale.run_id]
        instance.report_run_failed(failing)
        assert seen()[:3] == [stale.run_id, failing.run_id, later.run_id]


@dg.job
def _nothing() -> None:
    """A job without ops."""


@pytest.mark.parametrize("running", [True, False], ids=["run", "other process"])
def test_a_run_stores_its_events_once_the_database_is_back(
    settings: Settings, postgres: ServerLease, running: bool
) -> None:
    with open_instance(settings) as instance:
        run = create_run_for_test(instance)
        storage = instance.event_log_storage
        assert isinstance(storage, BatchingEventLogStorage)
        if running:
            storage.store_event(entry(DagsterEventType.RUN_START, None, run=run.run_id, at=1.0))
        name = storage._engine.url.database
        with psycopg.connect(postgres.url("postgres").render_as_string(hide_password=False), autocommit=True) as admin:

            def allow(allowed: str) -> None:
                admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}")

            allow("false")
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            event = planned("candles", "2026-11-20", run=run.run_id, at=2.0)
            if running:
                back = threading.Timer(12.0, allow, ["true"])  # Dagster itself tries again for six seconds
                back.start()
                storage.store_event(event)
                back.join()
            else:
                with pytest.raises(DagsterPostgresException):
                    storage.store_event(event)
                allow("true")
        kept = [one.dagster_event_type for one in instance.all_logs(run.run_id)]
    assert kept == ([DagsterEventType.RUN_START, DagsterEventType.ASSET_MATERIALIZATION_PLANNED] if running else [])


@pytest.mark.parametrize("kind", [RenamedBefore, RenamedAfter])
def test_another_dagster_gets_the_stock_behaviour_and_a_warning(
    kind: type[BatchingEventLogStorage],
    fresh: Callable[[], dict[str, str]],
    stock_rows: dict[str, Sequence[Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def without_ids(tables: dict[str, Sequence[Any]]) -> tuple[Any, ...]:
        return [row[1:] for row in tables["event_logs"]], tables["asset_keys"], len(tables["asset_check_executions"])

    with batching(fresh(), kind) as storage:
        store_in_batches(storage)
        # An insert that is rolled back leaves a gap in the ids.
        assert without_ids(rows(storage)) == without_ids(stock_rows)
    assert "storing one by one" in caplog.text


def test_an_instance_gives_itself_to_another_process(dagster_home: Path) -> None:
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        reference = instance.get_ref()
        with dg.DagsterInstance.from_ref(reference) as other:
            assert type(other.event_log_storage) is BatchingEventLogStorage
            assert other.get_ref() == reference
        storage = reference.storage
        assert isinstance(storage, TradeMatrixStorage)
        for ours, dagsters in (
            (storage.event_storage_data, reference.event_storage_data),
            (storage.run_storage_data, reference.run_storage_data),
            (storage.schedule_storage_data, reference.schedule_storage_data),
        ):
            assert ours is not None
            assert dagsters is not None
            assert ours.info_dict() == dagsters.info_dict()
        event_storage = reference.event_storage
        assert event_storage is not None
        assert event_storage.get_logs_for_run("no such run") == []
        event_storage.dispose()
        storage.event_log_storage.dispose()


def test_partitions_materialize_in_it(dagster_home: Path) -> None:
    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["mon", "tue", "wed"]))
    def toy(context: dg.AssetExecutionContext) -> int:
        return len(context.partition_key)

    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        for key in ("mon", "wed"):
            assert dg.materialize([toy], partition_key=key, instance=instance).success
    with dg.DagsterInstance.from_config(str(dagster_home)) as later:
        assert later.get_materialized_partitions(dg.AssetKey("toy")) == {"mon", "wed"}


def test_a_bare_dagster_works_on_the_embedded_server_from_nothing(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(CONFIG)
    home = tmp_path / "home"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEMATRIX_", "DAGSTER_"))}
    environment = {**kept, "DAGSTER_HOME": str(tmp_path), "TRADEMATRIX_HOME": str(home)}
    command = [sys.executable, "-m", "dagster", "instance", "info"]
    pipe = subprocess.PIPE
    # Two at once, as `dagster dev` starts several processes: one makes the server and the tables, both work.
    started = [subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    for process in started:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "event_log_storage: BatchingEventLogStorage" in output
        assert "Retrying" not in errors
    assert (home / "postgres" / "PG_VERSION").exists()
    assert not (home / "postgres" / "postmaster.pid").exists()
