"""The market database, opened: ready to read and write.

Ways in: ``Database.open`` brings the schema up to date and seeds an empty database, unless a setting leaves that to
``tradematrix migrate``; ``Database.connect`` leaves the schema, ``Database.read_only`` can change nothing, and neither
can ``Database.serving``, which is for many at once.
Not here: where it is (``postgres.databases``), and its schema (``schema``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import Engine, create_engine

from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.postgres.databases import OpenDatabases, find_databases, open_databases
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.limits import Limits, bounded_engine
from tradematrix_pipelines.storage.reading import CandleReader, SharedCandleReader
from tradematrix_pipelines.storage.schema import check_schema, migrate
from tradematrix_pipelines.storage.symbols import insert_default_symbols


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """The market database, open. A context manager; leaving it closes all connections.

    Attributes:
        engine: pooled connections (psycopg 3) for everything but bulk reads.
        candles: the bulk reader.
        clock: the source of the rows' timestamps.
        databases: where the databases are; holds the embedded server while open.
    """

    engine: Engine
    candles: CandleReader
    clock: Clock
    databases: OpenDatabases

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the database that ``settings`` name, bring its schema up to date and seed an empty one.

        Where ``auto_migrate`` is off, as :meth:`connect`.

        Raises:
            SchemaMismatch: its schema is not the one that this code works on, and is not to be changed.
            TradeMatrixError: the server can't be started or reached, or its schema is newer than this code.
        """
        if not settings.auto_migrate:
            return cls.connect(settings)
        return cls._opened(settings, lambda engine: prepare(engine, now=settings.clock.now()))

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Open the database that ``settings`` name, without changing it.

        Raises:
            SchemaMismatch: its schema is not the one that this code works on.
            TradeMatrixError: the server can't be started or reached.
        """
        return cls._opened(settings, check_schema)

    @classmethod
    def read_only(cls, settings: Settings) -> Self:
        """Open the existing database that ``settings`` name, with connections whose transactions can't write.

        Raises:
            SchemaMismatch: its schema is not the one that this code works on.
            TradeMatrixError: there is none, or the server can't be started or reached.
        """
        return cls._opened(settings, check_schema, read_only=True)

    @classmethod
    def serving(cls, settings: Settings, *, limits: Limits) -> Self:
        """Open the existing database as :meth:`read_only` does, for many threads at once, within limits.

        Raises:
            SchemaMismatch: its schema is not the one that this code works on.
            TradeMatrixError: there is none, or the server can't be started or reached.
        """
        databases = find_databases(settings)
        engine = bounded_engine(databases.market, limits)
        _check_or_close(engine, databases, check_schema)
        candles = SharedCandleReader(databases.market, limits=limits)
        return cls(engine=engine, candles=candles, clock=settings.clock, databases=databases)

    @classmethod
    def _opened(cls, settings: Settings, check: Callable[[Engine], object], *, read_only: bool = False) -> Self:
        databases = find_databases(settings) if read_only else open_databases(settings)
        options = {"postgresql_readonly": True} if read_only else {}
        engine = create_engine(databases.market, pool_pre_ping=True, execution_options=options)
        _check_or_close(engine, databases, check)
        candles = CandleReader(databases.market, read_only=read_only)
        return cls(engine=engine, candles=candles, clock=settings.clock, databases=databases)

    def close(self) -> None:
        """Close every connection, and release the embedded server."""
        self.candles.close()
        self.engine.dispose()
        self.databases.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check_or_close(engine: Engine, databases: OpenDatabases, check: Callable[[Engine], object]) -> None:
    try:
        check(engine)
    except BaseException:
        engine.dispose()
        databases.close()
        raise


def prepare(engine: Engine, *, now: datetime | None = None) -> list[str]:
    """Bring the schema up to date, and seed it with the default symbols if empty; return the revisions applied.

    Both in one transaction: a process killed in between leaves neither, and no other sees a schema without symbols.

    Args:
        now: when the symbols were added, aware; ``None`` = by the database's clock.

    Raises:
        SchemaTooNew: the database is ahead of this code.
    """
    return migrate(engine, then=lambda connection: insert_default_symbols(connection, DEFAULT_SYMBOLS, now=now))
