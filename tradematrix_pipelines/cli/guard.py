"""The process that ends everything that ``up`` has started, however ``up`` ends.

It leads the process group in which all of that runs, and reads a pipe that only ``up`` can write to. When the pipe
closes, it kills the group, waits until it has ended, and deletes the group's temporary files:
``python -m tradematrix_pipelines.cli.guard FOLDER``. Here: that process, and starting it. Not here: what is started
(``services``).
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil  # type: ignore[import-untyped]  # psutil ships no types

from tradematrix_pipelines.processes import has_ended

_KILL_SECONDS = 20.0
"""By then the kernel has ended every process that can be killed."""


class Guard:
    """The running guard of a process that starts others in its group.

    Args:
        lock: descriptor of a locked file, which stays locked until the group has ended; ``None`` = there is none.
    """

    def __init__(self, *, lock: int | None = None) -> None:
        self._lock, self._groups = lock, list[int]()
        self.folder = Path(tempfile.mkdtemp(prefix="tradematrix-"))
        """For the temporary files of the group; deleted when the group has ended."""
        self._process, self._pipe = self._start()

    @property
    def group(self) -> int:
        """The process group in which to start processes."""
        return self._process.pid

    def revive(self) -> None:
        """Restart it if it has died. It also ends the groups of its predecessors."""
        if self._process.poll() is not None:
            self._groups.append(self._process.pid)
            self._pipe.close()
            self._process, self._pipe = self._start()

    def end(self) -> None:
        """End the group, and return when all its processes have ended."""
        self.revive()
        self._pipe.close()
        self._process.wait()

    def _start(self) -> "tuple[subprocess.Popen[bytes], IO[bytes]]":
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", "tradematrix_pipelines.cli.guard", str(self.folder), *map(str, self._groups)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
            pass_fds=() if self._lock is None else (self._lock,),
        )
        if process.stdin is None:
            msg = "the process has no pipe"
            raise RuntimeError(msg)
        return process, process.stdin


def end_groups(groups: Collection[int]) -> None:
    """Kill all processes of these groups but this one, and return when they have ended.

    Not terminated: a run worker takes SIGTERM for a person's cancel and fails for good, while one that was killed is
    detected by the next daemon and retried.
    """
    deadline = time.monotonic() + _KILL_SECONDS
    while (left := members(groups)) and time.monotonic() < deadline:
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(0.05)


def members(groups: Collection[int]) -> list[psutil.Process]:
    """Return the living processes of these groups, without this one."""
    processes = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            own = process.pid == os.getpid()
            if not own and os.getpgid(process.pid) in groups and not has_ended(process):
                processes.append(process)
    return processes


def main() -> None:
    """Wait until the parent process has ended, then end its group and the given ones, and delete the folder."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_groups({os.getpgrp(), *map(int, sys.argv[2:])})
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
