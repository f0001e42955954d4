"""Kernel locks on files in the home: the kernel drops the locks of a process whichever way it dies.

Here: locking and unlocking. Not here: what a lock means (``embedded``, ``watcher``, ``cli.one_up``).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_lock(path: Path, *, create: bool = True) -> int:
    """Return the descriptor of a file to be locked; closing it, in all processes that share it, drops the lock.

    Raises:
        OSError: it can't be opened, or is missing and ``create`` is false.
    """
    return os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)


def lock_alone(descriptor: int) -> bool:
    """Try to lock the file exclusively, dropping a shared lock of the same descriptor; return whether it succeeded."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_shared(descriptor: int) -> None:
    """Lock the file shared, waiting for an exclusive lock to end."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def is_held(path: Path) -> bool:
    """Whether a process has a lock on the file now."""
    try:
        descriptor = open_lock(path, create=False)
    except FileNotFoundError:
        return False
    try:
        return not lock_alone(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def gate(home: Path, *, create: bool = True) -> Iterator[None]:
    """Keep other processes from starting or stopping the server of ``home`` while the block lasts."""
    descriptor = open_lock(home / "gate", create=create)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        # Unlocked explicitly: a child forked meanwhile has a copy of the descriptor, so closing would not unlock.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
