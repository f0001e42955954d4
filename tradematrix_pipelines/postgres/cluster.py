"""One PostgreSQL data folder, and the server that runs on it.

Here: creating the folder, starting and stopping the server, and whether it runs. Not here: who may start and stop it
when (``embedded``, whose gate :meth:`Cluster.ensure_running` and :meth:`Cluster.stop` need).
"""

import re
import shutil
import socket
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types

from tradematrix_pipelines.postgres.programs import ServerFault, major_version, open_to_system_user, run

START_SECONDS = 120.0  # seconds; crash recovery of a few GB of WAL fits
PORT = 5432  # names the socket file only, where the server listens on no network
SUPERUSER = "postgres"

# Over TCP a password counts, on the socket the owner of its folder.
_AUTHENTICATION = """local all all trust
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
"""
# A socket's path may have 103 bytes (macOS), and its folder's no comma. libpq misreads a SQLAlchemy URL with a space.
_SOCKET_DIR = re.compile(r"[\w./-]{1,85}", re.ASCII)
# TMPDIR may be too long or have a space, and may be removed with the one process that has it.
_TEMPORARY = "/tmp"  # noqa: S108 - only for folders made by mkdtemp
_LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
_TUNING = {
    "max_connections": "200",  # every Dagster process holds a few
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",  # a backfill's COPYs without a checkpoint storm
    "jit": "off",  # the queries are short
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "unix_socket_permissions": "0700",  # trust on the socket is for the owner of the folder
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server, as its pid file describes it."""

    pid: int
    socket_dir: Path
    port: int
    ready: bool

    @property
    def socket(self) -> Path:
        """Its socket."""
        return self.socket_dir / f".s.PGSQL.{self.port}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The data folder ``data`` (absolute), whose parent exists."""

    data: Path

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.data / "server.log"

    @property
    def pid(self) -> int | None:
        """The pid of the running server; ``None`` where none runs."""
        server = self._server()
        return None if server is None else server.pid

    def ensure_running(self, *, tcp_port: int | None = None) -> Server:
        """Return a server that accepts connections, created and started where needed.

        Args:
            tcp_port: where one that is started listens on loopback, too; ``None`` = nowhere.

        Raises:
            ServerFault: it can't be created or started, was made by another major version of PostgreSQL, or isn't ready
                after ``START_SECONDS`` seconds.
        """
        if not (self.data / "PG_VERSION").exists():
            self._create()
        deadline = time.monotonic() + START_SECONDS
        last = self._last_server()
        while time.monotonic() < deadline:
            server = self._server()
            if server is None:
                self._start(deadline, None if last is None else last.socket_dir, tcp_port)
            elif not server.ready:
                time.sleep(0.05)
            elif server.socket.exists():
                return server
            else:  # cleaned away, as files in temporary folders may be: only a new start creates it again
                last = server
                self.stop()
        raise ServerFault(f"the embedded PostgreSQL isn't ready after {START_SECONDS:.0f} s; its log is {self.log}")

    def stop(self) -> None:
        """Stop the server, if it runs, closing its connections.

        Raises:
            ServerFault: it doesn't stop.
        """
        server = self._server()
        if server is None:
            return
        done = run("pg_ctl", "stop", "-w", "-m", "fast", "-t", f"{START_SECONDS:.0f}", "-D", ".", folder=self.data)
        if done.returncode:
            raise ServerFault(f"the embedded PostgreSQL doesn't stop: {_reason(done.stderr)}; its log is {self.log}")
        self._remove(server.socket_dir)

    def _create(self) -> None:
        """Create the folder beside its place, then rename it: a killed ``initdb`` leaves nothing in the way."""
        parent, prefix = self.data.parent, f"{self.data.name}.new-"
        for leftover in parent.glob(f"{prefix}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            open_to_system_user(new)
            options = [f"--set={name}={value}" for name, value in _TUNING.items()]
            # The folder is removed here: where initdb can't remove it, it would give that as the reason.
            how = (f"--username={SUPERUSER}", "--auth=trust", "--no-clean", *_LOCALE, *options)
            done = run("initdb", *how, "-D", str(new))
            if done.returncode:
                raise ServerFault(f"can't create the embedded database in {self.data}: {_reason(done.stderr)}")
            new.rename(self.data)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != major_version():
            raise ServerFault(
                f"{self.data} was made by PostgreSQL {made_by}, which {major_version()} can't open, and is unchanged: "
                "write a backup with the version of TradeMatrix that made it, move the folder away, and restore the "
                "backup with this one (docs/how-to/upgrade.md)"
            )

    def _start(self, deadline: float, last_dir: Path | None, tcp_port: int | None) -> None:
        self._check_version()
        open_to_system_user(self.data)
        socket_dir = self._socket_dir(last_dir)
        if self._server():  # started meanwhile by a process that was then killed
            return
        # These files are a dead server's. PostgreSQL would refuse to start if another process had its pid by now. It
        # detects lingering processes of the dead server from their shared memory, not from these files.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (socket_dir / f".s.PGSQL.{tcp_port or PORT}.lock").unlink(missing_ok=True)
        logged = self.log.stat().st_size if self.log.exists() else 0
        seconds = max(1, round(deadline - time.monotonic()))
        options = f"{self._listening(tcp_port)} -k {socket_dir}"
        # The folder is passed as "." only: pg_ctl starts the server through a shell, which may expand a path.
        target = ("-l", self.log.name, "-D", ".")
        done = run("pg_ctl", "start", "-w", "-t", str(seconds), "-o", options, *target, folder=self.data)
        if self._server():
            return
        self._remove(socket_dir)
        reason = _reason(self._logged_since(logged) or done.stderr)
        if "still in use" not in reason:
            raise ServerFault(f"the embedded PostgreSQL doesn't start: {reason}; its log is {self.log}")
        time.sleep(0.2)  # the dead server's last processes are ending

    def _listening(self, tcp_port: int | None) -> str:
        """Return the options that say where the server listens besides its socket, and who may connect there."""
        if tcp_port is None:
            return f'-c listen_addresses="" -p {PORT}'
        authentication = self.data / "pg_hba_tcp.conf"
        authentication.write_text(_AUTHENTICATION)
        authentication.chmod(0o644)  # in a folder that is closed to others
        return f"-c listen_addresses=127.0.0.1 -p {tcp_port} -c hba_file={authentication.name}"

    def _server(self) -> Server | None:
        """Return the running server."""
        server = self._last_server()
        # A container that shares the folder sees the socket, but not the pid.
        if server and (self._is_server(server.pid) or _listens(server.socket)):
            return server
        return None

    def _last_server(self) -> Server | None:
        """Return the server that the pid file describes, running or not."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            ready = len(lines) > 7 and lines[7].strip() == "ready"
            return Server(int(lines[0]), Path(lines[4]), int(lines[3]), ready=ready)
        except (FileNotFoundError, ValueError, IndexError):
            return None

    def _is_server(self, pid: int) -> bool:
        """Whether this process is a PostgreSQL server of this folder: the pid may belong to another process by now."""
        try:
            process = psutil.Process(pid)
            return process.name() == "postgres" and Path(process.cwd()).samefile(self.data)
        except (psutil.Error, OSError, ValueError):
            return False

    def _socket_dir(self, last: Path | None) -> Path:
        """Return the data folder, or if its path can't be a socket's, a private temporary one: the last if usable."""
        if _SOCKET_DIR.fullmatch(str(self.data)):
            return self.data
        if last and _is_private(last, self.data):  # URLs in use become valid again
            return last
        folder = Path(tempfile.mkdtemp(prefix="tradematrix-", dir=_TEMPORARY))
        open_to_system_user(folder)
        return folder

    def _remove(self, socket_dir: Path) -> None:
        if socket_dir != self.data:
            with suppress(OSError):
                socket_dir.rmdir()

    def _logged_since(self, offset: int) -> str:
        try:
            return self.log.read_bytes()[offset:].decode(errors="replace")
        except FileNotFoundError:
            return ""


def _is_private(folder: Path, data: Path) -> bool:
    """Whether only the owner of ``data`` can use this folder, which is created where it is gone."""
    with suppress(OSError):
        folder.mkdir(mode=0o700)
        open_to_system_user(folder)
    try:
        status = folder.stat(follow_symlinks=False)
        return stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077 and status.st_uid == data.stat().st_uid
    except OSError:
        return False


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def _reason(text: str) -> str:
    """Return the line of an output that gives the reason: the last fatal or error line, else the last of all."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [match[0] for line in lines if (match := re.search(r"(FATAL|PANIC|error):.*", line))]
    return next(reversed(errors or lines), "no reason given")
