"""Dagster's default run launcher with a health check, named under ``run_launcher`` in ``dagster.yaml``.

Dagster's launcher relies on the code server to report that a run's process is gone. Where both are gone (a crash of the
machine, a hard kill), a run would stay "started" forever, occupy a slot, and block its backfill. Here the daemon finds
out by itself. A run whose process is gone is marked as failed, and ``run_retries`` runs it again.

A pid means something only where the process is: each run has a tag that says in which process space it has started.
From any other space, the run's code server is asked. An address on loopback proves nothing: containers may share a
network and not their processes.
"""

import json
from collections.abc import Mapping
from typing import Any

import psutil  # type: ignore[import-untyped]  # psutil ships no types
from dagster import DagsterEventType, DagsterInstance, DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, RunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import ConfigurableClassData, deserialize_value

from tradematrix_pipelines.defs.internals.celery_launcher import CeleryLauncher
from tradematrix_pipelines.processes import has_ended, process_space
from tradematrix_pipelines.settings import load_settings

HOST_TAG = ".dagster/tradematrix_host"
"""Tag of the runs that have started: the process space of their process. Dagster hides tags of this prefix."""

_ANSWER_SECONDS = 5


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, with a check that a run's process is alive."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> RunLauncher:  # type: ignore[override]  # Dagster takes any launcher
        """Return the launcher of the settings: Celery's in this one's place, so that ``dagster.yaml`` is the same."""
        settings = load_settings()
        if settings.launcher == "celery":
            return CeleryLauncher(settings)
        return cls(inst_data=inst_data, **config_value)

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether the process of a started run is alive, as far as it can be seen from here."""
        starts = self._instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_START)
        if not starts:
            return CheckRunHealthResult(WorkerStatus.RUNNING, msg="about to start")
        event = starts[-1]
        pid = event.get_dagster_event().pid
        if run.tags.get(HOST_TAG) == process_space() and pid is not None:
            if _is_alive(pid, since=event.timestamp):
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, msg=f"its process {pid} is gone")
        if _is_known_to_server(run) is False:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, msg="its code server has no such run")
        return CheckRunHealthResult(WorkerStatus.RUNNING, msg="its process can't be seen from here")


def mark_process_space(instance: DagsterInstance, run_id: str) -> None:
    """Record that a run has started in this process, for whoever looks for it later."""
    instance.add_run_tags(run_id, {HOST_TAG: process_space()})


def _is_known_to_server(run: DagsterRun) -> bool | None:
    """Return whether a run's code server carries it out; ``None`` where it has none, or one that does not answer."""
    server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    if not server:
        return None
    client = DagsterGrpcClient(
        host=server.get("host"),
        port=server.get("port"),
        socket=server.get("socket"),
        use_ssl=bool(server.get("use_ssl", False)),
    )
    try:
        answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id), timeout=_ANSWER_SECONDS)
    except DagsterUserCodeUnreachableError:
        return None
    return deserialize_value(answer, CanCancelExecutionResult).can_cancel


def _is_alive(pid: int, *, since: float) -> bool:
    """Whether a process has had this pid since before ``since``, a Unix timestamp: pids are reused."""
    try:
        process = psutil.Process(pid)
        return not has_ended(process) and bool(process.create_time() <= since + 1)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
