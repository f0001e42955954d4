"""Dagster's default run launcher with a health check, named under ``run_launcher`` in ``dagster.yaml``.

Dagster's launcher relies on the code server to report that a run's process is gone. Where both are gone (a crash of the
machine, a hard kill), a run would stay "started" forever, occupy a slot, and block its backfill. Here the daemon looks
for the process itself. A run without one is marked as failed, and ``run_retries`` runs it again.
"""

import json
import socket

import psutil  # type: ignore[import-untyped]  # psutil ships no types
from dagster import DagsterEventType, DagsterRun
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from tradematrix_pipelines.processes import has_ended

HOST_TAG = ".dagster/tradematrix_host"
"""Tag of the runs that a command carries out in its own process: the machine that it runs on.

Dagster hides tags of this prefix.
"""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, with a check that a run's process is alive."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether the process of a started run is alive, as far as this machine can see."""
        if not _is_here(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING, msg="on another machine: see its code server")
        starts = self._instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_START)
        if not starts:
            return CheckRunHealthResult(WorkerStatus.RUNNING, msg="about to start")
        event = starts[-1]
        pid = event.get_dagster_event().pid
        if pid is None or _is_alive(pid, since=event.timestamp):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, msg=f"its process {pid} is gone")


def _is_here(run: DagsterRun) -> bool:
    """Whether the run's process is on this machine: by its code server's address, or by its command's tag."""
    server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    if server:
        return "socket" in server or server.get("host") in _LOOPBACK
    return run.tags.get(HOST_TAG) == socket.gethostname()


def _is_alive(pid: int, *, since: float) -> bool:
    """Whether a process has had this pid since before ``since``, a Unix timestamp: pids are reused."""
    try:
        process = psutil.Process(pid)
        return not has_ended(process) and bool(process.create_time() <= since + 1)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
