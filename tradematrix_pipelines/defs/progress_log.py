"""Progress lines in a run's log, one symbol's ingestion at a time.

Here: when a line is due. Not here: what it counts (``ingest.progress``).
"""

import logging
from datetime import datetime, timedelta

from tradematrix_pipelines.ingest.progress import Progress, counted, in_words, time_left
from tradematrix_pipelines.vendors.credits import Plan

EVERY = timedelta(seconds=5)
"""Short enough to follow, long enough for the log: a year may be a hundred windows, in minutes or in seconds."""


class ProgressLog:
    """Logs one symbol's progress: what is to be fetched, how far it is every few seconds, and the result.

    Logs nothing where nothing is to be fetched.
    """

    def __init__(self, log: logging.Logger, name: str, progress: Progress, *, plan: Plan, now: datetime) -> None:
        """``plan``: the limits of the vendor that is called. ``now``: when it begins."""
        self._log, self._name, self._progress, self._plan = log, name, progress, plan
        self._began = self._logged_at = now
        self._last_line = ""
        self._log_line(0, now)

    def update(self, *, sessions: int, now: datetime) -> None:
        """Log a line if the last one is old enough; ``sessions`` are stored by now."""
        if now - self._logged_at >= EVERY:
            self._log_line(sessions, now)

    def end(self, *, sessions: int, now: datetime) -> None:
        """Log the result."""
        self._log_line(sessions, now)

    def _log_line(self, sessions: int, now: datetime) -> None:
        if not self._progress.total:
            return
        left = time_left(self._progress, elapsed=now - self._began, plan=self._plan)
        about = "" if left is None else f", about {in_words(left)} left"
        line = f"{self._name}: {self._progress.summary()}, {counted(sessions, 'session')} stored{about}"
        if line != self._last_line:
            self._log.info(line)
        self._last_line, self._logged_at = line, now
