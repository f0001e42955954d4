"""Runs carried out by Celery workers: what the daemon asks of them, where ``TRADEMATRIX_LAUNCHER=celery``.

A run is a task (``celery_app``). Here: sending it, finding out whether its worker is alive, cancelling it; and that a
run which waits for a worker is not taken for one that does not start.
"""

import logging
import time
from functools import cached_property
from typing import Any

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import RunRecord

from tradematrix_pipelines.defs.internals.celery_app import Broker, make_app, queue_of, send
from tradematrix_pipelines.settings import Settings

_logger = logging.getLogger(__name__)


class CeleryLauncher(RunLauncher):
    """Hands each run to a Celery worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()  # type: ignore[no-untyped-call]  # Dagster gives it no types

    @cached_property
    def app(self) -> Any:
        """The Celery application; made at first use, since most processes launch nothing."""
        return make_app(self._settings)

    @cached_property
    def broker(self) -> Broker:
        """What Redis knows of the runs."""
        return Broker(self._settings)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Send a run to its queue."""
        run = context.dagster_run
        send(self.app, run)
        self._instance.report_engine_event(f"Waits for a Celery worker of the queue {queue_of(run)}.", run)

    def terminate(self, run_id: str) -> bool:
        """Cancel a run: one that waits at once, another by its worker, which asks every few seconds."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        if self.broker.is_waiting(run):
            # Its worker leaves alone what has ended before.
            self._instance.report_run_canceled(run)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return whether a worker carries out a started run, by its heartbeat."""
        worker = self.broker.worker_of(run.run_id)
        if worker is not None and worker.is_gone:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, msg=f"its process {worker.pid} is gone")
        if worker is not None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if not self.broker.remembers():
            return CheckRunHealthResult(WorkerStatus.RUNNING, msg="the broker has just started, heartbeats may follow")
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, msg="its Celery worker gives no sign of life")

    def is_underway(self, run: dg.DagsterRun) -> bool:
        """Whether a run that has not started yet waits for a worker, or is in the hands of one."""
        if self.broker.is_waiting(run):
            return True
        worker = self.broker.worker_of(run.run_id)
        return worker is not None and not worker.is_gone


def wait_for_workers() -> None:
    """Let runs wait for a worker however long, in this process; where Dagster has moved its function, they time out.

    Dagster gives a run three minutes from its launch to its start, which is enough for a process and not for a queue.
    Here these minutes count from when it is neither in the queue nor in the hands of a worker. Idempotent.
    """
    from dagster._daemon.monitoring import run_monitoring  # noqa: PLC0415 - for the daemon only

    original = getattr(run_monitoring, "monitor_starting_run", None)
    if original is None:
        _logger.warning("this Dagster's limit for the start of a run can't be changed: runs must not wait for workers")
        return
    if hasattr(original, "once"):
        return
    missing_since: dict[str, float] = {}

    def monitor_starting_run(instance: dg.DagsterInstance, run_record: RunRecord, logger: logging.Logger) -> None:
        run, launcher = run_record.dagster_run, instance.run_launcher
        if isinstance(launcher, CeleryLauncher) and run.status is dg.DagsterRunStatus.STARTING:
            if launcher.is_underway(run):
                missing_since.pop(run.run_id, None)
                return
            since = missing_since.setdefault(run.run_id, time.monotonic())
            if time.monotonic() - since < instance.run_monitoring_start_timeout_seconds:
                return
            del missing_since[run.run_id]
        original(instance, run_record, logger)

    monitor_starting_run.once = original  # type: ignore[attr-defined]  # marks it
    run_monitoring.monitor_starting_run = monitor_starting_run
