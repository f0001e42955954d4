"""A small disk of the test's own: a file system in a file, that fills up, fails, or stands still.

Here: the disk. Not here: what is on it.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir, mkdtemp

import psutil
import pytest

_PREFIX = "tradematrix-disk-"
_PROGRAMS = ("mkfs.ext4", "e2fsck", "mount", "umount", "fsfreeze", "findmnt")
_BLOCK = 4096


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A file system with a mount point, which stays when the disk is taken out."""

    image: Path
    folder: Path

    def fill(self) -> None:
        """Take all room that is left; may be called again."""
        with (self.folder / "ballast").open("ab") as ballast:
            descriptor = ballast.fileno()
            for size in (2**24, 2**20, _BLOCK):
                with suppress(OSError):
                    while True:
                        os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, size)

    def free(self) -> None:
        """Give that room back."""
        (self.folder / "ballast").unlink()

    def fail(self) -> None:
        """Have the kernel find an error in the file system, after which it lets nobody write to it."""
        device = Path(_run("findmnt", "--noheadings", "--output", "SOURCE", str(self.folder)).strip()).name
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")

    def repair(self) -> None:
        """Take out a failed disk that nobody uses, check it, and put it in again."""
        self.take_out()
        # 1: errors were corrected.
        checked = subprocess.run(["e2fsck", "-p", "-f", str(self.image)], capture_output=True, text=True, check=False)
        assert checked.returncode in {0, 1}, checked.stdout + checked.stderr
        self.put_in()

    def put_in(self) -> None:
        """Mount it."""
        _run("mount", "-o", "loop,errors=remount-ro", str(self.image), str(self.folder))

    def take_out(self) -> None:
        """Unmount it."""
        _run("umount", str(self.folder))

    @contextmanager
    def stalling(self, *, seconds: float, standing: float, moving: float) -> Iterator[None]:
        """Let it write only now and then: it stands still, moves on for a moment, and so on, before the block."""
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                _run("fsfreeze", "--freeze", str(self.folder))
                time.sleep(standing)
                _run("fsfreeze", "--unfreeze", str(self.folder))
                time.sleep(moving)
            yield
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", str(self.folder)], capture_output=True, check=False)


@contextmanager
def disk(megabytes: int) -> Iterator[Disk]:
    """Make a disk that is gone after the block. The test is skipped where that is not allowed, with the reason."""
    absent = [program for program in _PROGRAMS if shutil.which(program) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} not there (apt-get install e2fsprogs util-linux)")
    _sweep()
    parent = Path(mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    parent.chmod(0o755)  # for the user that a server runs as
    made = Disk(image=parent / "image", folder=parent / "disk")
    made.folder.mkdir()
    try:
        with made.image.open("wb") as image:
            image.truncate(megabytes * 2**20)
        _run("mkfs.ext4", "-q", "-m", "0", str(made.image))
        try:
            made.put_in()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"a disk in a file can't be mounted here: {error.stderr.strip()}")
        yield made
    finally:
        _remove(parent)


def _sweep() -> None:
    """Remove what tests that were killed have left."""
    for parent in Path(gettempdir()).glob(f"{_PREFIX}*"):
        owner = re.match(rf"{_PREFIX}(\d+)-", parent.name)
        if owner is not None and not psutil.pid_exists(int(owner[1])):
            _remove(parent)


def _remove(parent: Path) -> None:
    for command in (["fsfreeze", "--unfreeze"], ["umount", "--lazy"]):
        subprocess.run([*command, str(parent / "disk")], capture_output=True, check=False)
    shutil.rmtree(parent, ignore_errors=True)


def _run(*arguments: str) -> str:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True).stdout
