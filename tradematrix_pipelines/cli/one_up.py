"""The single ``up`` of a home: its lock, and the state that others can read.

Here: the file ``up`` in the home, which a running ``up`` keeps locked and writes its state to. Not here: what runs
(``services``), and how it is shown (``status``).
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil  # type: ignore[import-untyped]  # psutil ships no types

from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.folders import private_folder
from tradematrix_pipelines.postgres.home_lock import is_held, lock_alone, open_lock
from tradematrix_pipelines.processes import has_ended

_FILE = "up"
_END_SECONDS = 60.0
"""The guard of a killed ``up`` ends its processes within half of that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceState:
    """One of the processes that ``up`` keeps alive."""

    name: str
    pid: int
    restarts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class UpState:
    """A running ``up``.

    Attributes:
        created: when its process began, a Unix timestamp: pids are reused.
        url: where its UI is.
        board_url: where its board is; ``None`` = it has none.
    """

    pid: int
    created: float
    url: str
    since: datetime
    services: tuple[ServiceState, ...] = ()
    board_url: str | None = None

    @property
    def lives(self) -> bool:
        """Whether its process is alive."""
        try:
            process = psutil.Process(self.pid)
            return not has_ended(process) and bool(abs(process.create_time() - self.created) < 1)
        except psutil.Error:
            return False


class OneUp:
    """The lock of a home's single ``up``, held inside ``with``; a guard that shares it may hold it longer.

    Args:
        url: where the UI will be.

    Raises:
        TradeMatrixError: another process holds it; the message says which.
    """

    def __init__(self, home: Path, *, url: str) -> None:
        own = psutil.Process()
        self._home = home
        self._state = UpState(pid=own.pid, created=own.create_time(), url=url, since=SystemClock().now())
        self.descriptor = -1

    def publish(self, services: Sequence[ServiceState], *, board_url: str | None = None) -> None:
        """Write the current state for others to read."""
        state = asdict(replace(self._state, services=tuple(services), board_url=board_url))
        state["since"] = self._state.since.isoformat()
        text = json.dumps(state).encode() + b"\n"
        os.pwrite(self.descriptor, text, 0)
        os.ftruncate(self.descriptor, len(text))

    def __enter__(self) -> Self:
        try:
            private_folder(self._home)
            self.descriptor = open_lock(self._home / _FILE)
        except OSError as error:
            raise TradeMatrixError(
                f"can't write to {self._home} ({error.strerror}): make it writable, or set TRADEMATRIX_HOME to another"
            ) from error
        deadline = time.monotonic() + _END_SECONDS
        while not lock_alone(self.descriptor):
            other = _read(self._home)
            if other is not None and other.lives:
                self._close()
                raise TradeMatrixError(
                    f"already running, pid {other.pid}, {other.url}: end it with `tradematrix stop`, "
                    "or set TRADEMATRIX_HOME to another folder"
                )
            if time.monotonic() > deadline:
                self._close()
                raise TradeMatrixError(f"the processes of a killed `up` of {self._home} have not ended: try again")
            time.sleep(0.1)
        self.publish(())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.ftruncate(self.descriptor, 0)
        self._close()

    def _close(self) -> None:
        os.close(self.descriptor)
        self.descriptor = -1


def read_up(home: Path) -> UpState | None:
    """Return the ``up`` that runs in a home; ``None`` where there is none."""
    state = _read(home) if is_held(home / _FILE) else None
    return state if state is not None and state.lives else None


def wait_until_ended(home: Path, up: UpState, *, seconds: float) -> bool:
    """Wait until this ``up`` of a home, and all that it started, has ended; return whether it has."""
    deadline = time.monotonic() + seconds
    while is_held(home / _FILE) or up.lives:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _read(home: Path) -> UpState | None:
    try:
        # After the first value there may be the rest of a longer text that has not been truncated yet.
        state: dict[str, Any] = json.JSONDecoder().raw_decode((home / _FILE).read_text())[0]
        services = tuple(ServiceState(**service) for service in state.pop("services"))
        since = datetime.fromisoformat(state.pop("since"))
        return UpState(**state, since=since, services=services)
    except (OSError, ValueError, TypeError, KeyError):
        return None
