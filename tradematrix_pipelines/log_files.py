"""The log files of a home, and what bounds them.

Here: which there are, and cutting them. Not here: who writes them (``cluster``, ``cli.services``), and when they are
cut (``defs.housekeeping``).
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
"""Bytes that a log file may have, before it is begun anew; the one before it is kept as ``….1``."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file that is there."""

    path: Path
    bytes: int


def log_files(settings: Settings) -> list[LogFile]:
    """Return the log files of a home, without those that were begun anew."""
    paths = [*sorted((settings.home / "logs").glob("*.log")), Cluster(settings.home / "postgres").log]
    return [LogFile(path, path.stat().st_size) for path in paths if path.exists()]


def cut_log_files(settings: Settings, *, limit: int = LIMIT) -> list[str]:
    """Begin the files that are larger than ``limit`` bytes anew, and return their names.

    Their writers have them open, all to append: what is written while a file is copied may be lost.
    """
    cut = []
    for file in log_files(settings):
        if file.bytes > limit:
            shutil.copy2(file.path, file.path.with_name(f"{file.path.name}.1"))
            os.truncate(file.path, 0)
            cut.append(file.path.name)
    return cut


def compute_logs(settings: Settings) -> Iterator[Path]:
    """Yield the folders in which Dagster once kept what runs printed, or does by a ``dagster.yaml`` of the user's."""
    yield from (settings.dagster_home / "storage").glob("*/compute_logs")


def delete_compute_logs(settings: Settings, *, before: datetime) -> int:
    """Delete those that were last written to before then, and return how many."""
    old = [folder for folder in compute_logs(settings) if folder.stat().st_mtime < before.timestamp()]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
        if not any(folder.parent.iterdir()):
            folder.parent.rmdir()
    return len(old)
