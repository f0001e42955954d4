"""Runs the benchmarks, and prints what they measured as one table. ``make bench`` runs it.

A benchmark is a process of its own, which prints its lines as JSON; one after the other, so that none disturbs another.
Every ratio is within one run of one benchmark. With ``--quick``, each is run once at a small size: that it works, in
a few minutes; its ratios mean nothing. ``--output`` writes what was measured to a file, from which the docs are
made; what it has of benchmarks that were not run stays.

    .venv/bin/python benchmarks/table.py [--quick] [--only storage reader] [--output docs/figures/bench.json] [--json]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from lines import Line
from plots import draw

from tradematrix_pipelines.cli.guard import Guard
from tradematrix_pipelines.cli.signals import ends_like_ctrl_c
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.postgres.programs import run as run_program

PACKAGES = ("dagster", "pandas", "numpy", "psycopg", "adbc-driver-postgresql", "polars", "orjson")
_FOLDER = Path(__file__).parent
_REMIND_SECONDS = 8.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """A benchmark: its file, what it is about, and the arguments with which it is small.

    Attributes:
        long: whether it takes most of an hour, so that it is run where it is named, or small.
    """

    name: str
    about: str
    quick: tuple[str, ...] = ()
    long: bool = False


SCRIPTS = (
    Script(name="storage", about="Storing candles", quick=("--candles", "20000", "--into", "40000", "--rounds", "1")),
    Script(name="reader", about="Reading candles", quick=("--candles", "20000", "--rounds", "1")),
    Script(name="resampling", about="Coarser bars", quick=("--candles", "20000", "--rounds", "1")),
    Script(name="answers", about="Taking in an answer", quick=("--rows", "2000", "--rounds", "1")),
    Script(name="judging", about="Judging sessions", quick=("--sessions", "3")),
    Script(name="partitions", about="Partitions by month", quick=("--candles", "800000", "--rounds", "1")),
    Script(name="compare", about="Comparing with another database", quick=("--candles", "20000", "--rounds", "1")),
    Script(name="board", about="The board", quick=("--requests", "40", "--rounds", "1")),
    Script(name="commands", about="Short commands", quick=("--rounds", "1")),
    Script(name="runs", about="A run", quick=("--rounds", "1")),
    Script(name="ticks", about="Ticks with nothing to do", quick=("--ticks", "1", "--rounds", "1")),
    Script(name="standing", about="Standing still", quick=("--settle", "1", "--idle", "3")),
    Script(name="backfill", about="History", quick=("--days", "1", "--stock-days", "0", "--symbols", "1")),
    Script(name="pages", about="Pages of Dagster", quick=("--symbols", "2", "--years", "1", "--rounds", "1")),
    Script(name="load", about="A fleet's history", quick=("--few", "1", "--symbols", "2", "--days", "2"), long=True),
    Script(name="scale", about="More symbols", quick=("--symbols", "2", "--rounds", "1")),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What one benchmark measured.

    Attributes:
        at: when it ended, UTC.
        load: the machine's load average of a minute before it began: how quiet the machine was.
        seconds: how long it took.
    """

    at: datetime
    load: float
    seconds: float
    lines: list[Line]


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small size each: that it works")
    parser.add_argument("--only", nargs="+", choices=[script.name for script in SCRIPTS], help="these benchmarks")
    parser.add_argument("--output", type=Path, help="file for what was measured")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    wanted = options.only or [script.name for script in SCRIPTS if options.quick or not script.long]
    chosen = [script for script in SCRIPTS if script.name in wanted]
    machine, measured, failed = _machine(), dict[Script, Measured](), list[str]()
    with ends_like_ctrl_c():
        for script, result in _run_all(chosen, quick=options.quick):
            if isinstance(result, Measured):
                measured[script] = result
                if options.output:  # whatever ends the others
                    _write(options.output, _document(machine, measured))
            else:
                failed.append(script.name)
    if options.json:
        print(json.dumps(_document(machine, measured), indent=2))
    else:
        print(", ".join(f"{name} {value}" for name, value in machine.items()))
        for script, result in measured.items():
            _print(script, result)
    if options.output and options.output.exists():
        draw(options.output)
    if failed:
        print(f"FAILED: {', '.join(failed)}; what they said is above", file=sys.stderr)
    return 1 if failed else 0


def _run_all(scripts: Sequence[Script], *, quick: bool) -> Iterator[tuple[Script, Measured | int]]:
    """Yield what each script measured, or its exit code; small ones are run two at once, for they measure nothing."""
    guard = Guard()
    pool = ThreadPoolExecutor(2 if quick else 1)
    scripts = scripts[::-1] if quick else scripts  # the last take longest: what is short fills the end
    try:
        yield from zip(scripts, pool.map(lambda script: _run(script, guard, quick=quick), scripts), strict=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        guard.end()


def _run(script: Script, guard: Guard, *, quick: bool) -> Measured | int:
    command = [sys.executable, str(_FOLDER / f"{script.name}.py"), "--json", *(script.quick if quick else ())]
    # The tests' way of running an installation is in the repository; bytecode spares each process a compilation.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    load, begun = os.getloadavg()[0], time.monotonic()
    _say(f"{script.name}: {script.about.lower()}")
    with subprocess.Popen(
        command,
        env=env | {"PYTHONPATH": str(_FOLDER.parent)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        process_group=guard.group,
    ) as process:
        ended = threading.Event()
        threading.Thread(target=_remind, args=(script.name, begun, ended), daemon=True).start()
        output, _ = process.communicate()
        ended.set()
    seconds = time.monotonic() - begun
    _say(f"{script.name}: {seconds:.0f} s" + (f", exited with {process.returncode}" if process.returncode else ""))
    if process.returncode:
        return process.returncode
    lines = [Line.from_json(row) for row in json.loads(output)]
    return Measured(at=SystemClock().now(), load=round(load, 1), seconds=round(seconds, 1), lines=lines)


def _remind(name: str, begun: float, ended: threading.Event) -> None:
    while not ended.wait(_REMIND_SECONDS):
        _say(f"{name}: at work for {time.monotonic() - begun:.0f} s")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(script: Script, result: Measured) -> None:
    print(f"\n{script.about} (benchmarks/{script.name}.py, {result.seconds:.0f} s, load {result.load:g} before)")
    width = max(len(line.what) for line in result.lines)
    for line in result.lines:
        print(line.row(width))


def _machine() -> dict[str, str]:
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _processor(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "Python": platform.python_version(),
        "PostgreSQL": run_program("postgres", "--version").stdout.split()[-1],
        **{package: version(package) for package in PACKAGES},
    }


def _processor() -> str:
    """Return the processor's name where Linux gives it, else its architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _document(machine: Mapping[str, str], measured: Mapping[Script, Measured]) -> dict[str, Any]:
    return {"machine": machine, "benchmarks": {script.name: _as_json(one) for script, one in measured.items()}}


def _as_json(result: Measured) -> dict[str, Any]:
    return {
        "at": result.at.astimezone(UTC).isoformat(timespec="seconds"),
        "load": result.load,
        "seconds": result.seconds,
        "lines": [line.as_json() for line in result.lines],
    }


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """Write what was measured, over what the file has of the same benchmarks."""
    before = json.loads(path.read_text())["benchmarks"] if path.exists() else {}
    merged = before | document["benchmarks"]
    known = {script.name: {"about": script.about} | merged[script.name] for script in SCRIPTS if script.name in merged}
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps({"machine": document["machine"], "benchmarks": known}, indent=1, ensure_ascii=False) + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
