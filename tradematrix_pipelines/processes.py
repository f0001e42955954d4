"""Whether a process of this machine has ended, and where a pid means something.

Not here: who ends which process (``cli.guard``).
"""

import socket
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types


def has_ended(process: psutil.Process) -> bool:
    """Whether none of its threads runs any more.

    The main thread of a killed process may become a zombie before the others are done. Until they are, the process
    keeps its open files, and with them its locks.

    Raises:
        psutil.AccessDenied: another user's process can't be asked.
    """
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1)
    except psutil.NoSuchProcess:  # its subclass for zombies included: some systems say no more of one
        return True


def process_space() -> str:
    """Return where this process's pids mean something: the host's name, on Linux with the pid namespace.

    Containers on one host have namespaces of their own, also where they share its network and name.
    """
    with suppress(OSError):
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"
    return socket.gethostname()
