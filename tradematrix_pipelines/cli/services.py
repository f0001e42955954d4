"""The long-running processes of ``up``: webserver, daemon and board, started together, kept alive, ended together."""

import socket
import threading
import time
from contextlib import suppress

import httpx

from tradematrix_pipelines.board.listening import listen, port_of
from tradematrix_pipelines.board.tokens import required_token
from tradematrix_pipelines.cli import dagster_programs
from tradematrix_pipelines.cli.guard import Guard
from tradematrix_pipelines.cli.heartbeat import waiting_for
from tradematrix_pipelines.cli.one_up import OneUp
from tradematrix_pipelines.cli.signals import asked_to_end
from tradematrix_pipelines.cli.supervision import Failures, Service, say
from tradematrix_pipelines.defs.internals.dagster_home import prepare_dagster_home
from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.folders import private_folder
from tradematrix_pipelines.postgres.embedded import lease_server
from tradematrix_pipelines.postgres.programs import ServerFault
from tradematrix_pipelines.settings import Settings, child_environment

_READY_SECONDS = 120
_LOOK_SECONDS = 1.0
_PORTS = 20
"""Ports that are tried for the board."""


class Services:
    """The webserver, the daemon, the board, and the embedded server that they need.

    Args:
        board: the socket that the board listens on, on the same host; ``None`` = there is none.
        up: the lock of the home, held until the last of them has ended.
    """

    def __init__(self, settings: Settings, *, host: str, port: int, board: socket.socket | None, up: OneUp) -> None:
        if board is not None and settings.board_url is None:
            settings = settings.model_copy(update={"board_url": ui_url(host, port_of(board))})
        self._settings, self._host, self._port, self._up = settings, host, port, up
        self._board = board
        self._logs = settings.home / "logs"
        self._services: list[Service] = []
        self._server_failures, self._next_attempt = Failures(), 0.0

    def run(self) -> None:
        """Start them, print the UI's address, and wait for Ctrl-C, SIGTERM or SIGHUP; then end them and wait for them.

        One that dies is restarted; the daemon detects a run that died with it, and retries it.

        Raises:
            TradeMatrixError: the UI doesn't come up, or one of them dies repeatedly.
        """
        with asked_to_end() as asked:
            guard = Guard(lock=self._up.descriptor)
            try:
                self._start(guard)
                with waiting_for("starting the UI and the board"):
                    ready = self._wait_until_ready(guard, asked)
                if ready:
                    if self._board is not None:
                        say(board_line(self._settings, self._host, port_of(self._board)))
                    say(f"UI on {ui_url(self._host, self._port)} - logs in {self._logs} - Ctrl-C stops")
                while not asked.wait(_LOOK_SECONDS):
                    self._look_after(guard)
                say("stopping …")
            finally:
                guard.end()
                for service in self._services:
                    service.collect()
                if self._board is not None:
                    self._board.close()

    def _start(self, guard: Guard) -> None:
        home = prepare_dagster_home(self._settings)
        private_folder(self._logs)
        web = dagster_programs.webserver(self._settings, host=self._host, port=self._port)
        daemon = dagster_programs.daemon(self._settings)
        # Killed code servers leave their sockets in TMPDIR.
        environment = {**child_environment(self._settings), "TMPDIR": str(guard.folder)}
        programs = [("webserver", web), ("daemon", daemon)]
        if self._board is not None:
            where = ["--host", self._host, "--descriptor", str(self._board.fileno())]
            dagster = ["--dagster-url", ui_url(self._host, self._port)]
            programs.append(("board", ["tradematrix_pipelines.board", *where, *dagster]))
        for name, arguments in programs:
            self._services.append(
                Service(
                    name,
                    arguments,
                    environment=environment,
                    folder=home,
                    log=self._logs / f"{name}.log",
                    descriptors=[] if self._board is None or name != "board" else [self._board.fileno()],
                    group=lambda: guard.group,
                )
            )

    def _wait_until_ready(self, guard: Guard, asked: threading.Event) -> bool:
        """Wait until the UI answers, or until asked to end; return whether it answers."""
        host = "127.0.0.1" if self._host == "0.0.0.0" else self._host  # noqa: S104 - compared, not bound
        deadline = time.monotonic() + _READY_SECONDS
        while not asked.is_set():
            self._look_after(guard)
            with suppress(httpx.TransportError):
                if httpx.get(f"{ui_url(host, self._port)}/server_info", timeout=2).is_success:
                    return True
            if time.monotonic() > deadline:
                raise TradeMatrixError(f"the UI did not come up within {_READY_SECONDS} s: see {self._services[0].log}")
            asked.wait(0.3)
        return False

    def _look_after(self, guard: Guard) -> None:
        guard.revive()
        self._keep_server()
        for service in self._services:
            service.revive()
        board = None if self._board is None else ui_url(self._host, port_of(self._board))
        self._up.publish([service.state for service in self._services], board_url=board)

    def _keep_server(self) -> None:
        """Restart the embedded server if it has died; if it doesn't start, try again with growing pauses."""
        if self._settings.database_url is not None or time.monotonic() < self._next_attempt:
            return
        try:
            # Our caller has a lease on the server; another lease starts it where it has died.
            lease_server(self._settings.home).release()
        except ServerFault as fault:
            if self._server_failures.note():
                raise
            pause = 2.0 ** (self._server_failures.count - 1)
            say(f"{fault}: trying again in {pause:.0f} s", err=True)
            self._next_attempt = time.monotonic() + pause


def ui_url(host: str, port: int) -> str:
    """Return the UI's address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def board_line(settings: Settings, host: str, port: int) -> str:
    """Return the line that says where the board is, and where its token lies."""
    token = required_token(settings, host)
    opened = "" if token is None else f"/?token=… with the token of {token.where}"
    return f"board on {ui_url(host, port)}{opened}"


def listen_for_board(host: str, port: int, *, beside: int, named: bool) -> socket.socket | None:
    """Return the socket that the board listens on; ``None`` = there is no board.

    It is opened here and given to the board's process, so that nobody takes its port while that is restarted.

    Args:
        port: where it is taken, the next free one is used; 0 = there is no board.
        beside: the UI's port, which it can't have.
        named: whether the user asked for this port and no other.

    Raises:
        TradeMatrixError: the port that was asked for, or every port near it, is taken.
    """
    if port == 0:
        return None
    if named:
        if port == beside:
            raise UsageError(f"the UI listens on port {port}: choose another with --board-port")
        return listen(host, port, option="--board-port")
    for candidate in range(port, port + _PORTS):
        if candidate != beside:
            with suppress(TradeMatrixError):
                listener = listen(host, candidate)
                if candidate != port:
                    say(f"port {port} is taken: the board opens on {ui_url(host, candidate)}")
                return listener
    return listen(host, port, option="--board-port")


def free_port(host: str, port: int, *, tries: int = 20) -> int:
    """Return ``port``, or the first after it that the UI can listen on.

    Raises:
        TradeMatrixError: none of ``tries`` is free; the message is about ``port``.
    """
    for candidate in range(port, min(port + tries, 65536)):
        try:
            check_port(host, candidate)
        except TradeMatrixError:
            continue
        return candidate
    check_port(host, port)
    return port


def check_port(host: str, port: int) -> None:
    """Check that the UI can listen there.

    Raises:
        TradeMatrixError: it can't; the message says why.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise TradeMatrixError(
                f"can't listen on {host}:{port} ({error.strerror}): "
                "end what uses the port, or choose another with --port"
            ) from error
