"""Eight hours of ``tradematrix up`` at 20 times real speed: does anything grow? Run it with ``make soak``.

The simulator on the free plan's limits, the real daemon, webserver, board and Postgres; the clock starts on a Tuesday
at 13:30 UTC, so that there are live pulls, closes, levels and a new FX session. Memory, open files and connections of
the long-lived processes must not grow: the last third is compared with the middle one. Databases, Dagster's event log
and the home's other files do grow with what is stored: their growth is printed for a day of the simulated time, and
must not get faster.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import create_engine, text

from tradematrix_pipelines.cli.signals import ends_like_ctrl_c
from tradematrix_pipelines.clock import FastClock, SystemClock, format_clock
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines_tests.stack import environment, free_port, ui, vendor

SPEED = 20
START = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
PLAN = "8/800"
GROWTH_ALLOWED = 1.05
FASTER_ALLOWED = 1.5
"""As a multiple of the middle third's growth: the markets that are open change with the hours."""
_EVERY = 10.0
_LIVED = 120.0
"""Seconds after which a process counts as long-lived; run workers live for a few."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The measurements at one time."""

    memory_mb: float
    files: int
    connections: int
    market_mb: float
    dagster_mb: float
    events: int
    home_mb: float


FLAT = ("memory_mb", "files", "connections")
GROWING = ("market_mb", "dagster_mb", "events", "home_mb")
_DATABASES = """
SELECT (SELECT count(*) FROM pg_stat_activity), pg_database_size(current_database()),
    pg_database_size(:dagster)
"""


def main() -> int:
    """Run the soak test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=24.0, help="how long, really (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with (
        ends_like_ctrl_c(),
        tempfile.TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder,
    ):
        home = Path(folder) / "home"
        home.mkdir()
        samples, counts = soak(home, arguments.minutes * 60)
    problems = judge(samples)
    if not counts["candles"] or not counts["levels"]:
        problems.append("nothing was stored: the soak test is void")
    if arguments.json:
        print(json.dumps({"samples": [asdict(sample) for sample in samples], **counts, "problems": problems}, indent=2))
    else:
        for name in FLAT:
            middle, last = thirds(samples, name)
            print(f"{name:12} {middle:10.1f} {last:10.1f}  x {last / middle:.3f}")
        for name in GROWING:
            middle, last = daily_growth(samples, name)
            print(f"{name:12} {middle:+10.1f} {last:+10.1f}  a day, from {getattr(samples[-1], name):,.1f}")
        print(", ".join(f"{count} {name}" for name, count in counts.items()))
        print(*(f"FAILED: {problem}" for problem in problems), sep="\n")
    return 1 if problems else 0


def soak(home: Path, seconds: float) -> tuple[list[Sample], dict[str, int]]:
    """Run everything for this long; return the samples, and counts of what was stored meanwhile."""
    clock = format_clock(FastClock(start=START, speed=SPEED, origin=SystemClock().now()))
    samples: list[Sample] = []
    with vendor(home, "--plan", PLAN, clock=clock) as simulator:
        env = environment(
            home,
            TRADEMATRIX_AUTOMATION="1",
            TRADEMATRIX_CLOCK=clock,
            TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
            TWELVE_DATA_API_KEY="any",
            TWELVE_DATA_PLAN=PLAN,
        )
        with open_databases(load_settings(env)) as databases, ui(env, home, board_port=free_port()) as web:
            engine, dagster = create_engine(databases.market), create_engine(databases.dagster)
            up = psutil.Process(web.process.pid)
            with (
                Progress(console=Console(stderr=True)) as progress,
                engine.connect() as connection,
                dagster.connect() as events,
            ):
                task = progress.add_task("soaking", total=seconds)
                begun = time.monotonic()
                while (passed := time.monotonic() - begun) < seconds:
                    count, *sizes = connection.execute(text(_DATABASES), {"dagster": databases.dagster.database}).one()
                    logged = events.execute(text("SELECT count(*) FROM event_logs")).scalar_one()
                    connection.rollback()
                    events.rollback()
                    memory, files = long_lived(up)
                    market, own = (size / 2**20 for size in sizes)
                    samples.append(
                        Sample(
                            memory_mb=memory,
                            files=files,
                            connections=int(count),
                            market_mb=market,
                            dagster_mb=own,
                            events=int(logged),
                            home_mb=megabytes(home),
                        )
                    )
                    progress.update(task, completed=passed)
                    time.sleep(_EVERY)
                queries = {
                    "candles": "SELECT count(*) FROM ohlc",
                    "levels": "SELECT count(*) FROM levels_daily",
                    "incidents": "SELECT count(*) FROM incidents",
                }
                counts = {name: int(connection.execute(text(query)).scalar_one()) for name, query in queries.items()}
            engine.dispose()
            dagster.dispose()
        counts |= {f"vendor {name}": value for name, value in simulator.counts.items()}
    return samples, counts


def long_lived(up: psutil.Process) -> tuple[float, int]:
    """Return the megabytes of memory and the open files of the long-lived processes of ``up``."""
    memory, files = 0, 0
    for process in [up, *up.children(recursive=True)]:
        try:
            if time.time() - process.create_time() > _LIVED:
                memory, files = memory + process.memory_info().rss, files + process.num_fds()
        except psutil.NoSuchProcess:
            continue
    return memory / 2**20, files


def megabytes(home: Path) -> float:
    """Return how much the files of a home take, those of the embedded server aside."""
    total = 0
    for folder, _, names in os.walk(home):
        if "postgres" in Path(folder).relative_to(home).parts[:1]:
            continue
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(folder) / name).stat().st_size
    return total / 2**20


def daily_growth(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """Return by how much the middle and the last third grew, each extrapolated to a day of the simulated time."""
    third = max(1, len(samples) // 3)
    values = [float(getattr(one, name)) for one in samples]
    days = third * _EVERY * SPEED / timedelta(days=1).total_seconds()
    begin, end = values[third], values[-third] if third < len(values) else values[-1]
    return (end - begin) / days, (values[-1] - end) / days


def thirds(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """Return the medians of the middle and the last third."""
    third = max(1, len(samples) // 3)
    values = [float(getattr(one, name)) for one in samples]
    return median(values[third : 2 * third]), median(values[2 * third :])


def judge(samples: Sequence[Sample]) -> list[str]:
    """Return what grew."""
    problems = []
    for name in FLAT:
        middle, last = thirds(samples, name)
        if last > middle * GROWTH_ALLOWED:
            problems.append(f"{name} grew from {middle:.1f} to {last:.1f}")
    for name in GROWING:
        middle, last = daily_growth(samples, name)
        if last > max(middle, 0) * FASTER_ALLOWED + 1:
            problems.append(f"{name} grows faster: by {middle:.1f} a day, then by {last:.1f}")
    return problems


if __name__ == "__main__":
    sys.exit(main())
