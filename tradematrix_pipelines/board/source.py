"""The database as the board reads it: opened when it is first needed, and again after it could not be.

Here: that, and what of its errors means that one may ask again. Not here: what is read.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.limits import Limits
from tradematrix_pipelines.storage.refusals import plain_refusals

T = TypeVar("T")


class Unavailable(TradeMatrixError):
    """The database does not answer, or not in time; asking again later may help."""


class Source:
    """The market database of an installation, for reading. Safe to use from several threads."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self.settings, self.limits = settings, limits
        self._database: Database | None = None
        self._opening = threading.Lock()

    def read(self, work: Callable[[Database], T]) -> T:
        """Return what ``work`` reads.

        Raises:
            UsageError: what was asked for is wrong.
            Unavailable: the database can't be read now.
        """
        try:
            with plain_refusals():
                return work(self._open())
        except (UsageError, Unavailable):
            raise
        except TradeMatrixError as error:
            raise Unavailable(str(error)) from error

    def close(self) -> None:
        """Close all connections."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self) -> Database:
        if self._database is not None:
            return self._database
        # One thread opens it; the others wait no longer than for a connection.
        if not self._opening.acquire(timeout=self.limits.wait_seconds):
            raise Unavailable("the database is being opened: ask again in a few seconds")
        try:
            if self._database is None:
                self._database = self._opened()
            return self._database
        finally:
            self._opening.release()

    def _opened(self) -> Database:
        try:
            return Database.serving(self.settings, limits=self.limits)
        except UsageError as error:
            # The settings are wrong, or there is no database yet: not what who asks can mend.
            raise Unavailable(str(error)) from error
