"""Processes whose system clock is wrong, and may be set while they run: a library in front of the C library.

libfaketime, which does more, lets ``time.sleep`` of Python 3.11 fail.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("wrong_clock.c")


class WrongClock:
    """The clock of the processes that have its ``environment``; right until it is set.

    The test is skipped where there is no C compiler, or nothing that puts a library in front.

    Args:
        folder: for the library and the offset; every process must be able to read it.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None or not Path("/proc/self").exists():
            pytest.skip("no C compiler of a Linux is there: apt-get install gcc libc6-dev")
        self._offset, library = folder / "offset", folder / "wrong_clock.so"
        self.set(0)
        command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
        self.environment = {"LD_PRELOAD": str(library), "WRONG_CLOCK": str(self._offset)}

    def set(self, seconds: int) -> None:
        """Set it so many seconds ahead of the right one."""
        self._offset.with_suffix(".new").write_text(str(seconds))
        self._offset.with_suffix(".new").replace(self._offset)
