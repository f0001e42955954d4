"""When a process counts as ended."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest

from tradematrix_pipelines.cli.guard import members
from tradematrix_pipelines.postgres.home_lock import is_held
from tradematrix_pipelines.processes import has_ended, process_space
from tradematrix_pipelines_tests.stack import wait_for

# Its main thread ends, by the bare system call; another one reads its input to the end.
HEADLESS = """
import ctypes, platform, sys, threading
from pathlib import Path
from tradematrix_pipelines.postgres.home_lock import lock_alone, open_lock
assert lock_alone(open_lock(Path(sys.argv[1])))
threading.Thread(target=sys.stdin.read).start()
print("ready", flush=True)
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
"""


@pytest.fixture
def headless(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    if sys.platform != "linux":
        pytest.skip("a process without its main thread is made by a system call of Linux")
    command = [sys.executable, "-c", HEADLESS, str(tmp_path / "lock")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, process_group=0) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def test_a_process_ends_with_its_last_thread_and_not_with_its_main_thread(
    headless: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    process = psutil.Process(headless.pid)
    wait_for("the end of the main thread", lambda: process.status() == psutil.STATUS_ZOMBIE, seconds=10)
    assert is_held(tmp_path / "lock"), "what makes it matter"
    assert not has_ended(process)
    assert [one.pid for one in members({headless.pid})] == [headless.pid]
    process.kill()
    wait_for("the end of the process", lambda: has_ended(process), seconds=10)
    assert not is_held(tmp_path / "lock")
    assert members({headless.pid}) == []
    headless.wait()
    assert has_ended(process)


def test_this_process_has_not_ended() -> None:
    assert not has_ended(psutil.Process(os.getpid()))


def test_a_container_of_this_host_is_another_process_space() -> None:
    code = "from tradematrix_pipelines.processes import process_space; print(process_space())"
    alone = ["unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), "--pid", "--fork"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine makes no pid namespace: it takes unshare and the right to")
    here = subprocess.check_output([sys.executable, "-c", code], text=True).strip()
    there = subprocess.check_output([*alone, sys.executable, "-c", code], text=True).strip()
    assert here == process_space() != there
