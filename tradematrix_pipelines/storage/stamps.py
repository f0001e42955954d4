"""The time of a transaction, for the stamps that the database makes itself.

Its triggers and defaults stamp rows with ``tradematrix_now()``: the time set here, else when the transaction began by
the database's clock, as for statements of ``psql``.
"""

from datetime import datetime

from sqlalchemy import Connection, text

_SET = text("SELECT set_config('tradematrix.now', :now, true)")


def stamp(connection: Connection, now: datetime) -> None:
    """Make ``now`` (aware, UTC) the time of the connection's transaction."""
    connection.execute(_SET, {"now": now.isoformat()})
