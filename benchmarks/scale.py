"""What more symbols cost: CPU of each sensor's and schedule's tick, of a close and of commands, as symbols are added.

One exchange's symbols, each with ten complete sessions, levels and books: one is fetched from the simulator, the others
are copies of its rows. The clock stands an hour after the close. A tick is evaluated in this process, as the daemon
lets a code server do; its CPU is this process's, and that of the server's processes of Postgres.

    .venv/bin/python benchmarks/scale.py [--symbols 5 50 200 500] [--rounds 3] [--json]
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import dagster as dg
import psutil
from click.testing import CliRunner
from lines import Line, report
from measuring import cpu_of, cpu_of_family, server_of
from sqlalchemy import MetaData, insert, literal, select

from tradematrix_pipelines.cli.main import main as tradematrix
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.jobs import INGEST_CANDLES
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import add_symbols, find_symbols, read_symbols, set_active
from tradematrix_pipelines_tests.stack import command

CLOSED = "2026-11-20T22:05:00Z"
FIRST, LAST = "2026-11-09", "2026-11-20"
ORIGINAL = "NDX"
COMMANDS = (("coverage",), ("levels",), ("symbols", "list"), ("plan", ORIGINAL, "--from", FIRST))
# Filled by triggers as the others are copied, or by ticks.
_OWN = {"level_revisions", "levels_history", "ohlc_revisions", "run_requests", "session_coverage_history"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, nargs="+", default=[5, 50, 200, 500])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report(_lines(_measure(sorted(options.symbols), rounds=options.rounds)), as_json=options.json)


@contextmanager
def installation(**variables: str) -> Iterator[Database]:
    """An installation with one symbol, whose sessions are complete; settings that are loaded then are its own.

    Args:
        variables: further settings. By default, nothing but the simulator is in reach.
    """
    with tempfile.TemporaryDirectory(prefix="tradematrix-") as home:
        for name in [name for name in os.environ if name.startswith(("TRADEMATRIX_", "TWELVE_DATA_", "DAGSTER_"))]:
            del os.environ[name]
        os.environ |= {
            "TRADEMATRIX_HOME": str(Path(home) / "home"),
            "TRADEMATRIX_CLOCK": CLOSED,
            "TRADEMATRIX_HISTORY_START": FIRST,
            **variables,
        }
        with Database.open(load_settings()) as database:
            for symbol in read_symbols(database.engine):
                set_active(database.engine, symbol.name, active=symbol.name == ORIGINAL)
            filled = CliRunner().invoke(tradematrix, ["backfill", ORIGINAL, "--from", FIRST, "--to", LAST])
            if filled.exit_code:
                raise SystemExit(filled.output)
            yield database


def sync(instance: dg.DagsterInstance, database: Database) -> None:
    """Make the partitions follow the symbols."""
    sync_symbols(instance, [symbol.name for symbol in read_symbols(database.engine)])


def _measure(sizes: Sequence[int], *, rounds: int) -> dict[int, dict[str, list[float]]]:
    """Return the seconds of CPU of each tick and command, by the number of symbols."""
    with ExitStack() as stack:
        database = stack.enter_context(installation())
        settings = load_settings()
        instance = stack.enter_context(open_instance(settings))
        own = psutil.Process(), server_of(settings.home)
        costs = {}
        for size in sizes:
            grow(database, size)
            sync(instance, database)
            ways = _ways(instance)
            for way in ways.values():
                way()  # what is new of the symbols is done once
            costs[size] = {name: [cpu_of_family(way, *own) for _ in range(rounds)] for name, way in ways.items()}
            print(f"{size} symbols measured", file=sys.stderr)
        return costs


def grow(database: Database, size: int) -> None:
    """Copy the original's rows until there are so many active symbols."""
    [original] = find_symbols(database.engine, [ORIGINAL])
    present = len(read_symbols(database.engine))
    names = [f"NDX{number:03}" for number in range(present, size)]
    copies = [replace(original, id=None, name=name, vendor_symbols={}) for name in names]
    add_symbols(database.engine, copies, now=database.clock.now())
    tables = MetaData()
    tables.reflect(database.engine)
    for symbol in find_symbols(database.engine, names) if names else []:
        with database.engine.begin() as connection:
            for table in tables.sorted_tables:
                if "symbol_id" not in table.columns or table.name in _OWN:
                    continue
                columns = [column for column in table.columns if column.name != "id" and column.computed is None]
                values = [literal(symbol.id) if column.name == "symbol_id" else column for column in columns]
                rows = select(*values).where(table.c.symbol_id == original.id)
                connection.execute(insert(table).from_select([column.name for column in columns], rows))


def _ways(instance: dg.DagsterInstance) -> dict[str, Callable[[], object]]:
    repository = build_defs(load_settings()).get_repository_def()

    cursors: dict[str, str | None] = {}

    def sensor(definition: dg.SensorDefinition) -> object:
        cursor = cursors.get(definition.name)
        with dg.build_sensor_context(instance=instance, repository_def=repository, cursor=cursor) as context:
            tick = definition.evaluate_tick(context)
        cursors[definition.name] = tick.cursor or cursor
        return tick

    def schedule(definition: dg.ScheduleDefinition) -> object:
        at = load_settings().clock.now()
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=at, repository_def=repository
        ) as context:
            return definition.evaluate_tick(context)

    sensors = {
        f"sensor {one.name}": partial(sensor, one)
        for one in repository.sensor_defs
        if not isinstance(one, (dg.AutomationConditionSensorDefinition, dg.RunStatusSensorDefinition))
    }
    schedules = {f"schedule {one.name}": partial(schedule, one) for one in repository.schedule_defs}
    commands = {f"tradematrix {' '.join(words)}": partial(cpu_of, command(*words)) for words in COMMANDS}
    rounds = {"automation conditions, years of dates": _automation(instance)}
    return {**sensors, **schedules, **rounds, "backfill of three dates": partial(_three_dates, instance), **commands}


def _automation(instance: dg.DagsterInstance) -> Callable[[], object]:
    """Return a round of the automation sensor with the default start of history, which knows the round before."""
    defs = build_defs(load_settings({**os.environ, "TRADEMATRIX_HISTORY_START": ""}))
    cursors: list[dg.AssetDaemonCursor | None] = [None]

    def evaluate() -> None:
        at = load_settings().clock.now()
        result = dg.evaluate_automation_conditions(
            defs=defs, instance=instance, cursor=cursors.pop(), evaluation_time=at
        )
        cursors.append(result.cursor)

    return evaluate


def _three_dates(instance: dg.DagsterInstance) -> None:
    outcome = run_sessions(
        instance,
        build_defs(load_settings()),
        INGEST_CANDLES,
        symbol=ORIGINAL,
        first=date(2026, 11, 18),
        last=date(2026, 11, 20),
    )
    if outcome.error:
        raise SystemExit(outcome.error)


def _lines(costs: dict[int, dict[str, list[float]]]) -> list[Line]:
    smallest = min(costs)
    lines = []
    for name, first in costs[smallest].items():
        base = max(statistics.median(first), 0.01)
        for size in sorted(costs):
            seconds = costs[size][name]
            lines.append(
                Line(
                    what=f"{name}, {size} symbols",
                    against=f"{smallest} symbols",
                    ratios=[value / base for value in seconds],
                    bar=None if size == smallest else size / smallest,
                    note=f"{statistics.median(seconds):.2f} s",
                    curve=name,
                    size=size,
                )
            )
    largest = max(costs)
    ticks = {name: seconds for name, seconds in costs[largest].items() if name.startswith(("sensor ", "schedule "))}
    slowest = max(ticks, key=lambda name: statistics.median(ticks[name]))
    return [
        *lines,
        Line(
            what=f"the slowest tick, {largest} symbols",
            against="2 s",
            ratios=[seconds / 2 for seconds in ticks[slowest]],
            bar=1.0,
            note=slowest,
        ),
    ]


if __name__ == "__main__":
    main()
