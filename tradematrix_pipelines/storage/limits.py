"""How long a server waits for the database, so that a slow one never holds up all who ask.

Here: the limits, and an engine that keeps to them. Not here: the bulk reader, which has the same limits (``reading``).
"""

from dataclasses import dataclass

import psycopg
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Limits of one process that serves many.

    Attributes:
        statement_seconds: the longest that a statement may take; the server ends it then.
        wait_seconds: the longest that is waited for a free connection.
        connect_seconds: the longest that connecting may take.
        connections: connections of the engine; the bulk reader has as many of its own.
    """

    statement_seconds: float = 5.0
    wait_seconds: float = 2.0
    connect_seconds: int = 3
    connections: int = 4

    @property
    def statement(self) -> str:
        """The statement that applies them to a transaction; a pooler passes it on, unlike an option of a connection."""
        return f"SET LOCAL statement_timeout = {int(self.statement_seconds * 1000)}"

    def within(self, url: URL) -> URL:
        """Return a URL whose connections are given up where the network stops answering."""
        silence = str(int(self.statement_seconds * 2000))
        return url.update_query_dict({"connect_timeout": str(self.connect_seconds), "tcp_user_timeout": silence})


def bounded_engine(url: URL, limits: Limits) -> Engine:
    """Return an engine that reads only, within limits.

    Taking a connection begins its transaction, with one message that also shows whether the connection still works: a
    server of many short requests spends most of its time on messages.
    """
    engine = create_engine(
        limits.within(url),
        pool_size=limits.connections,
        max_overflow=0,
        pool_timeout=limits.wait_seconds,
        isolation_level="AUTOCOMMIT",  # the driver begins no transaction of its own
    )
    begin = f"BEGIN READ ONLY; {limits.statement}"

    @event.listens_for(engine, "checkout")
    def taken(connection: "psycopg.Connection[object]", record: object, proxy: object) -> None:
        del record, proxy
        try:
            connection.execute(begin.encode(), prepare=False)
        except psycopg.OperationalError:
            # The pool then replaces this connection, and those that are as old.
            raise InvalidatePoolError from None

    return engine
