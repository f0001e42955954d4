"""Kernel locks on files in the home: the kernel drops those of a process whichever way it dies.

Here: taking and dropping them. Not here: what holding one means (``embedded``, ``watcher``, ``cli.one_up``).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_lock(path: Path, *, create: bool = True) -> int:
    """Return the descriptor of a file to be locked; closing it, in all processes that share it, drops the lock.

    Raises:
        OSError: it can't be opened, or isn't there and is not to be made.
    """
    return os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)


def lock_alone(descriptor: int) -> bool:
    """Lock the file exclusively, giving up a shared lock of the same descriptor; return whether nobody else has one."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_shared(descriptor: int) -> None:
    """Lock the file together with others, waiting for whoever has it alone."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def is_held(path: Path) -> bool:
    """Whether somebody has a lock on the file now."""
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
    """Keep everybody else from starting or stopping the server of ``home`` while the block lasts."""
    descriptor = open_lock(home / "gate", create=create)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        # Unlocked by name: a child forked meanwhile has a copy of the file, whose closing here would not unlock it.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
