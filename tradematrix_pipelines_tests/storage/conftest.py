"""Folders that an embedded server of a root user can use."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Replace pytest's own, which is closed to other users, again whenever another pytest starts on the machine."""
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
