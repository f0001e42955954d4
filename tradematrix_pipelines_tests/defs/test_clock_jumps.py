"""A clock that is set back, and what Dagster has stored of the time that comes again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)

from tradematrix_pipelines.defs.internals.clock_jumps import forget_times_to_come
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines_tests.wrong_clocks import WrongClock

NOW = 1_796_000_000.0
PAST, COMING = NOW - 60, NOW + 3600
WATCHES = """
import time
from tradematrix_pipelines.defs.internals.clock_jumps import end_where_the_clock_goes_back
end_where_the_clock_goes_back()
print("watching", flush=True)
time.sleep(60)
"""


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings) as opened:
        yield opened


def stored(instance: dg.DagsterInstance, name: str, kind: InstigatorType, data: object) -> InstigatorState:
    """Store the state of a sensor or schedule, with a tick of the past and one to come."""
    server = GrpcServerCodeLocationOrigin(host="127.0.0.1", port=1, location_name="any")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(server, "__repository__"), name)
    state = InstigatorState(origin, kind, InstigatorStatus.RUNNING, data)  # type: ignore[arg-type]  # of its kind
    instance.add_instigator_state(state)
    for at in (PAST, COMING):
        instance.create_tick(
            TickData(
                instigator_origin_id=state.instigator_origin_id,
                instigator_name=name,
                instigator_type=kind,
                status=TickStatus.SKIPPED,
                skip_reason="any",
                timestamp=at,
                selector_id=state.selector_id,
            )
        )
    return state


def test_times_to_come_are_forgotten_and_others_stay(instance: dg.DagsterInstance) -> None:
    ahead = stored(
        instance,
        "ahead",
        InstigatorType.SENSOR,
        SensorInstigatorData(cursor="kept", last_tick_start_timestamp=COMING, last_sensor_start_timestamp=PAST),
    )
    right = stored(instance, "right", InstigatorType.SENSOR, SensorInstigatorData(last_tick_start_timestamp=PAST))
    schedule = stored(
        instance,
        "schedule",
        InstigatorType.SCHEDULE,
        ScheduleInstigatorData("* * * * *", start_timestamp=COMING, last_iteration_timestamp=COMING),
    )
    assert forget_times_to_come(instance, now=NOW) == 2 + 3, "two states, and a tick of each of the three"
    states = {state.instigator_name: state.instigator_data for state in instance.all_instigator_state()}
    assert states == {
        "ahead": SensorInstigatorData(cursor="kept", last_sensor_start_timestamp=PAST),
        "right": right.instigator_data,
        "schedule": ScheduleInstigatorData("* * * * *", start_timestamp=NOW),
    }
    for state in (ahead, right, schedule):
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id)
        assert [tick.timestamp for tick in ticks] == [PAST]
    assert forget_times_to_come(instance, now=NOW) == 0


def test_a_process_ends_when_its_clock_is_set_back(tmp_path: Path) -> None:
    clock = WrongClock(tmp_path)
    command, env = [sys.executable, "-c", WATCHES], {**os.environ, **clock.environment}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "watching\n"
            clock.set(7200)
            time.sleep(2.5)
            assert process.poll() is None, "forward is nothing to end for"
            clock.set(7190)
            time.sleep(2.5)
            assert process.poll() is None, "a few seconds are what keeping the time does"
            clock.set(0)
            assert process.wait(10) == -signal.SIGTERM
        finally:
            process.kill()
