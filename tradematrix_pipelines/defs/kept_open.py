"""The two databases of a code server, kept open from tick to tick of its sensors and schedules.

Opening both costs a tick ten times what it then asks. Here: one of each, for all ticks, whose threads share them. Not
here: what a tick does (``on_database``), and how runs (``resources``) and commands open them, once each.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import Lock

import dagster as dg
from sqlalchemy.exc import DBAPIError

from tradematrix_pipelines.defs.internals.tick_instance import Context, lend_instance, open_instance_of
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.reading import CandleReader
from tradematrix_pipelines.storage.schema import check_schema


class KeptOpen:
    """The market database, and Dagster's instance, opened at the first tick.

    Where one of them fails, the next tick opens both anew; that starts the embedded server, too, if it has died.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock, self._stack = settings, Lock(), ExitStack()
        self._open: tuple[Database, dg.DagsterInstance | None] | None = None

    @contextmanager
    def lent(self, context: Context) -> Iterator[Database]:
        """Lend the market database to a tick, and Dagster's instance to its context.

        Raises:
            SchemaMismatch: the schema is not the one that this code works on.
            TradeMatrixError: the server can't be started or reached.
        """
        database, instance = self._opened(context)
        lend_instance(context, instance)
        # A connection for candles has one user at a time; few ticks need any.
        candles = CandleReader(database.databases.market)
        try:
            yield replace(database, candles=candles)
        except DBAPIError:
            self.close()
            raise
        finally:
            candles.close()

    def close(self) -> None:
        """Close both; the next tick opens them again."""
        with self._lock:
            self._close()

    def _opened(self, context: Context) -> tuple[Database, dg.DagsterInstance | None]:
        with self._lock:
            if self._open is not None:
                try:
                    check_schema(self._open[0].engine)
                except DBAPIError:
                    self._close()
            if self._open is None:
                database = self._stack.enter_context(Database.connect(self._settings))
                self._open = database, open_instance_of(context, self._stack)
            return self._open

    def _close(self) -> None:
        self._open = None
        self._stack.close()
