"""What the page of an asset's partitions costs in Dagster's web UI, as symbols are added, past 100,000 partitions.

Each trade date of each symbol is materialized once, by a run a symbol. For each size a ``tradematrix up`` of its own
answers the question that the page asks: the first time (cold), and again (warm). By the clock, and with the fewest
symbols as the baseline (1.0).

    PYTHONPATH=. .venv/bin/python benchmarks/pages.py [--symbols 5 57 200] [--years 7] [--rounds 5] [--json]
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from lines import Line, report

from tradematrix_pipelines.cli.signals import ends_like_ctrl_c
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import date_partitions, sync_symbols
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import add_symbols, read_symbols
from tradematrix_pipelines_tests.stack import Ui, environment, ui

ASSET = "ohlc_1d"
_PAGE = """
query Page($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      partitionKeysByDimension { name partitionKeys }
      assetPartitionStatuses {
        ... on MultiPartitionStatuses {
          ranges { primaryDimStartKey primaryDimEndKey secondaryDim {
            ... on DefaultPartitionStatuses { materializedPartitions failedPartitions }
            ... on TimePartitionStatuses { ranges { status startKey endKey } } } }
        }
      }
    }
  }
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, nargs="+", default=[5, 57, 200])
    parser.add_argument("--years", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes, times = sorted(options.symbols), dict[int, list[float]]()
    with ends_like_ctrl_c(), tempfile.TemporaryDirectory(prefix="tradematrix-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        start = SystemClock().now().replace(year=SystemClock().now().year - options.years, day=1)
        env = environment(home, TRADEMATRIX_HISTORY_START=f"{start.date()}")
        os.environ |= env  # Dagster's storage reads its settings from there
        settings = load_settings()
        dates = date_partitions(settings).get_partition_keys()
        with ExitStack() as stack:
            database = stack.enter_context(Database.open(settings))
            instance = stack.enter_context(open_instance(settings))
            for size in sizes:
                _grow(database, instance, size, dates)
                with ui(env, home) as web:
                    times[size] = ask(web, ASSET, options.rounds)
                sys.stderr.write(f"{size} symbols: {size * len(dates):,} partitions\n")
    report(_lines(times, len(dates)), as_json=options.json)


def _grow(database: Database, instance: dg.DagsterInstance, size: int, dates: Sequence[str]) -> None:
    """Add symbols until there are so many, and materialize each partition of those that are new to Dagster."""
    present = len(read_symbols(database.engine))
    [original, *_] = DEFAULT_SYMBOLS
    copies = [replace(original, name=f"{original.name}{number}", alias=None) for number in range(present, size)]
    if copies:
        add_symbols(database.engine, copies, now=database.clock.now())
    known = set(instance.get_dynamic_partitions("symbols"))
    names = [symbol.name for symbol in read_symbols(database.engine)][:size]
    sync_symbols(instance, names)
    for name in names:
        if name not in known:
            instance.event_log_storage.store_event_batch([_materialized(name, day) for day in dates])


def _materialized(symbol: str, day: str) -> EventLogEntry:
    partition = dg.MultiPartitionKey({"date": day, "symbol": symbol})
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name="bench",
        event_specific_data=StepMaterializationData(dg.AssetMaterialization(ASSET, partition=partition)),
        step_key="ohlc",
    )
    return EventLogEntry(  # type: ignore[no-untyped-call]  # Dagster's constructor has no annotations
        error_info=None,
        level=10,
        user_message="",
        run_id=f"bench {symbol}",
        timestamp=time.time(),
        step_key="ohlc",
        job_name="bench",
        dagster_event=event,
    )


def ask(web: Ui, asset: str, rounds: int) -> list[float]:
    """Return how long the question of an asset's page takes, the first time and then again."""
    times = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        node = web.ask(_PAGE, key={"path": [asset]})["assetNodeOrError"]
        times.append(time.perf_counter() - begun)
        if not node["assetPartitionStatuses"]["ranges"]:
            raise SystemExit("no partition is shown as materialized")
    return times


def _lines(times: dict[int, list[float]], dates: int) -> list[Line]:
    cold = {size: taken[:1] for size, taken in times.items()}
    warm = {size: taken[1:] for size, taken in times.items()}
    smallest = min(times)
    return [
        Line(
            what=f"an asset's partitions, {name}, {size} symbols",
            against=f"{smallest} symbols",
            ratios=[seconds / statistics.median(taken[smallest]) for seconds in taken[size]],
            bar=None if size == smallest else size / smallest,
            note=f"{statistics.median(taken[size]):.2f} s; {size * dates:,} partitions",
        )
        for name, taken in (("the first time", cold), ("again", warm))
        for size in times
    ]


if __name__ == "__main__":
    main()
