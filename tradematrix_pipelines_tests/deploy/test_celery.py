"""Celery workers over a real Redis: they share a backfill, and one that is killed costs nothing.

They are started as docs/how-to/use-celery-workers.md says.
"""

import json
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
import redis
from click.testing import CliRunner, Result
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.monitoring import run_monitoring
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.defs.internals.celery_app import QUEUE, QUEUE_TAG
from tradematrix_pipelines.defs.internals.celery_launcher import CeleryLauncher, wait_for_workers
from tradematrix_pipelines.defs.internals.dagster_home import open_instance, project_file
from tradematrix_pipelines.defs.internals.submission import open_queue
from tradematrix_pipelines.defs.internals.workspace import answers
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines_tests.stack import environment, free_port, running, wait_for

pytestmark = pytest.mark.system

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
SYMBOLS = ("DAX", "NDX", "DJI", "EUR/USD", "XAG/USD")
PASSWORD = "hush"
EVERY_ROW = """
    SELECT count(*), md5(string_agg(concat_ws(' ', symbol_id, timeframe, ts, open, high, low, close, volume, source),
        ',' ORDER BY symbol_id, timeframe, ts)) FROM ohlc
    UNION ALL
    SELECT count(*), md5(string_agg(concat_ws(' ', symbol_id, trade_date, y_high, y_low, y_close), ','
        ORDER BY symbol_id, trade_date)) FROM levels_daily
    UNION ALL
    SELECT count(*), md5(string_agg(concat_ws(' ', symbol_id, timeframe, trade_date, status, final), ','
        ORDER BY symbol_id, timeframe, trade_date)) FROM session_coverage"""
COMPLETE = "SELECT count(*) FROM session_coverage WHERE timeframe = '1m' AND final"


def ask(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    assert settings.database_url is not None
    engine = create_engine(settings.database_url.get_secret_value())
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return rows


@dataclass(frozen=True, kw_only=True)
class Workers:
    """A code server, a daemon, Redis and a Celery worker with one process for runs."""

    env: Mapping[str, str]
    settings: Settings
    simulator: Simulator
    broker: str
    pid: int
    folder: Path

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env=dict(self.env))


def vendor_of(simulator: Simulator) -> dict[str, str]:
    return {
        "TRADEMATRIX_TWELVE_DATA_URL": simulator.url,
        "TWELVE_DATA_API_KEY": "any",
        "TWELVE_DATA_PLAN": "unlimited",
    }


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(clock=FrozenClock(NOW)) as started:
        yield started


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis on loopback that asks for a password, and keeps nothing."""
    program = shutil.which("redis-server")
    if program is None and "CI" in os.environ:
        pytest.fail("redis-server is not there: .ci/run installs it")
    if program is None:
        pytest.skip("redis-server is not there: apt-get install redis-server")
    port = free_port()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD)
    folder = tmp_path_factory.mktemp("redis")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, *options], cwd=folder, stdout=log, stderr=log)
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"

    def pings() -> bool:
        try:
            with redis.Redis.from_url(url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    try:
        wait_for("Redis", pings, seconds=30)
        yield url
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def workers(
    module_installation: Callable[..., Settings],
    tmp_path_factory: pytest.TempPathFactory,
    simulator: Simulator,
    broker: str,
) -> Iterator[Workers]:
    folder, port = tmp_path_factory.mktemp("celery"), free_port()
    own = {
        "TRADEMATRIX_CODE_SERVER": f"127.0.0.1:{port}",
        "TRADEMATRIX_LAUNCHER": "celery",
        "TRADEMATRIX_CELERY_BROKER": broker,
        "TRADEMATRIX_CLOCK": NOW.isoformat(),
        **vendor_of(simulator),
    }
    settings = module_installation(**own)
    assert settings.database_url is not None
    env = environment(settings.home, TRADEMATRIX_DATABASE_URL=settings.database_url.get_secret_value(), **own)
    assert CliRunner().invoke(main, ["migrate"], env=env).exit_code == 0
    with ExitStack() as stack:

        def start(name: str, *arguments: str) -> int:
            return stack.enter_context(running(env, "serve", *arguments, log=folder / f"{name}.log")).pid

        worker = start("worker", "celery-worker", "--concurrency", "1", "--queue", QUEUE, "--queue", "heavy")
        start("code-server", "code-server", "--port", str(port))
        wait_for("the code server", lambda: answers("127.0.0.1", port), seconds=120)
        start("daemon", "daemon")
        with open_instance(settings) as instance:
            wait_for(
                "the daemon", lambda: instance.get_daemon_statuses()["QUEUED_RUN_COORDINATOR"].healthy, seconds=120
            )
        yield Workers(env=env, settings=settings, simulator=simulator, broker=broker, pid=worker, folder=folder)


def processes_of(worker: int) -> list[psutil.Process]:
    return psutil.Process(worker).children(recursive=True)


def started_in(instance: dg.DagsterInstance) -> dict[str, int]:
    """Return the process of each run that has started."""
    found = {}
    for run in instance.get_runs():
        starts = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_START)
        if starts and starts[-1].dagster_event is not None and starts[-1].dagster_event.pid is not None:
            found[run.run_id] = starts[-1].dagster_event.pid
    return found


def backfill_with_a_kill(workers: Workers, first_day: str, undisturbed: list[tuple[Any, ...]]) -> None:
    """Have two workers carry out a backfill, kill one in the middle of a run, and see it end as if it were not."""
    arguments = ("backfill", *SYMBOLS, "--from", first_day, "--to", "2026-11-20", "--submit", "--json")
    workers.simulator.set_faults("slow=1")
    log, survivor = workers.folder / "backfill.log", workers.pid
    with (
        running(
            workers.env, "serve", "celery-worker", "--concurrency", "1", log=workers.folder / "victim.log"
        ) as other,
        open_instance(workers.settings) as instance,
        running(workers.env, *arguments, log=log) as command,
    ):
        victim = other.pid
        before = {run.run_id for run in instance.get_runs()}

        def both_at_work() -> set[int] | None:
            pids = set(started_in(instance).values())
            busy = [pids & {child.pid for child in processes_of(worker)} for worker in (victim, survivor)]
            return set.union(*busy) if all(busy) and ask(workers.settings, COMPLETE) != [(0,)] else None

        wait_for("the middle of the backfill", both_at_work, seconds=180)
        killed = {child.pid for child in processes_of(victim)}
        for process in (psutil.Process(victim), *processes_of(victim)):
            process.kill()
        at_the_kill = ask(workers.settings, COMPLETE)
        workers.simulator.set_faults()
        assert command.wait(300) == 0, log.read_text()
        assert at_the_kill < ask(workers.settings, COMPLETE), "killed too late to show anything"
        lost = {run_id for run_id, pid in started_in(instance).items() if pid in killed}
        ends = {run.run_id: run for run in instance.get_runs() if run.run_id not in before}
        failed = [run for run in ends.values() if run.status is dg.DagsterRunStatus.FAILURE]
        assert failed, "the lost run is marked as failed"
        assert {run.run_id for run in failed} <= lost
        again = {run.parent_run_id for run in ends.values() if run.is_success}
        assert {run.run_id for run in failed} <= again
        assert processes_of(survivor)
    assert ask(workers.settings, EVERY_ROW) == undisturbed


@pytest.mark.parametrize("day", ["2026-11-09", pytest.param("2026-08-20", marks=pytest.mark.kills)])
def test_a_backfill_whose_worker_is_killed_ends_complete(
    preparing: Callable[[], AbstractContextManager[tuple[Settings, pytest.MonkeyPatch]]],
    workers: Workers,
    simulator: Simulator,
    day: str,
) -> None:
    with preparing() as (calm, _):
        done = CliRunner().invoke(
            main, ["backfill", *SYMBOLS, "--from", day, "--to", "2026-11-20"], env=vendor_of(simulator)
        )
        assert done.exit_code == 0, done.output
        undisturbed = ask(calm, EVERY_ROW)
    backfill_with_a_kill(workers, day, undisturbed)


def test_a_run_goes_to_the_queue_that_its_tag_names_and_is_cancelled_there(workers: Workers) -> None:
    def ended(instance: dg.DagsterInstance, run_id: str) -> bool:
        run = instance.get_run_by_id(run_id)
        return run is not None and run.is_finished

    def is_at_work(instance: dg.DagsterInstance, run_id: str) -> bool:
        return instance.get_runs_count(dg.RunsFilter(run_ids=[run_id], statuses=[dg.DagsterRunStatus.STARTED])) == 1

    workers.simulator.set_faults("slow=2")
    with open_instance(workers.settings) as instance, open_queue(instance, workers.settings) as queue:
        launcher = instance.run_launcher
        assert isinstance(launcher, CeleryLauncher)
        at_work, waiting = (
            queue.submit(
                "ingest_candles",
                symbol="DAX",
                first=date(2026, 6, 1),
                last=date(2026, 8, 14),
                tags={QUEUE_TAG: name},
            )
            for name in ("heavy", "nobody")
        )
        wait_for("the run's start", lambda: is_at_work(instance, at_work), seconds=60)
        assert started_in(instance)[at_work] in {child.pid for child in processes_of(workers.pid)}
        lost = instance.get_run_by_id(waiting)
        assert lost is not None
        wait_for("the other's queue", lambda: launcher.broker.is_waiting(lost), seconds=60)
        assert instance.run_launcher.terminate(waiting)
        assert ended(instance, waiting)
        assert instance.run_launcher.terminate(at_work)
        wait_for("the cancelled run's end", lambda: ended(instance, at_work), seconds=60)
        runs = instance.get_runs(dg.RunsFilter(run_ids=[at_work, waiting]))
        assert {run.status for run in runs} == {dg.DagsterRunStatus.CANCELED}
    workers.simulator.set_faults()
    well = workers.run("serve", "celery-worker", "--check")
    assert (well.exit_code, well.output) == (0, "")
    logs = "".join(path.read_text() for path in workers.folder.glob("*.log"))
    assert PASSWORD not in logs


def test_a_started_run_without_a_heartbeat_is_lost(broker: str, settings: Settings) -> None:
    other = settings.model_copy(update={"launcher": "celery", "celery_broker": SecretStr(broker)})
    launcher = CeleryLauncher(other)
    with open_instance(settings) as instance, redis.Redis.from_url(broker) as client:
        run = create_run_for_test(instance)
        with launcher.broker.beating(instance, run.run_id):
            wait_for("the heartbeat", lambda: launcher.broker.worker_of(run.run_id), seconds=30)
            assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
            assert 50 < client.ttl(f"tradematrix:run:{run.run_id}") <= 60
        elsewhere = json.dumps({"space": "another machine", "pid": 1})
        client.set(f"tradematrix:run:{run.run_id}", elsewhere)
        assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
        client.delete(f"tradematrix:run:{run.run_id}")
        wait_for("a Redis that is no longer new", launcher.broker.remembers, seconds=90)
        assert launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND


def test_a_run_whose_place_another_has_taken_is_interrupted(broker: str, settings: Settings) -> None:
    other = settings.model_copy(update={"launcher": "celery", "celery_broker": SecretStr(broker)})
    with open_instance(settings) as instance:
        run = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED)
        instance.report_run_failed(run, "its Celery worker gives no sign of life")
        with pytest.raises(KeyboardInterrupt), CeleryLauncher(other).broker.beating(instance, run.run_id):
            time.sleep(30)


@pytest.mark.parametrize("queued", [True, False])
def test_only_a_run_that_waits_for_a_worker_may_take_longer_to_start(
    broker: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, queued: bool
) -> None:
    monkeypatch.setenv("TRADEMATRIX_LAUNCHER", "celery")
    monkeypatch.setenv("TRADEMATRIX_CELERY_BROKER", broker)
    settings.dagster_home.mkdir(parents=True)
    config = project_file("dagster.yaml").read_text().replace("start_timeout_seconds: 180", "start_timeout_seconds: 1")
    (settings.dagster_home / "dagster.yaml").write_text(config)
    monkeypatch.setattr(run_monitoring, "monitor_starting_run", run_monitoring.monitor_starting_run)
    wait_for_workers()
    with open_instance(load_settings()) as instance:
        run = create_run_for_test(instance, tags={QUEUE_TAG: "nobody"})
        starting = dg.DagsterEvent(dg.DagsterEventType.RUN_STARTING.value, job_name=run.job_name)
        instance.report_dagster_event(starting, run_id=run.run_id)
        if queued:
            instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        for _ in range(2):
            record = instance.get_run_record_by_id(run.run_id)
            assert record is not None
            assert record.dagster_run.status is dg.DagsterRunStatus.STARTING
            run_monitoring.monitor_starting_run(instance, record, logging.getLogger())
            time.sleep(1.1)
        after = instance.get_run_by_id(run.run_id)
    assert after is not None
    assert after.status is (dg.DagsterRunStatus.STARTING if queued else dg.DagsterRunStatus.FAILURE)


def test_without_a_broker_a_worker_says_what_to_set(settings: Settings) -> None:
    done = CliRunner().invoke(main, ["serve", "celery-worker"])
    assert (done.exit_code, done.output.count("\n")) == (2, 1), done.output
    assert "TRADEMATRIX_CELERY_BROKER" in done.output


@pytest.mark.parametrize("url", ["amqp://guest:hush@localhost//", "redis://", "hush"])
def test_a_broker_is_a_redis(url: str) -> None:
    with pytest.raises(UsageError, match="TRADEMATRIX_CELERY_BROKER is not the address of a Redis") as caught:
        load_settings({"TRADEMATRIX_CELERY_BROKER": url})
    assert PASSWORD not in str(caught.value)


def test_a_broker_that_is_away_is_named(settings: Settings) -> None:
    away = {"TRADEMATRIX_CELERY_BROKER": f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0"}
    done = CliRunner().invoke(main, ["serve", "celery-worker", "--check"], env=away)
    assert (done.exit_code, done.output.count("\n")) == (1, 1), done.output
    assert PASSWORD not in done.output
