"""The long-running processes of ``up``: webserver and daemon, started together and ended together, children and all."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click
import httpx

from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.settings import Settings, child_environment
from tradematrix_pipelines.storage.dagster_home import prepare_dagster_home, project_file

_READY_SECONDS = 120
_STOP_SECONDS = 20
_LOG_TAIL = 15


class Services:
    """The webserver and the daemon, each the head of a process group of its own."""

    def __init__(self, settings: Settings, *, host: str, port: int) -> None:
        self._settings, self._host, self._port = settings, host, port
        self._logs = settings.home / "logs"
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def run(self) -> None:
        """Start both, say where the UI is, and wait for Ctrl-C or SIGTERM; then end both and wait for them.

        Raises:
            TradeMatrixError: the port is taken, or one of them ended by itself; the other is ended too.
        """
        self._check_port()
        with _interruptible():
            try:
                self._start()
                self._wait_until_ready()
                click.echo(f"UI on http://{self._host}:{self._port} - logs in {self._logs} - Ctrl-C stops")
                while True:
                    self._check_alive()
                    time.sleep(0.5)
            except KeyboardInterrupt:
                click.echo("stopping …")
            finally:
                self._stop()

    def _check_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._host, self._port))
            except OSError as error:
                raise TradeMatrixError(
                    f"can't listen on {self._host}:{self._port} ({error.strerror}): "
                    "end what uses the port, or choose another with --port"
                ) from error

    def _start(self) -> None:
        home = prepare_dagster_home(self._settings)
        self._logs.mkdir(parents=True, exist_ok=True)
        workspace = ["-w", str(project_file("workspace.yaml"))]
        web = ["dagster_webserver", "-h", self._host, "-p", str(self._port), *workspace]
        daemon = ["tradematrix_pipelines.defs.daemon", "run", *workspace]
        for name, module in (("webserver", web), ("daemon", daemon)):
            with self._log(name).open("ab") as log:
                self._children[name] = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                    [sys.executable, "-m", *module],
                    env=child_environment(self._settings),
                    cwd=home,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # A group of its own: Ctrl-C reaches us alone, and we end the whole tree in order.
                    process_group=0,
                )

    def _wait_until_ready(self) -> None:
        host = "127.0.0.1" if self._host == "0.0.0.0" else self._host  # noqa: S104 - compared, not bound
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            self._check_alive()
            try:
                if httpx.get(f"http://{host}:{self._port}/server_info", timeout=2).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.3)
        raise TradeMatrixError(f"the UI did not come up within {_READY_SECONDS} s: see {self._log('webserver')}")

    def _check_alive(self) -> None:
        for name, child in self._children.items():
            if child.poll() is not None:
                tail = "\n".join(self._log(name).read_text(errors="replace").splitlines()[-_LOG_TAIL:])
                raise TradeMatrixError(f"the {name} ended with exit code {child.returncode}; its log ends:\n{tail}")

    def _stop(self) -> None:
        for child in self._children.values():
            _signal_group(child, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self._children.values():
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=max(0.1, deadline - time.monotonic()))
            # Whatever the head left behind: code servers and run workers are in its group.
            _signal_group(child, signal.SIGKILL)
            child.wait()

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        # The group's id is its head's pid, and stays after the head is gone.
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise KeyboardInterrupt, also where a shell started us with SIGINT ignored."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
