"""One long-running process of ``up``: started, started again when it dies, ended with all that it started.

Here: one process. Not here: which there are, and when they are looked after (``services``).
"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import click
import psutil  # type: ignore[import-untyped]  # psutil ships no types

from tradematrix_pipelines.errors import TradeMatrixError

RESTARTS = 5
"""Times that a process is started again within ``WINDOW``, before something must be wrong for good."""

WINDOW = 600.0
"""Seconds."""

_LOG_TAIL = 15


class Service:
    """A Python module run as the head of a process group of its own: Ctrl-C reaches us alone, and we end it in order.

    Args:
        name: what people call it.
        arguments: the module and its arguments.
        folder: where it runs.
        log: file that its output is added to.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.log = log
        self._name, self._arguments, self._environment, self._folder = name, arguments, environment, folder
        self._restarts: deque[float] = deque(maxlen=RESTARTS)
        self._orphans: list[psutil.Process] = []
        self._child = self._start()

    def check(self) -> None:
        """See that it lives.

        Raises:
            TradeMatrixError: it has ended; the message has the end of its log.
        """
        if self._child.poll() is not None:
            raise self._ended()

    def revive(self) -> None:
        """Start it again if it has ended. What it started goes on: a run in progress has no need to begin anew.

        Raises:
            TradeMatrixError: it has ended for the sixth time within ten minutes.
        """
        if self._child.poll() is None:
            return
        now = time.monotonic()
        if len(self._restarts) == RESTARTS and now - self._restarts[0] < WINDOW:
            raise self._ended()
        self._restarts.append(now)
        self._orphans += _members(self._child.pid)
        click.echo(f"the {self._name} ended with exit code {self._child.returncode}: starting it again", err=True)
        self._child = self._start()

    def stop(self, *, deadline: float) -> None:
        """Tell it, and what it left behind, to end."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=max(0.1, deadline - time.monotonic()))
        # Code servers and run workers are in its group.
        self._signal(signal.SIGKILL)
        self._child.wait()

    def interrupt(self) -> None:
        """Tell it to end, without waiting."""
        self._signal(signal.SIGTERM)

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, "-m", *self._arguments],
                env=dict(self._environment),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    def _ended(self) -> TradeMatrixError:
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:])
        code = self._child.returncode
        return TradeMatrixError(f"the {self._name} ended with exit code {code}; its log ends:\n{tail}")

    def _signal(self, number: signal.Signals) -> None:
        # The group's id is its head's pid, and stays after the head is gone.
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)
        for orphan in self._orphans:
            with suppress(psutil.NoSuchProcess):
                orphan.send_signal(number)


def _members(group: int) -> list[psutil.Process]:
    """Return the processes of a group whose head is gone; they are known by more than a pid, which may be reused."""
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == group:
                found.append(process)
    return found
