"""One long-running process of ``up``: started, and started again when it dies.

Here: one process, and how often something may fail. Not here: which there are and when they are looked after
(``services``), and how they end (``guard``).
"""

import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import click

from tradematrix_pipelines.cli.one_up import ServiceState
from tradematrix_pipelines.errors import TradeMatrixError

RESTARTS = 5
"""Times that something is started again within ``WINDOW``, before it must be wrong for good."""

WINDOW = 600.0
"""Seconds."""

_LOG_TAIL = 15


class Failures:
    """The failures of one thing; there may be ``RESTARTS`` of them within ``WINDOW``."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=RESTARTS)
        self.count = 0

    def note(self) -> bool:
        """Note one, and return whether it is one too many."""
        now = time.monotonic()
        if len(self._last) == RESTARTS and now - self._last[0] < WINDOW:
            return True
        self._last.append(now)
        self.count += 1
        return False


class Service:
    """A Python module run in a process group that is not ours: Ctrl-C reaches us alone.

    Args:
        name: what people call it.
        arguments: the module and its arguments.
        folder: where it runs.
        log: file that its output is added to.
        group: returns the process group to start it in. What it starts is in there, too.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        group: Callable[[], int],
    ) -> None:
        self.log = log
        self._name, self._arguments, self._environment, self._folder = name, arguments, environment, folder
        self._group, self._failures = group, Failures()
        self._child = self._start()

    @property
    def state(self) -> ServiceState:
        """Its process, and how often that was started again."""
        return ServiceState(name=self._name, pid=self._child.pid, restarts=self._failures.count)

    def revive(self) -> None:
        """Start it again if it has ended. What it started goes on: a run in progress has no need to begin anew.

        Raises:
            TradeMatrixError: it has ended for the sixth time within ten minutes.
        """
        if self._child.poll() is None:
            return
        code = self._child.returncode
        if self._failures.note():
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:])
            raise TradeMatrixError(f"the {self._name} ended with exit code {code}; its log ends:\n{tail}")
        say(f"the {self._name} ended with exit code {code}: starting it again", err=True)
        self._child = self._start()

    def collect(self) -> None:
        """Wait for its process, which has been told to end."""
        self._child.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, "-m", *self._arguments],
                env=dict(self._environment),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=self._group(),
            )


def say(text: str, *, err: bool = False) -> None:
    """Print a line where there still is somebody to read it: a closed terminal is no reason to end in disorder."""
    with suppress(OSError):
        click.echo(text, err=err)
