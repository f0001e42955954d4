"""Benchmarks: one table of them all, and one that is ended takes its workers with it: they keep every core busy."""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

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


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that runs the benchmarks."""
    monkeypatch.syspath_prepend(_REPOSITORY / "benchmarks")
    return importlib.import_module("table")


def test_the_table_has_every_benchmark(table: ModuleType) -> None:
    scripts = (_REPOSITORY / "benchmarks").glob("*.py")
    reporting = {script.stem for script in scripts if "from lines import Line, report\n" in script.read_text()}
    assert {script.name for script in table.SCRIPTS} == reporting


def test_what_benchmarks_measured_is_kept_until_they_are_run_again(tmp_path: Path) -> None:
    file = tmp_path / "figures" / "bench.json"

    def measure(*names: str) -> dict[str, Any]:
        command = [sys.executable, "benchmarks/table.py", "--quick", "--only", *names, "--output", str(file)]
        done = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert "NOT MET" in done.stdout or "met" in done.stdout
        document: dict[str, Any] = json.loads(file.read_text())
        return document

    both = measure("judging", "answers")
    assert both["machine"]["PostgreSQL"].startswith("18.")
    assert list(both["benchmarks"]) == ["answers", "judging"]
    assert {line["bar"] for line in both["benchmarks"]["judging"]["lines"]} == {1.5, None}
    again = measure("answers")
    assert again["benchmarks"]["judging"] == both["benchmarks"]["judging"]
    assert again["benchmarks"]["answers"] != both["benchmarks"]["answers"]


def test_a_benchmark_that_fails_is_named(
    table: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "SCRIPTS", (table.Script(name="absent", about="Nothing"),))
    monkeypatch.setattr(sys, "argv", ["table.py"])
    assert table.main() == 1
    assert "FAILED: absent" in capfd.readouterr().err


def test_a_bar_is_met_on_its_own_side(table: ModuleType) -> None:
    most = table.Line(what="ours", against="theirs", ratios=[0.9, 1.0, 1.3], bar=1.0)
    least = table.Line(what="theirs", against="ours", ratios=[7.0], bar=8.0, side="≥")
    assert (most.met, least.met) == (True, False)
    assert (most.outcome, least.outcome) == ("≤ 1 met", "≥ 8 NOT MET")


def servers(folder: Path) -> list[int]:
    """The servers whose data are in this folder."""
    return [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and str(folder) in " ".join(process.info["cmdline"] or ())
    ]
