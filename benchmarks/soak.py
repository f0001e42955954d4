"""Half an hour of ``tradematrix up`` at 20 times real speed: does anything grow? Run it with ``make soak``.

The simulator on the free plan's limits, the real daemon, webserver and Postgres; the clock starts on a Tuesday at
13:30 UTC, so that there are live pulls, closes, levels and a new FX session. Memory, open files and connections of the
long-lived processes are sampled; the last third is compared with the middle one.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
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
from tradematrix_pipelines_tests.stack import environment, ui, vendor

SPEED = 20
START = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
PLAN = "8/800"
GROWTH_ALLOWED = 1.05
_EVERY = 10.0
_LIVED = 120.0
"""Seconds after which a process counts as long-lived; run workers live for a few."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The measurements at one time."""

    memory_mb: float
    files: int
    connections: int


def main() -> int:
    """Run the soak test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default: %(default)s)")
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
        for name in Sample.__dataclass_fields__:
            middle, last = thirds(samples, name)
            print(f"{name:12} {middle:10.1f} {last:10.1f}  x {last / middle:.3f}")
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
        with open_databases(load_settings(env)) as databases, ui(env, home) as web:
            engine = create_engine(databases.market)
            up = psutil.Process(web.process.pid)
            with Progress(console=Console(stderr=True)) as progress, engine.connect() as connection:
                task = progress.add_task("soaking", total=seconds)
                begun = time.monotonic()
                while (passed := time.monotonic() - begun) < seconds:
                    count = connection.execute(text("SELECT count(*) FROM pg_stat_activity")).scalar_one()
                    connection.rollback()
                    samples.append(sample(up, int(count)))
                    progress.update(task, completed=passed)
                    time.sleep(_EVERY)
                queries = {
                    "candles": "SELECT count(*) FROM ohlc",
                    "levels": "SELECT count(*) FROM levels_daily",
                    "incidents": "SELECT count(*) FROM incidents",
                }
                counts = {name: int(connection.execute(text(query)).scalar_one()) for name, query in queries.items()}
            engine.dispose()
        counts |= {f"vendor {name}": value for name, value in simulator.counts.items()}
    return samples, counts


def sample(up: psutil.Process, connections: int) -> Sample:
    """Sum up the long-lived processes of ``up``."""
    memory, files = 0, 0
    for process in [up, *up.children(recursive=True)]:
        try:
            if time.time() - process.create_time() > _LIVED:
                memory, files = memory + process.memory_info().rss, files + process.num_fds()
        except psutil.NoSuchProcess:
            continue
    return Sample(memory_mb=memory / 2**20, files=files, connections=connections)


def thirds(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """Return the medians of the middle and the last third."""
    third = max(1, len(samples) // 3)
    values = [float(getattr(one, name)) for one in samples]
    return median(values[third : 2 * third]), median(values[2 * third :])


def judge(samples: Sequence[Sample]) -> list[str]:
    """Return what grew."""
    problems = []
    for name in Sample.__dataclass_fields__:
        middle, last = thirds(samples, name)
        if last > middle * GROWTH_ALLOWED:
            problems.append(f"{name} grew from {middle:.1f} to {last:.1f}")
    return problems


if __name__ == "__main__":
    sys.exit(main())
