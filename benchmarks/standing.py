"""What ``tradematrix up`` takes while nothing happens, as a multiple of stock ``dagster dev`` with an empty project.

Both with their defaults: ``up`` with automation, board and embedded Postgres, on a Saturday with five symbols;
``dagster dev`` on its SQLite files with a job, a sensor and a schedule that do nothing. After a while to settle, the
memory is the sum of the proportional set sizes of all processes, and the CPU that of an idle stretch of some minutes,
extrapolated to an hour. Once: the two run one after the other.

    .venv/bin/python benchmarks/standing.py [--settle 60] [--idle 150] [--json]
"""

import argparse
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
from lines import Line, report
from measuring import cpu_used, family, server_of

from tradematrix_pipelines.cli.signals import ends_like_ctrl_c
from tradematrix_pipelines_tests.stack import answers, environment, free_port, running, ui, wait_for

SATURDAY = "2026-11-21T12:00:00Z*1"
_EMPTY = Path(__file__).with_name("empty.py")
Figures = tuple[float, float, int]
"""MiB, seconds of CPU an hour, processes."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settle", type=float, default=60.0, help="seconds before it is measured")
    parser.add_argument("--idle", type=float, default=150.0, help="seconds that are measured")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with ends_like_ctrl_c():
        ours = _up(options.settle, options.idle)
        theirs = _dagster_dev(options.settle, options.idle)
    lines = [
        Line(
            what=f"{what} of `tradematrix up`",
            against="stock `dagster dev` with an empty project",
            ratios=[one / other],
            bar=bar,
            note=f"{one:.0f} {unit} against {other:.0f} {unit}; {ours[2]} processes against {theirs[2]}",
        )
        for what, one, other, bar, unit in (
            ("standing memory", ours[0], theirs[0], 1.3, "MiB"),
            ("CPU in an idle hour", ours[1], theirs[1], 1.5, "s"),
        )
    ]
    report(lines, as_json=options.json)


def _up(settle: float, idle: float) -> Figures:
    with tempfile.TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        env = environment(home, TRADEMATRIX_AUTOMATION="1", TRADEMATRIX_CLOCK=SATURDAY)
        with ui(env, home, board_port=free_port()) as web:
            return _measure(settle, idle, psutil.Process(web.process.pid), server_of(home))


def _dagster_dev(settle: float, idle: float) -> Figures:
    with tempfile.TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        home, port = Path(folder), free_port()
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        env = environment(home, DAGSTER_HOME=folder)
        dagster = [str(Path(sys.executable).with_name("dagster"))]
        arguments = ["dev", "-f", str(_EMPTY), "--port", str(port)]
        with running(env, *arguments, log=home / "dev.log", program=dagster) as process:
            wait_for("dagster dev", lambda: answers(f"http://127.0.0.1:{port}/server_info"), seconds=180)
            return _measure(settle, idle, psutil.Process(process.pid))


def _measure(settle: float, idle: float, *roots: psutil.Process) -> Figures:
    time.sleep(settle)
    before, begun = cpu_used(family(*roots)), time.monotonic()
    time.sleep(idle)
    passed = time.monotonic() - begun
    processes = family(*roots)
    used, memory = cpu_used(processes) - before, 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            memory += process.memory_full_info().pss
    return memory / 2**20, used * 3600 / passed, len(processes)


if __name__ == "__main__":
    main()
