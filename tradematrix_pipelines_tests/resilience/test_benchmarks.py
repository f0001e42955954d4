"""A benchmark that is ended takes its workers with it: they keep every core busy for an hour."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from tradematrix_pipelines_tests.stack import wait_for

pytestmark = pytest.mark.system

_REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as found:
        yield Path(found)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_workers_of_a_benchmark_end_with_it(folder: Path, number: signal.Signals) -> None:
    env = {**os.environ, "PYTHONPATH": str(_REPOSITORY), "TMPDIR": str(folder)}
    command = [sys.executable, "benchmarks/week.py", "--week", "dst", "--no-faults", "--jobs", "2"]
    quiet, family = subprocess.DEVNULL, list[psutil.Process]()
    with subprocess.Popen(command, cwd=_REPOSITORY, env=env, stdout=quiet, stderr=quiet) as benchmark:
        try:
            homes = "*/dst_*/dagster/dagster.yaml"
            wait_for("two weeks at work", lambda: len(list(folder.glob(homes))) == 2, seconds=120)
            family = psutil.Process(benchmark.pid).children(recursive=True)
            benchmark.send_signal(number)
            benchmark.wait(30)
            # Its server's watcher gets a second or two to find out.
            _, alive = psutil.wait_procs(family, timeout=20)
            assert [process.cmdline() for process in alive] == []
            wait_for("the server's end", lambda: not servers(folder), seconds=20)
        finally:
            for process in family:
                if process.is_running():
                    process.kill()


def servers(folder: Path) -> list[int]:
    """The servers whose data are in this folder."""
    return [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and str(folder) in " ".join(process.info["cmdline"] or ())
    ]
