"""What a tick with nothing to do costs, as a multiple of an empty tick in the same run.

Five symbols of one exchange, complete; the clock stands an hour after the close. A tick goes the way that the daemon's
go: it is recorded, evaluated by a code server of its own process, and its end is recorded. Baseline (1.0): such a tick
of a schedule, or of a sensor, that does nothing, of another code server and the same instance. Counted is the CPU of
this process, of the code servers and of Postgres. Interleaved; medians of the rounds' ratios.

    .venv/bin/python benchmarks/ticks.py [--ticks 5] [--rounds 5] [--json]
"""

import argparse
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import dagster as dg
import psutil
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.sensor_definition import SensorType
from dagster._core.definitions.timestamp import TimestampWithTimezone
from dagster._core.remote_representation.code_location import CodeLocation
from dagster._core.remote_representation.external import RemoteSchedule, RemoteSensor
from dagster._core.scheduler.instigation import TickData, TickStatus
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from lines import Line, report
from measuring import cpu_of_family, in_rounds, ratios, server_of
from scale import grow, installation, sync

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.workspace import open_workspace
from tradematrix_pipelines.settings import load_settings

Ticks = Mapping[str, Callable[[], object]]
EMPTY_SENSOR, EMPTY_SCHEDULE = "sensor empty_sensor", "schedule empty_schedule"
_EMPTY = Path(__file__).with_name("empty.py")
_SYMBOLS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=5, help="ticks of each kind in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with ExitStack() as stack:
        database = stack.enter_context(installation())
        stack.callback(lambda: psutil.wait_procs(psutil.Process().children(), timeout=30))  # they use its server
        grow(database, _SYMBOLS)
        settings = load_settings()
        instance = stack.enter_context(open_instance(settings))
        sync(instance, database)
        _, location = stack.enter_context(open_workspace(instance, settings))
        target = PythonFileTarget(
            python_file=str(_EMPTY), attribute=None, working_directory=None, location_name="empty"
        )
        beside = stack.enter_context(WorkspaceProcessContext(instance, target, code_server_log_level="ERROR"))
        empty = beside.create_request_context().get_code_location("empty")
        ticks = {**_ticks(instance, empty), **_ticks(instance, location)}
        for tick in ticks.values():
            tick()  # what is new is done once
            tick()
        own = psutil.Process(), server_of(settings.home)
        ways = {name: partial(_repeat, tick, options.ticks) for name, tick in ticks.items()}
        rounds = in_rounds(ways, options.rounds, lambda way: cpu_of_family(way, *own))
    lines = []
    for name in ways:
        baseline = EMPTY_SCHEDULE if name.startswith("schedule") else EMPTY_SENSOR
        if name != baseline:
            usual = sorted(one[name] for one in rounds)[len(rounds) // 2] / options.ticks
            lines.append(
                Line(
                    what=f"a tick of the {name} with nothing to do",
                    against="an empty tick",
                    ratios=ratios(rounds, name, baseline),
                    bar=1.2,
                    note=f"{1e3 * usual:.0f} ms",
                )
            )
    report(lines, as_json=options.json)


def _ticks(instance: dg.DagsterInstance, location: CodeLocation) -> Ticks:
    """Return a tick of each schedule and sensor, but for those that wait for automation conditions or for runs."""
    [repository] = location.get_repositories().values()
    sensors = {
        f"sensor {one.name}": partial(_sensor, instance, location, one, {})
        for one in repository.get_sensors()
        if one.sensor_type is SensorType.STANDARD
    }
    schedules = {
        f"schedule {one.name}": partial(_schedule, instance, location, one) for one in repository.get_schedules()
    }
    return {**sensors, **schedules}


def _sensor(
    instance: dg.DagsterInstance, location: CodeLocation, sensor: RemoteSensor, cursors: dict[str, str | None]
) -> None:
    def evaluate() -> None:
        answer = location.get_sensor_execution_data(
            instance,
            sensor.handle.repository_handle,
            sensor.name,
            time.time(),
            None,
            cursors.get(sensor.name),
            None,
            None,
        )
        cursors[sensor.name] = answer.cursor

    _recorded(instance, sensor, InstigatorType.SENSOR, evaluate)


def _schedule(instance: dg.DagsterInstance, location: CodeLocation, schedule: RemoteSchedule) -> None:
    def evaluate() -> None:
        at = TimestampWithTimezone(load_settings().clock.now().timestamp(), "UTC")
        location.get_schedule_execution_data(instance, schedule.handle.repository_handle, schedule.name, at, None)

    _recorded(instance, schedule, InstigatorType.SCHEDULE, evaluate)


def _recorded(
    instance: dg.DagsterInstance,
    instigator: RemoteSensor | RemoteSchedule,
    kind: InstigatorType,
    evaluate: Callable[[], None],
) -> None:
    tick = instance.create_tick(
        TickData(
            instigator_origin_id=instigator.get_remote_origin_id(),
            instigator_name=instigator.name,
            instigator_type=kind,
            status=TickStatus.STARTED,
            timestamp=time.time(),
            selector_id=instigator.selector_id,
        )
    )
    evaluate()
    instance.update_tick(tick.with_status(TickStatus.SKIPPED, end_timestamp=time.time()))


def _repeat(tick: Callable[[], object], times: int) -> None:
    for _ in range(times):
        tick()


if __name__ == "__main__":
    main()
