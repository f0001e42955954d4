"""Celery as Dagster and its workers share it: one task, which carries out a run, and what is known of it in Redis.

Here: the task, its queue, and the heartbeat that it leaves in the broker while it works. Not here: what the daemon
makes of that (``celery_launcher``), and the worker's process (``celery_worker``).

dagster-celery is not used: its launcher asks a result backend, where a run whose worker has died is "started" forever.
"""

import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import dagster as dg
import psutil  # type: ignore[import-untyped]  # psutil ships no types
from dagster._cli.api import _execute_run_command_body
from dagster._utils import send_interrupt

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.processes import process_space
from tradematrix_pipelines.settings import Settings, load_settings

QUEUE = "tradematrix"
"""Celery's queue of the runs whose tags name none."""

QUEUE_TAG = "tradematrix/celery_queue"
"""Tag of the runs that go to another queue of Celery; its value is the queue's name."""

TASK = "tradematrix.execute_run"
BEAT_SECONDS = 5.0
BEAT_EXPIRES_SECONDS = 60
"""A run without a heartbeat for as long is lost. A loaded machine may be late, a broker away for a moment."""

_RETRIES = {"max_retries": 24, "interval_start": 0.5, "interval_step": 0.5, "interval_max": 5.0}  # two minutes
_WITHDRAWN = {dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE}
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunProcess:
    """The process that carries out a run, as its heartbeat has it.

    Attributes:
        space: where ``pid`` means something.
    """

    space: str
    pid: int

    @property
    def is_gone(self) -> bool:
        """Whether it has ended, as far as it can be seen from this process."""
        return self.space == process_space() and not bool(psutil.pid_exists(self.pid))


def make_app(settings: Settings) -> Any:
    """Return the Celery application of these settings, with its task.

    Raises:
        UsageError: they name no broker.
        TradeMatrixError: Celery is not installed.
    """
    app = _module("celery").Celery("tradematrix", broker=broker_url(settings), set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_create_missing_queues=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        # Whatever a worker has in reserve would wait for its run in progress, and be lost for an hour with it.
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        # What a process has taken for one run it keeps: it is replaced after some.
        worker_max_tasks_per_child=50,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )
    app.task(name=TASK)(execute_run)
    return app


def broker_url(settings: Settings) -> str:
    """Return the broker's URL, which is a secret.

    Raises:
        UsageError: there is none.
    """
    if settings.celery_broker is None:
        raise UsageError(
            "Celery needs TRADEMATRIX_CELERY_BROKER: set it to the Redis of the workers, "
            "such as redis://:password@localhost:6379/0"
        )
    return settings.celery_broker.get_secret_value()


def send(app: Any, run: dg.DagsterRun) -> None:
    """Hand a run to the workers of its queue. A broker that is away is waited for, two minutes at most.

    Raises:
        Exception: Celery's, when it stays away.
    """
    # The task has the run's id, so that a message can be recognized in the queue.
    app.send_task(TASK, args=[run.run_id], task_id=run.run_id, queue=queue_of(run), retry=True, retry_policy=_RETRIES)


def queue_of(run: dg.DagsterRun) -> str:
    """Return the name of a run's queue."""
    return run.tags.get(QUEUE_TAG, QUEUE)


def execute_run(run_id: str) -> None:
    """Carry out a run in this process, all its steps, with a heartbeat. A run that has ended before is left alone."""
    settings = load_settings()
    with open_instance(settings) as instance, Broker(settings).beating(instance, run_id):
        # What goes wrong is in the run's log.
        _execute_run_command_body(
            instance=instance, run_id=run_id, write_stream_fn=lambda _: None, set_exit_code_on_failure=False
        )


class Broker:
    """What Redis knows of runs: those that wait in a queue, and the heartbeats of those that are carried out.

    Its methods raise ``redis.RedisError`` where Redis does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._module = _module("redis")
        self._redis = self._module.Redis.from_url(broker_url(settings), socket_timeout=10, socket_connect_timeout=10)

    def is_waiting(self, run: dg.DagsterRun) -> bool:
        """Whether no worker has taken a run from its queue yet."""
        return any(
            json.loads(message)["headers"]["id"] == run.run_id for message in self._redis.lrange(queue_of(run), 0, -1)
        )

    def worker_of(self, run_id: str) -> RunProcess | None:
        """Return the process that carries out a run; ``None`` where its heartbeat has stopped."""
        beat = self._redis.get(_key(run_id))
        return None if beat is None else RunProcess(**json.loads(beat))

    def remembers(self) -> bool:
        """Whether Redis has been up for so long that each run at work would have left its heartbeat."""
        return int(self._redis.info("server")["uptime_in_seconds"]) > BEAT_EXPIRES_SECONDS

    @contextmanager
    def beating(self, instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
        """Leave the run's heartbeat as long as the block lasts, and interrupt the block where the run is withdrawn.

        It is when somebody cancels it, or the daemon took it for lost and another goes on in its place.
        """
        done = threading.Event()
        beats = threading.Thread(target=self._beat, args=(instance, run_id, done), name="heartbeat", daemon=True)
        beats.start()
        try:
            yield
        finally:
            done.set()
            beats.join()
            self._quietly(lambda: self._redis.delete(_key(run_id)))

    def _beat(self, instance: dg.DagsterInstance, run_id: str, done: threading.Event) -> None:
        worker, interrupted = json.dumps(asdict(RunProcess(space=process_space(), pid=os.getpid()))), False
        while True:
            self._quietly(lambda: self._redis.set(_key(run_id), worker, ex=BEAT_EXPIRES_SECONDS))
            if done.wait(BEAT_SECONDS):
                return
            if not interrupted and _is_withdrawn(instance, run_id) and not done.is_set():
                send_interrupt()
                interrupted = True

    def _quietly(self, ask: Any) -> None:
        """A run does not end because its broker is away."""
        try:
            ask()
        except self._module.RedisError as error:
            _logger.warning("the broker does not answer (%s): the heartbeat of a run is late", type(error).__name__)


def _is_withdrawn(instance: dg.DagsterInstance, run_id: str) -> bool:
    try:
        run = instance.get_run_by_id(run_id)
    except Exception:  # noqa: BLE001 - a database that is away for a moment withdraws nothing
        return False
    return run is not None and run.status in _WITHDRAWN


def _key(run_id: str) -> str:
    return f"tradematrix:run:{run_id}"


def _module(name: str) -> Any:
    """Import a module of the extra ``celery``.

    Raises:
        TradeMatrixError: it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise TradeMatrixError(
            f"Celery workers need {name}, which is not installed: pip install 'tradematrix-pipelines[celery]'"
        ) from None
