"""Processes whose system clock is wrong: libfaketime in front of the C library.

Durations stay right: they are measured with a clock that nobody sets.
"""

from pathlib import Path

import pytest

_LIBRARIES = "usr/lib/*/faketime/libfaketimeMT.so.1"


def off_by(offset: str | Path) -> dict[str, str]:
    """Return what sets a process's clock wrong.

    Args:
        offset: seconds and a sign, such as ``+3``; or a file with that, which may change while the process runs.

    The test is skipped where there is no libfaketime.
    """
    libraries = sorted(Path("/").glob(_LIBRARIES))
    if not libraries:
        pytest.skip("libfaketime is not there: apt-get install faketime")
    where = {"FAKETIME_TIMESTAMP_FILE": str(offset)} if isinstance(offset, Path) else {"FAKETIME": offset}
    return {
        **where,
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
