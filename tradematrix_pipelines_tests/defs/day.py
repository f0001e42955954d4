"""An installation whose clock a test moves, with its trading day's sensors and schedules."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from sqlalchemy import text

from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.runs import job_origin, run_sessions
from tradematrix_pipelines.defs.jobs import TRADING_DAY
from tradematrix_pipelines.defs.live import PULL_LIVE
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.markets.partition_key import rectangle
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database

OPEN = datetime(2026, 11, 20, 15, 0, 20, tzinfo=UTC)
"""A Friday on which all five markets are open."""
CLOSED = datetime(2026, 11, 20, 22, 5, tzinfo=UTC)
"""That evening, five minutes after the last close."""

Answer = list[dg.RunRequest] | str


class Day:
    """An installation whose clock a test moves."""

    def __init__(
        self, settings: Settings, instance: dg.DagsterInstance, simulator: Simulator, clock: FrozenClock
    ) -> None:
        self.settings, self.instance, self.simulator, self.clock = settings, instance, simulator, clock
        self._built = settings, build_defs(settings)

    @property
    def defs(self) -> dg.Definitions:
        if self._built[0] is not self.settings:
            self._built = self.settings, build_defs(self.settings)
        return self._built[1]

    def at(self, now: datetime) -> "Day":
        object.__setattr__(self.clock, "instant", now)
        return self

    def sensor(self, name: str) -> Answer:
        """Return the runs that a sensor requests, or why it requests none."""
        sensor = self.find_sensor(name)
        with dg.build_sensor_context(instance=self.instance, repository_def=self.defs.get_repository_def()) as context:
            data = sensor.evaluate_tick(context)
        return list(data.run_requests or []) or str(data.skip_message)

    def schedule(self, name: str) -> Answer:
        """Return the runs that a schedule requests, or why it requests none."""
        repository = self.defs.get_repository_def()
        schedule = repository.get_schedule_def(name)
        with dg.build_schedule_context(
            instance=self.instance, scheduled_execution_time=self.clock.now(), repository_def=repository
        ) as context:
            data = schedule.evaluate_tick(context)
        return list(data.run_requests or []) or str(data.skip_message)

    def carry_out(self, requests: Answer) -> list[str | None]:
        """Execute the requested runs; return the errors."""
        assert not isinstance(requests, str), requests
        errors = []
        for request in requests:
            start, end = (request.tags[t] for t in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG))
            [symbol, *_], first, last = rectangle(start, end)
            outcome = run_sessions(
                self.instance, self.defs, TRADING_DAY, symbol=symbol, first=first, last=last,
                assets=request.asset_selection or (), run_config=request.run_config, tags=request.tags,
            )  # fmt: skip
            errors.append(outcome.error)
        return errors

    def queue(self, requests: Answer) -> list[dg.DagsterRun]:
        """Queue the requested runs, as the daemon does, and leave them there."""
        assert not isinstance(requests, str), requests
        return [
            self.instance.create_run_for_job(
                self.defs.resolve_job_def(request.job_name or TRADING_DAY),
                tags=request.tags,
                asset_selection=frozenset(request.asset_selection or ()),
                status=dg.DagsterRunStatus.QUEUED,
                remote_job_origin=job_origin(request.job_name or TRADING_DAY),
            )
            for request in requests
        ]

    def pull(self, requests: Answer) -> bool:
        """Run the requested live pull; return whether it succeeded."""
        assert not isinstance(requests, str), requests
        [request] = requests
        job = self.defs.resolve_job_def(PULL_LIVE)
        done = job.execute_in_process(run_config=request.run_config, instance=self.instance, raise_on_error=False)
        return done.success

    def ask(self, query: str) -> Sequence[tuple[Any, ...]]:
        with Database.open(self.settings) as database, database.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def find_sensor(self, name: str) -> dg.SensorDefinition:
        return self.defs.get_repository_def().get_sensor_def(name)


@contextmanager
def running_day(monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """The environment's installation on a simulator of its own, on the free plan, at OPEN."""
    clock = FrozenClock(OPEN)
    with Simulator(clock=clock) as simulator:
        monkeypatch.setenv("TWELVE_DATA_API_KEY", "any")
        monkeypatch.setenv("TWELVE_DATA_PLAN", "100/800")
        monkeypatch.setenv("TRADEMATRIX_TWELVE_DATA_URL", simulator.url)
        monkeypatch.setenv("TRADEMATRIX_HISTORY_START", "2026-11-17")
        own = load_settings().model_copy(update={"clock": clock})
        # As `up` does before the first tick.
        with Database.open(own), open_instance(own) as instance:
            sync_symbols(instance, ["DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"])
            yield Day(own, instance, simulator, clock)
