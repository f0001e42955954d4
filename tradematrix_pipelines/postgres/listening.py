"""Where the embedded server listens besides its socket: on loopback, while a process wants that.

The file ``tcp-port`` in the home has the port, and counts only while that process keeps it locked: the kernel drops the
lock however the process ends. Here: that file, and the password of those who connect there. Not here: starting the
server (``cluster``).
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.folders import private_folder
from tradematrix_pipelines.postgres.home_lock import is_held, lock_alone, open_lock

_FILE, _PASSWORD = "tcp-port", "tcp-password"


@contextmanager
def listen_on(home: Path, port: int) -> Iterator[None]:
    """Have a server that is started within the block listen on this port of 127.0.0.1.

    Raises:
        UsageError: another process has it listen already.
    """
    private_folder(home)
    descriptor = open_lock(home / _FILE)
    try:
        if not lock_alone(descriptor):
            raise UsageError(f"the embedded PostgreSQL of {home} listens already: end that `up` first")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(port).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def tcp_port_of(home: Path) -> int | None:
    """Return the port that the server of a home listens on; ``None`` where nothing wants it to."""
    if not is_held(home / _FILE):
        return None
    text = (home / _FILE).read_text()
    return int(text) if text else None


def tcp_password(home: Path) -> str:
    """Return the password of the home's server, made at the first call; only the owner of the home can read it."""
    path = home / _PASSWORD
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(24))
    return path.read_text()
