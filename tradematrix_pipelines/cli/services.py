"""The long-running processes of ``up``: webserver and daemon, started together, kept alive, and ended together."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click
import httpx

from tradematrix_pipelines.cli.supervision import Service
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.settings import Settings, child_environment
from tradematrix_pipelines.storage.dagster_home import prepare_dagster_home, project_file
from tradematrix_pipelines.storage.embedded import lease_server

_READY_SECONDS = 120
_STOP_SECONDS = 20
_LOOK_SECONDS = 1.0


class Services:
    """The webserver, the daemon, and the embedded server that they need."""

    def __init__(self, settings: Settings, *, host: str, port: int) -> None:
        self._settings, self._host, self._port = settings, host, port
        self._logs = settings.home / "logs"
        self._services: list[Service] = []

    def run(self) -> None:
        """Start them, say where the UI is, and wait for Ctrl-C or SIGTERM; then end them and wait for them.

        What dies meanwhile is started again: a run that died with it is found out by the daemon, and goes on.

        Raises:
            TradeMatrixError: the port is taken, or one of them doesn't come up, or dies again and again.
        """
        self._check_port()
        with _interruptible():
            try:
                self._start()
                self._wait_until_ready()
                click.echo(f"UI on http://{self._host}:{self._port} - logs in {self._logs} - Ctrl-C stops")
                while True:
                    self._look_after()
                    time.sleep(_LOOK_SECONDS)
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
        for name, arguments in (("webserver", web), ("daemon", daemon)):
            environment, log = child_environment(self._settings), self._logs / f"{name}.log"
            self._services.append(Service(name, arguments, environment=environment, folder=home, log=log))

    def _wait_until_ready(self) -> None:
        host = "127.0.0.1" if self._host == "0.0.0.0" else self._host  # noqa: S104 - compared, not bound
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            for service in self._services:
                service.check()
            try:
                if httpx.get(f"http://{host}:{self._port}/server_info", timeout=2).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.3)
        raise TradeMatrixError(f"the UI did not come up within {_READY_SECONDS} s: see {self._services[0].log}")

    def _look_after(self) -> None:
        if self._settings.database_url is None:
            # Our caller holds the server; asking for another hold starts it where it has died.
            lease_server(self._settings.home).release()
        for service in self._services:
            service.revive()

    def _stop(self) -> None:
        for service in self._services:
            service.interrupt()
        deadline = time.monotonic() + _STOP_SECONDS
        for service in self._services:
            service.stop(deadline=deadline)


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
