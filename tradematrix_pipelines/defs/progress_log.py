"""The lines in a run's log by which a person follows one symbol's ingestion.

Here: when a line is due. Not here: what it counts (``ingest.progress``).
"""

import logging
from datetime import datetime, timedelta

from tradematrix_pipelines.ingest.progress import Progress, counted, in_words, time_left
from tradematrix_pipelines.vendors.credits import Plan

EVERY = timedelta(seconds=5)
"""What a watcher can read, and a log can hold: a year may be a hundred windows, in minutes or in seconds."""


class ProgressLog:
    """Tells of one symbol: what is to be asked, then how far it is, every few seconds, and what it came to.

    Nothing is told where nothing is to be asked.
    """

    def __init__(self, log: logging.Logger, name: str, progress: Progress, *, plan: Plan, now: datetime) -> None:
        """``plan``: the limits of the vendor that is asked. ``now``: when it begins."""
        self._log, self._name, self._progress, self._plan = log, name, progress, plan
        self._began = self._told_at = now
        self._told = ""
        self._tell(0, now)

    def update(self, *, sessions: int, now: datetime) -> None:
        """Tell, if the last line is old enough; ``sessions`` are stored by now."""
        if now - self._told_at >= EVERY:
            self._tell(sessions, now)

    def end(self, *, sessions: int, now: datetime) -> None:
        """Tell what it came to."""
        self._tell(sessions, now)

    def _tell(self, sessions: int, now: datetime) -> None:
        if not self._progress.total:
            return
        left = time_left(self._progress, elapsed=now - self._began, plan=self._plan)
        about = "" if left is None else f", about {in_words(left)} left"
        line = f"{self._name}: {self._progress.summary()}, {counted(sessions, 'session')} stored{about}"
        if line != self._told:
            self._log.info(line)
        self._told, self._told_at = line, now
