"""One long-running process of ``up``: started, and restarted when it dies.

Here: one process, and how often something may fail. Not here: which processes there are and when they are checked
(``services``), and how they end (``guard``).
"""

import os
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
"""Restarts within ``WINDOW``; one more is an error."""

WINDOW = 600.0
"""Seconds."""

_LOG_TAIL = 15


class Failures:
    """Counts the failures of one process; ``RESTARTS`` of them are allowed within ``WINDOW``."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=RESTARTS)
        self.count = 0

    def note(self) -> bool:
        """Record a failure, and return whether it is one too many."""
        now = time.monotonic()
        if len(self._last) == RESTARTS and now - self._last[0] < WINDOW:
            return True
        self._last.append(now)
        self.count += 1
        return False


class Service:
    """A Python module run in another process group, so that Ctrl-C reaches only us.

    Args:
        name: its name in messages.
        arguments: the module and its arguments.
        folder: its working directory.
        log: file that its output is appended to.
        group: returns the process group to start it in. Its child processes are in the same group.
        descriptors: open files that it inherits.
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
        descriptors: Sequence[int] = (),
    ) -> None:
        self.log = log
        self._name, self._arguments, self._environment, self._folder = name, arguments, environment, folder
        self._group, self._descriptors, self._failures = group, descriptors, Failures()
        self._child = self._start()

    @property
    def state(self) -> ServiceState:
        """Its process, and how often it was restarted."""
        return ServiceState(name=self._name, pid=self._child.pid, restarts=self._failures.count)

    def revive(self) -> None:
        """Restart it if it has ended. Its child processes go on, so a run in progress is not interrupted.

        Raises:
            TradeMatrixError: it has ended for the sixth time within ten minutes.
        """
        if self._child.poll() is None:
            return
        code = self._child.returncode
        if self._failures.note():
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:])
            raise TradeMatrixError(f"the {self._name} ended with exit code {code}; its log ends:\n{tail}")
        say(f"the {self._name} ended with exit code {code}: restarting it", err=True)
        self._child = self._start()

    def collect(self) -> None:
        """Wait for its process, which is about to end."""
        self._child.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        # For its owner alone, whatever the umask says.
        with open(self.log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, "-m", *self._arguments],
                env=dict(self._environment),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=self._group(),
                pass_fds=self._descriptors,
            )


def say(text: str, *, err: bool = False) -> None:
    """Print a line; a closed terminal is ignored, so that the shutdown stays orderly."""
    with suppress(OSError):
        click.echo(text, err=err)
