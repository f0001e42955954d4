"""The log files of a home, and their size limit.

Here: listing and rotating them. Not here: who writes them (``cluster``, ``cli.services``), and when they are rotated
(``defs.housekeeping``).
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tradematrix_pipelines.postgres.cluster import Cluster
from tradematrix_pipelines.settings import Settings

LIMIT = 10_000_000
"""Bytes that a log file may have before it is rotated; the previous one is kept as ``….1``."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """An existing log file."""

    path: Path
    bytes: int


def log_files(settings: Settings) -> list[LogFile]:
    """Return the current log files of a home, without the rotated ones."""
    paths = [*sorted((settings.home / "logs").glob("*.log")), Cluster(settings.home / "postgres").log]
    return [LogFile(path, path.stat().st_size) for path in paths if path.exists()]


def cut_log_files(settings: Settings, *, limit: int = LIMIT) -> list[str]:
    """Rotate the files larger than ``limit`` bytes, and return their names.

    Their writers have them open for appending: what they write while a file is copied may be lost.
    """
    cut = []
    for file in log_files(settings):
        if file.bytes > limit:
            shutil.copy2(file.path, file.path.with_name(f"{file.path.name}.1"))
            os.truncate(file.path, 0)
            cut.append(file.path.name)
    return cut


def compute_logs(settings: Settings) -> Iterator[Path]:
    """Yield the folders of compute logs: from older versions, or configured by the user's own ``dagster.yaml``."""
    yield from (settings.dagster_home / "storage").glob("*/compute_logs")


def delete_compute_logs(settings: Settings, *, before: datetime) -> int:
    """Delete the folders of compute logs last written to before an instant (aware); return how many."""
    old = [folder for folder in compute_logs(settings) if folder.stat().st_mtime < before.timestamp()]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()
    return len(old)
