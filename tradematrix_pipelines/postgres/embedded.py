"""Leases on the embedded server: it runs as long as any process on this machine holds one.

Here: who starts and stops the server when. Not here: how (``cluster``), and which databases are on it (``databases``).

Lock files in the home decide, because the kernel drops the locks of a process whichever way it dies:

- ``gate``: locked exclusively while a lease is taken or released, so that starts and stops don't overlap;
- ``lease``: locked shared by every process that uses the server. The process that can lock it exclusively on release
  was the last, and stops the server;
- ``watch``: locked by a process (``watcher``) that stops the server when the last processes with a lease were killed.

The next lease starts a killed server again, and a killed watcher. A forked child has no lease until it takes one.
"""

import atexit
import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import URL

from tradematrix_pipelines.folders import private_folder
from tradematrix_pipelines.postgres.cluster import SUPERUSER, Cluster, Server
from tradematrix_pipelines.postgres.home_lock import gate, is_held, lock_alone, lock_shared, open_lock
from tradematrix_pipelines.postgres.listening import tcp_port_of
from tradematrix_pipelines.postgres.programs import ServerFault, bin_dir

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Hold:
    """This process's lock on the server of a home, shared by all its leases."""

    home: Path
    cluster: Cluster
    lock: int
    leases: int = 0


_holds: dict[Path, _Hold] = {}
_mutex = threading.RLock()


class ServerLease:
    """The right to use the embedded server, until :meth:`release`, the end of ``with``, or the end of the process."""

    def __init__(self, hold: _Hold, server: Server) -> None:
        self._hold: _Hold | None = hold
        self._server = server

    @property
    def bin_dir(self) -> Path:
        """Folder of the server's programs: ``psql``, ``pg_dump``, …"""
        return bin_dir()

    def url(self, database: str) -> URL:
        """Return the URL of a database, existing or not, without a driver: ``.set(drivername=…)`` names one."""
        # The port is explicit because libpq would else use the user's PGPORT.
        where = {"host": str(self._server.socket_dir), "port": str(self._server.port)}
        return URL.create("postgresql", username=SUPERUSER, database=database, query=where)

    def release(self) -> None:
        """Release the lease; the last one of all processes stops the server. A second call does nothing."""
        hold, self._hold = self._hold, None
        if hold is not None:
            _release(hold)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def lease_server(home: Path) -> ServerLease:
    """Return a lease on the server whose data is in ``home/postgres``, created and started where needed.

    Raises:
        ServerFault: the server can't be created, started or reached; the message says what to do.
    """
    home = home.expanduser().absolute()
    try:
        private_folder(home)
        home = home.resolve()
        with _mutex, gate(home):
            hold = _holds.get(home) or _take(home)
            try:
                server = _ensure_running(home, hold)
                _ensure_watched(home)
            except BaseException:
                _drop_if_unused(hold)
                raise
            hold.leases += 1
            return ServerLease(hold, server)
    except OSError as error:
        raise ServerFault(
            f"can't use {home} for the embedded database ({error.strerror or error}): "
            "set TRADEMATRIX_HOME to a folder that can be written, or TRADEMATRIX_DATABASE_URL to a server"
        ) from error


def _ensure_running(home: Path, hold: _Hold) -> Server:
    tcp_port = tcp_port_of(home)
    server = hold.cluster.ensure_running(tcp_port=tcp_port)
    if tcp_port is not None and server.port != tcp_port:
        raise ServerFault(
            f"the embedded PostgreSQL of {home} runs already, without port {tcp_port}: "
            "end the programs that read from it, then start again"
        )
    return server


def _take(home: Path) -> _Hold:
    lock = open_lock(home / "lease")
    lock_shared(lock)
    hold = _Hold(home, Cluster(home / "postgres"), lock)
    _holds[home] = hold
    return hold


def _drop_if_unused(hold: _Hold) -> None:
    if hold.leases == 0:
        del _holds[hold.home]
        os.close(hold.lock)


def _release(hold: _Hold) -> None:
    with _mutex:
        if _holds.get(hold.home) is not hold:  # a forked child's copy of its parent's lease
            return
        hold.leases -= 1
        if hold.leases == 0:
            _leave(hold)


def _leave(hold: _Hold) -> None:
    try:
        with gate(hold.home):
            if lock_alone(hold.lock):
                hold.cluster.stop()
    except (OSError, ServerFault):
        _logger.warning("the embedded PostgreSQL of %s was left running", hold.home, exc_info=True)
    finally:
        _drop_if_unused(hold)


def _ensure_watched(home: Path) -> None:
    if is_held(home / "watch"):
        return
    # -P: don't import modules from the current folder.
    command = [sys.executable, "-P", "-m", "tradematrix_pipelines.postgres.watcher", str(home)]
    quiet = subprocess.DEVNULL
    done = subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, check=False)  # noqa: S603 - our own module
    if done.returncode:
        _logger.warning("the embedded PostgreSQL of %s has no watcher: killed processes may leave it running", home)


@atexit.register
def _release_all() -> None:
    with _mutex:
        for hold in list(_holds.values()):
            hold.leases = 0
            _leave(hold)


def _forget() -> None:
    """Drop the parent's leases in a forked child: they stay the parent's."""
    global _mutex  # noqa: PLW0603  # the parent's thread that may hold it doesn't exist here
    _mutex = threading.RLock()
    for hold in _holds.values():
        os.close(hold.lock)
    _holds.clear()


os.register_at_fork(after_in_child=_forget)
