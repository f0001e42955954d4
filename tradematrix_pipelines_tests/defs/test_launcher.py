"""Whether the process of a started run is still alive."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import psutil
import pytest
from dagster import DagsterEvent, DagsterEventType, DagsterRun
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.launcher import HOST_TAG, WatchedRunLauncher
from tradematrix_pipelines.settings import Settings

HERE = {HOST_TAG: socket.gethostname()}
SERVER = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": "/somewhere"})}
ELSEWHERE = {GRPC_INFO_TAG: json.dumps({"host": "code-server", "port": 4000})}


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings) as opened:
        yield opened


def started(instance: dg.DagsterInstance, tags: dict[str, str], pid: int) -> DagsterRun:
    run = create_run_for_test(instance, job_name="ingest_candles", tags=tags)
    event = DagsterEvent(DagsterEventType.RUN_START.value, job_name=run.job_name, pid=pid)
    instance.report_dagster_event(event, run.run_id)
    return run


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


def health(instance: dg.DagsterInstance, run: DagsterRun) -> WorkerStatus:
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    assert launcher.supports_check_run_worker_health
    return launcher.check_run_worker_health(run).status


@pytest.mark.parametrize("tags", [HERE, SERVER], ids=["command", "daemon"])
def test_a_process_on_this_machine_is_checked(instance: dg.DagsterInstance, tags: dict[str, str]) -> None:
    assert health(instance, started(instance, tags, os.getpid())) is WorkerStatus.RUNNING
    assert health(instance, started(instance, tags, dead_pid())) is WorkerStatus.NOT_FOUND


def test_a_reused_pid_is_not_the_runs_process(instance: dg.DagsterInstance) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        run = started(instance, HERE, child.pid)
        assert health(instance, run) is WorkerStatus.RUNNING
        long_ago = psutil.Process(child.pid).create_time() - 60
        with instance.event_log_storage.index_connection() as connection:
            connection.exec_driver_sql(
                "UPDATE event_logs SET event = jsonb_set(event::jsonb, '{timestamp}', %s::jsonb)::text, "
                "timestamp = to_timestamp(%s) WHERE run_id = %s",
                (str(long_ago), long_ago, run.run_id),
            )
        assert health(instance, run) is WorkerStatus.NOT_FOUND


@pytest.mark.parametrize("tags", [{HOST_TAG: "another"}, ELSEWHERE, {}], ids=["command", "code server", "unknown"])
def test_a_run_on_another_machine_is_left_alone(instance: dg.DagsterInstance, tags: dict[str, str]) -> None:
    assert health(instance, started(instance, tags, dead_pid())) is WorkerStatus.RUNNING


def test_a_run_that_has_not_begun_is_left_alone(instance: dg.DagsterInstance) -> None:
    assert health(instance, create_run_for_test(instance, tags=HERE)) is WorkerStatus.RUNNING
