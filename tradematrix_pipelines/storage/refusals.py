"""Errors of the database, in one line that says what to do.

Here: from the drivers' errors, of SQLAlchemy, psycopg, psycopg2 and ADBC, to :class:`DatabaseRefusal`. Not here: a
database that can't be opened at all (``databases``).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from adbc_driver_manager import Error as AdbcError
from sqlalchemy.exc import SQLAlchemyError

from tradematrix_pipelines.errors import TradeMatrixError

_AGAIN = "run it again"
# By SQLSTATE, or by its first two characters.
_ADVICE = {
    "42501": "have the user granted what is missing, or name another user in TRADEMATRIX_DATABASE_URL",
    "25006": "point TRADEMATRIX_DATABASE_URL at a server that can be written to",
    "57014": f"{_AGAIN} when the server is less busy, or have the user's statement_timeout raised",
    "55P03": f"another session holds the lock; {_AGAIN}, or have the user's lock_timeout raised",
    "25P03": f"{_AGAIN}, or have the user's idle_in_transaction_session_timeout raised",
    "53100": f"make room on the server's disk, then {_AGAIN}",
    "53300": f"too many are connected: {_AGAIN} later, or have max_connections raised",
    "42P01": "was the database changed by hand? `tradematrix doctor` says where its schema stands",
    "42703": "was the database changed by hand? `tradematrix doctor` says where its schema stands",
    "57P": f"the server went down: {_AGAIN} when it is up",
    "08": f"{_AGAIN} when the server can be reached",
    "40": f"another session was using the same rows: {_AGAIN}",
    "53": f"the server is out of resources: {_AGAIN} later",
}
_LOST = f"the connection was lost: {_AGAIN} when the server can be reached"
_ELSE = "`tradematrix doctor` checks what the database has"


class DatabaseRefusal(TradeMatrixError):
    """The database refused a statement, or went away."""


@contextmanager
def plain_refusals(*, whose: str = "the database", advice: str | None = None) -> Iterator[None]:
    """Turn a driver's error into one line: without the SQL, its parameters, or where in our code it came from.

    Args:
        whose: the database, where it is not ours.
        advice: what to do, whatever it refused; ``None`` = as it refused.

    Raises:
        DatabaseRefusal: a statement was refused, or its connection was lost.
    """
    try:
        yield
    except (SQLAlchemyError, AdbcError) as error:
        raise DatabaseRefusal(_line(error, whose, advice)) from error
    except Exception as error:
        # psycopg's and psycopg2's own errors, where a driver is used without SQLAlchemy; and what Dagster wraps.
        cause = _driver_error(error)
        if cause is None:
            raise
        raise DatabaseRefusal(_line(cause, whose, advice)) from error


def _driver_error(error: BaseException) -> BaseException | None:
    """Return the driver's error that this one is, or came from."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SQLAlchemyError | AdbcError) or type(cause).__module__.startswith("psycopg"):
            return cause
        cause = cause.__cause__
    return None


def _line(error: BaseException, whose: str, advice: str | None) -> str:
    driver = getattr(error, "orig", None) or error
    state = getattr(driver, "sqlstate", None) or getattr(driver, "pgcode", None) or ""
    message = getattr(getattr(driver, "diag", None), "message_primary", None) or _first_line(driver)
    if advice is None:
        advice = next((_ADVICE[part] for part in (state, state[:3], state[:2]) if part in _ADVICE), None)
    if advice is None:
        advice = _ELSE if state else _LOST
    return f"{whose} refused: {message}; {advice}"


def _first_line(error: BaseException) -> str:
    """Return what an error says, without what follows in further lines: positions in the SQL, hints, links."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rpartition("ERROR:")[2].strip() if lines else type(error).__name__
