"""What more symbols and more years cost: CPU of each tick, of a close, of backfills and of commands.

One exchange's symbols, each with ten complete sessions, levels and books: one is fetched from the simulator, the others
are copies of its rows. The clock stands an hour after the close. A tick is evaluated in this process, as the daemon
lets a code server do; its CPU is this process's, and that of the server's processes of Postgres. With the most symbols,
a backfill is measured once more with sixteen years of partitions, against one year.

    .venv/bin/python benchmarks/scale.py [--symbols 5 50 200 500] [--rounds 3] [--json]
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import dagster as dg
import psutil
from click.testing import CliRunner
from dagster._core.execution.backfill import PartitionBackfill
from dagster._serdes import serialize_value
from lines import Line, report
from measuring import cpu_of, cpu_of_family, server_of
from sqlalchemy import MetaData, insert, literal, select

from tradematrix_pipelines.cli.main import main as tradematrix
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.jobs import INGEST_CANDLES
from tradematrix_pipelines.defs.partitions import session_partitions, sync_symbols
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import add_symbols, find_symbols, read_symbols, set_active
from tradematrix_pipelines_tests.stack import command

CLOSED = "2026-11-20T22:05:00Z"
FIRST, LAST = "2026-11-09", "2026-11-20"
ORIGINAL = "NDX"
THREE_DATES = ("backfill", ORIGINAL, "--from", "2026-11-18", "--to", LAST)
COMMANDS = (("coverage",), ("levels",), ("symbols", "list"), ("plan", ORIGINAL, "--from", FIRST), THREE_DATES)
NEXT_CLOSE = "2026-11-23T22:05:00Z"
MOST_RUNS = 5
MOST_NAMED = 50
"""Symbols of which every partition is named in a backfill: Dagster takes a second a symbol over it."""
YEARS = {1: "2025-11-20", 16: "2010-11-22"}
# Filled by triggers as the others are copied, or by ticks.
_OWN = {"level_revisions", "levels_history", "ohlc_revisions", "run_requests", "session_coverage_history"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, nargs="+", default=[5, 50, 200, 500])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report(_measure(sorted(options.symbols), rounds=options.rounds), as_json=options.json)


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


def _measure(sizes: Sequence[int], *, rounds: int) -> list[Line]:
    with ExitStack() as stack:
        database = stack.enter_context(installation())
        settings = load_settings()
        instance = stack.enter_context(open_instance(settings))
        own = psutil.Process(), server_of(settings.home)
        costs, closes, everything = {}, {}, {}
        for size in sizes:
            grow(database, size)
            sync(instance, database)
            ways = _ways(instance)
            for way in ways.values():
                way()  # what is new of the symbols is done once
            costs[size] = {name: [cpu_of_family(way, *own) for _ in range(rounds)] for name, way in ways.items()}
            closes[size] = _runs_of_a_close(instance)
            if size <= MOST_NAMED:
                everything[size] = _backfill_of_everything(instance)
            print(f"{size} symbols measured", file=sys.stderr)
        years = [_years(rounds=rounds)]
    return [*_lines(costs), *_counts(closes, everything), *years]


def _years(*, rounds: int) -> Line:
    """Return what years of partitions cost a backfill of three dates."""
    few, many = ({**os.environ, "TRADEMATRIX_HISTORY_START": start} for start in YEARS.values())
    costs = [[cpu_of(command(*THREE_DATES), env) for env in (few, many)] for _ in range(rounds)]
    return Line(
        what=f"tradematrix backfill of three dates, {max(YEARS)} years of partitions",
        against=f"{min(YEARS)} year of partitions",
        ratios=[many / few for few, many in costs],
        bar=1.3,
        note=f"{statistics.median(many for _, many in costs):.2f} s",
    )


def _runs_of_a_close(instance: dg.DagsterInstance) -> int:
    """Return how many runs the sensor requests once the next session of all symbols has closed."""
    repository = build_defs(load_settings({**os.environ, "TRADEMATRIX_CLOCK": NEXT_CLOSE})).get_repository_def()
    with dg.build_sensor_context(instance=instance, repository_def=repository) as context:
        return len(repository.get_sensor_def("session_close").evaluate_tick(context).run_requests or [])


def _backfill_of_everything(instance: dg.DagsterInstance) -> tuple[float, int]:
    """Build a backfill of each partition of each asset, named one by one, with the default start of history.

    Return the seconds of CPU that it takes, and the bytes that Dagster stores of it.
    """
    begun = time.process_time()
    settings = load_settings({**os.environ, "TRADEMATRIX_HISTORY_START": ""})
    graph, partitions = build_defs(settings).resolve_asset_graph(), session_partitions(settings)
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        backfill = PartitionBackfill.from_asset_partitions(
            backfill_id="everything",
            asset_graph=graph,
            partition_names=partitions.get_partition_keys(dynamic_partitions_store=instance),
            asset_selection=[key for key in graph.materializable_asset_keys if graph.get(key).is_partitioned],
            backfill_timestamp=settings.clock.now().timestamp(),
            tags={},
            dynamic_partitions_store=instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
        return time.process_time() - begun, len(serialize_value(backfill))


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


def _counts(closes: dict[int, int], everything: dict[int, tuple[float, int]]) -> list[Line]:
    return [
        *(
            Line(
                what=f"runs of a close, {size} symbols",
                against=f"{MOST_RUNS} runs",
                ratios=[runs / MOST_RUNS],
                bar=1.0 if size >= MOST_RUNS * 20 else None,
                note=f"{runs} runs",
            )
            for size, runs in closes.items()
        ),
        *_growth("building a backfill of everything", {size: cost for size, (cost, _) in everything.items()}, "s"),
        *_growth(
            "size of a backfill of everything", {size: stored / 1e6 for size, (_, stored) in everything.items()}, "MB"
        ),
    ]


def _growth(what: str, values: dict[int, float], unit: str) -> list[Line]:
    smallest = min(values, default=0)
    return [
        Line(
            what=f"{what}, {size} symbols",
            against=f"{smallest} symbols",
            ratios=[value / values[smallest]],
            bar=None if size == smallest else size / smallest,
            note=f"{value:.1f} {unit}",
        )
        for size, value in values.items()
    ]


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
