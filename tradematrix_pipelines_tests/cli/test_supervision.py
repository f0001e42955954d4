"""A service that dies is restarted, a limited number of times, and none of its processes outlives its guard."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tradematrix_pipelines.cli import supervision
from tradematrix_pipelines.cli.guard import Guard, end_groups, members
from tradematrix_pipelines.cli.supervision import RESTARTS, Service
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines_tests.stack import wait_for

MAIN = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with pathlib.Path("pids").open("a") as file:
    print(child.pid, file=file)
print("at work", flush=True)
time.sleep(600)
"""


@pytest.fixture
def guard() -> Iterator[Guard]:
    running = Guard()
    yield running
    running.end()


@pytest.fixture
def service(tmp_path: Path, guard: Guard) -> Iterator[Service]:
    """A service that starts a child process and notes its pid."""
    (tmp_path / "patient.py").write_text(MAIN)
    running = started("patient", tmp_path, guard)
    yield running
    guard.end()
    running.collect()


def started(name: str, folder: Path, guard: Guard) -> Service:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    log = folder / f"{name}.log"
    return Service(name, [name], environment=environment, folder=folder, log=log, group=lambda: guard.group)


@pytest.fixture
def pids(tmp_path: Path) -> Callable[[int], list[int]]:
    """The pids of the service's child processes, once there are that many."""

    def noted() -> list[int]:
        file = tmp_path / "pids"
        return [int(pid) for pid in file.read_text().split()] if file.exists() else []

    def read(count: int) -> list[int]:
        wait_for(f"{count} starts", lambda: len(noted()) == count, seconds=20)
        return noted()

    return read


def kill_head(of: int) -> None:
    head = psutil.Process(of).parent()
    assert head is not None
    head.send_signal(signal.SIGKILL)
    wait_for("its death", lambda: psutil.Process(of).ppid() != head.pid, seconds=10)


def revive(service: Service) -> None:
    """Look after the service until its death has been seen."""
    before = service._child

    def again() -> bool:
        service.revive()
        return service._child is not before

    wait_for("the next start", again, seconds=10)


def test_it_is_restarted_and_its_child_processes_go_on(
    service: Service, pids: Callable[[int], list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    [first] = pids(1)
    kill_head(first)
    revive(service)
    assert "the patient ended with exit code -9: restarting it" in capsys.readouterr().err
    assert pids(2)[0] == first
    assert psutil.pid_exists(first)


def test_ending_the_guard_ends_all_that_was_started(
    service: Service, pids: Callable[[int], list[int]], guard: Guard
) -> None:
    kill_head(pids(1)[0])
    revive(service)
    pids(2)
    guard.end()
    assert members([guard.group]) == []


def test_a_killed_guard_is_replaced_and_its_group_ended_too(
    service: Service, pids: Callable[[int], list[int]], guard: Guard
) -> None:
    pids(1)
    first = guard.group
    os.kill(first, signal.SIGKILL)
    wait_for("the next guard", lambda: guard.revive() or guard.group != first, seconds=10)
    kill_head(pids(1)[0])
    revive(service)
    pids(2)
    guard.end()
    assert members([first, guard.group]) == []


def test_a_process_that_ignores_signals_is_killed(tmp_path: Path, guard: Guard) -> None:
    (tmp_path / "deaf.py").write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)"
    )
    running = started("deaf", tmp_path, guard)
    wait_for("its start", lambda: running.log.read_text() == "deaf\n", seconds=10)
    end_groups([guard.group])
    assert members([guard.group]) == []
    running.collect()


def test_repeated_failures_raise_with_the_end_of_the_log(tmp_path: Path, guard: Guard) -> None:
    (tmp_path / "hopeless.py").write_text("import sys; print('no such thing'); sys.exit(3)")
    running = started("hopeless", tmp_path, guard)
    with pytest.raises(TradeMatrixError, match=r"the hopeless ended with exit code 3; its log ends:\n(no such thing)"):
        wait_for("one failure too many", running.revive, seconds=30, every=0.05)
    assert running.log.read_text().count("no such thing") == RESTARTS + 1


def test_old_failures_do_not_count(
    service: Service, pids: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "WINDOW", 0.0)
    for number in range(1, RESTARTS + 3):
        kill_head(pids(number)[-1])
        revive(service)
    assert len(pids(RESTARTS + 3)) == RESTARTS + 3
