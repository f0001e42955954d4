"""Whether the process of a started run is still alive."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster import DagsterEvent, DagsterEventType, DagsterRun
from dagster._core.launcher import DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.launcher import HOST_TAG, WatchedRunLauncher
from tradematrix_pipelines.processes import process_space
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines_tests.code_server import code_server, create_run
from tradematrix_pipelines_tests.stack import wait_for

SERVER = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": "/somewhere"})}
ELSEWHERE = {GRPC_INFO_TAG: json.dumps({"host": "127.0.0.1", "port": 1})}
# The host's name alone is that of two containers on one machine, and of a fleet on one image.
ANOTHER_SPACE = {HOST_TAG: f"{socket.gethostname()} pid:[1]"}
WAITS = """
import time
from pathlib import Path
import dagster as dg

@dg.op
def wait():
    while not Path("go").exists():
        time.sleep(0.05)

@dg.job
def waits():
    wait()

defs = dg.Definitions(jobs=[waits])
"""


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings) as opened:
        yield opened


def started(instance: dg.DagsterInstance, tags: dict[str, str], pid: int) -> DagsterRun:
    """Return a run that has started in this process space, or in that of its tags."""
    run = create_run_for_test(instance, job_name="ingest_candles")
    event = DagsterEvent(DagsterEventType.RUN_START.value, job_name=run.job_name, pid=pid)
    instance.report_dagster_event(event, run.run_id)
    instance.add_run_tags(run.run_id, tags)
    return again(instance, run)


def again(instance: dg.DagsterInstance, run: DagsterRun) -> DagsterRun:
    known = instance.get_run_by_id(run.run_id)
    assert known is not None
    return known


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


def health(instance: dg.DagsterInstance, run: DagsterRun) -> WorkerStatus:
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    assert launcher.supports_check_run_worker_health
    return launcher.check_run_worker_health(run).status


@pytest.mark.parametrize("tags", [{}, SERVER, ELSEWHERE], ids=["command", "daemon", "code server"])
def test_a_process_of_this_space_is_checked(instance: dg.DagsterInstance, tags: dict[str, str]) -> None:
    assert health(instance, started(instance, tags, os.getpid())) is WorkerStatus.RUNNING
    assert health(instance, started(instance, tags, dead_pid())) is WorkerStatus.NOT_FOUND


def test_a_reused_pid_is_not_the_runs_process(instance: dg.DagsterInstance) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        run = started(instance, {}, child.pid)
        assert health(instance, run) is WorkerStatus.RUNNING
        long_ago = psutil.Process(child.pid).create_time() - 60
        with instance.event_log_storage.index_connection() as connection:
            connection.exec_driver_sql(
                "UPDATE event_logs SET event = jsonb_set(event::jsonb, '{timestamp}', %s::jsonb)::text, "
                "timestamp = to_timestamp(%s) WHERE run_id = %s",
                (str(long_ago), long_ago, run.run_id),
            )
        assert health(instance, run) is WorkerStatus.NOT_FOUND


@pytest.mark.parametrize("server", [{}, SERVER, ELSEWHERE], ids=["command", "daemon", "code server"])
@pytest.mark.parametrize("space", [{HOST_TAG: "another"}, ANOTHER_SPACE], ids=["host", "container"])
def test_a_pid_of_another_space_says_nothing(
    instance: dg.DagsterInstance, space: dict[str, str], server: dict[str, str]
) -> None:
    assert health(instance, started(instance, {**space, **server}, dead_pid())) is WorkerStatus.RUNNING


def test_from_another_space_the_code_server_is_asked(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    file = tmp_path / "waits.py"
    file.write_text(WAITS)
    with code_server(file) as (_, client):
        try:
            run = create_run(instance, client, "waits")
            DefaultRunLauncher.launch_run_from_grpc_client(instance, run, client)
            wait_for("its start", lambda: HOST_TAG in again(instance, run).tags, seconds=60)
            assert again(instance, run).tags[HOST_TAG] == process_space(), "the run's own process says where it is"
            instance.add_run_tags(run.run_id, ANOTHER_SPACE)
            assert health(instance, again(instance, run)) is WorkerStatus.RUNNING
            of_another_server = started(instance, {**ANOTHER_SPACE, **again(instance, run).tags}, os.getpid())
            assert health(instance, of_another_server) is WorkerStatus.NOT_FOUND
            (tmp_path / "go").touch()
            wait_for("its end", lambda: again(instance, run).is_finished, seconds=60)
        finally:
            (tmp_path / "go").touch()  # the server waits for its runs
    assert health(instance, of_another_server) is WorkerStatus.RUNNING, "nobody answers, so nothing is known"


def test_a_run_that_has_not_begun_is_left_alone(instance: dg.DagsterInstance) -> None:
    assert health(instance, create_run_for_test(instance, tags={HOST_TAG: process_space()})) is WorkerStatus.RUNNING
