"""Where the two databases are: TradeMatrix's own (the market) and Dagster's.

Here: from settings to URLs that are known to work; missing databases are created. Not here: what is in them
(``tables``, ``dagster_storage``), and how the embedded server lives (``embedded``).
"""

from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import psycopg
from psycopg import errors, sql
from psycopg.rows import TupleRow
from pydantic import SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.postgres.embedded import ServerLease, lease_server
from tradematrix_pipelines.settings import Settings

MARKET_DATABASE = "tradematrix"
DAGSTER_DATABASE = "dagster"
OLDEST_SERVER = 15  # the first with UNIQUE NULLS NOT DISTINCT

_MARKET_VARIABLE = "TRADEMATRIX_DATABASE_URL"
_DAGSTER_VARIABLE = "TRADEMATRIX_DAGSTER_DATABASE_URL"
_MARKET_DRIVER = "postgresql+psycopg"
_DAGSTER_DRIVER = "postgresql+psycopg2"  # Dagster's NOTIFY fails under psycopg 3
_SCHEMES = {"postgres", "postgresql", _MARKET_DRIVER, _DAGSTER_DRIVER}
DEFAULT_OPTIONS = {
    "connect_timeout": "10",
    # Str for text even where the server's encoding is SQL_ASCII, or PGCLIENTENCODING is set.
    "client_encoding": "utf8",
    # A server that vanishes closes nothing, and the system would have its clients wait for two hours: after a minute
    # of silence it is gone. One that works on a long statement answers, or its system does.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # milliseconds
}
"""What every connection has, unless its URL says otherwise."""


class DatabaseFault(TradeMatrixError):
    """A database can't be reached, used or created."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Databases:
    """Two databases.

    Attributes:
        market: URL for SQLAlchemy with psycopg 3.
        dagster: URL for SQLAlchemy with psycopg 2.
    """

    market: URL
    dagster: URL


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenDatabases(Databases):
    """Two existing databases, available until :meth:`close`.

    Attributes:
        lease: the lease on the embedded server; ``None`` on a server of the user's.
    """

    lease: ServerLease | None = None

    def close(self) -> None:
        """Release the embedded server. A second call does nothing."""
        if self.lease is not None:
            self.lease.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_databases(settings: Settings) -> OpenDatabases:
    """Return the databases that ``settings`` name, created where missing, on the embedded server where they name none.

    Nothing is created where ``auto_migrate`` is off.

    Raises:
        UsageError: a URL isn't one of PostgreSQL, both name the same database, or none is named where one has to be.
        TradeMatrixError: a server can't be started or reached, is too old, or refuses the user, or the database is
            missing and the user may not create it.
    """
    lease = _lease(settings)
    try:
        databases = _with_drivers(_locate(settings, lease))
        _ensure(databases.market, _MARKET_VARIABLE, create=settings.auto_migrate)
        _ensure(databases.dagster, _DAGSTER_VARIABLE, create=settings.auto_migrate)
    except BaseException:
        if lease is not None:
            lease.release()
        raise
    return OpenDatabases(market=databases.market, dagster=databases.dagster, lease=lease)


def find_databases(settings: Settings) -> OpenDatabases:
    """Return the databases that ``settings`` name, for who only reads the market: nothing is created.

    Raises:
        UsageError: as :func:`open_databases`; or the home has no embedded server's data.
        TradeMatrixError: the server can't be started or reached, or has no such database.
    """
    if (
        not (settings.database_url or settings.require_database)
        and not (settings.home / "postgres" / "PG_VERSION").exists()
    ):
        raise UsageError(
            f"no database in {settings.home}: run `tradematrix migrate` there, or set TRADEMATRIX_HOME or "
            f"{_MARKET_VARIABLE} to where one is"
        )
    lease = _lease(settings)
    try:
        databases = _with_drivers(_locate(settings, lease))
        try:
            _check(databases.market, _MARKET_VARIABLE)
        except psycopg.Error as error:
            raise _fault(databases.market, _MARKET_VARIABLE, error) from None
    except BaseException:
        if lease is not None:
            lease.release()
        raise
    return OpenDatabases(market=databases.market, dagster=databases.dagster, lease=lease)


def find_other(written: str, *, option: str) -> URL:
    """Return the URL of another PostgreSQL database, of any version, that can be reached.

    Args:
        option: the option that it was given with, for messages.

    Raises:
        UsageError: it is not such a URL.
        DatabaseFault: it can't be reached.
    """
    url = _parse(SecretStr(written), option)
    url = url.set(drivername=_MARKET_DRIVER, query={**DEFAULT_OPTIONS, **url.query})
    try:
        _connect(url).close()
    except psycopg.Error as error:
        raise _fault(url, option, error) from None
    return url


def _lease(settings: Settings) -> ServerLease | None:
    """Lease the embedded server where the settings name no other and allow it."""
    check_named(settings)
    return None if settings.database_url else lease_server(settings.home)


def check_named(settings: Settings) -> None:
    """Check that the settings name a database where they require one.

    Raises:
        UsageError: they don't.
    """
    if settings.require_database and settings.database_url is None:
        raise UsageError(
            f"{_MARKET_VARIABLE} is not set, and an embedded server is not allowed here "
            f"(TRADEMATRIX_REQUIRE_DATABASE): set {_MARKET_VARIABLE}, or {_MARKET_VARIABLE}_FILE to a file with it"
        )


def _locate(settings: Settings, lease: ServerLease | None) -> Databases:
    if lease is None:
        market = _parse(settings.database_url or SecretStr(""), _MARKET_VARIABLE)
        dagster = market.set(database=f"{market.database}_dagster")
    else:
        market, dagster = lease.url(MARKET_DATABASE), lease.url(DAGSTER_DATABASE)
    if settings.dagster_database_url:
        dagster = _parse(settings.dagster_database_url, _DAGSTER_VARIABLE)
    if (_where(market), market.database) == (_where(dagster), dagster.database):
        raise UsageError(f"{_DAGSTER_VARIABLE} names the market's database: Dagster needs one of its own")
    return Databases(market=market, dagster=dagster)


def _with_drivers(databases: Databases) -> Databases:
    def complete(url: URL, driver: str) -> URL:
        return url.set(drivername=driver, query={**DEFAULT_OPTIONS, **url.query})

    return replace(
        databases,
        market=complete(databases.market, _MARKET_DRIVER),
        dagster=complete(databases.dagster, _DAGSTER_DRIVER),
    )


def _parse(secret: SecretStr, variable: str) -> URL:
    try:
        url = make_url(secret.get_secret_value().strip())
    except (ArgumentError, ValueError):
        url = None
    # The URL is not repeated: one that can't be parsed may have its password anywhere.
    if url is None or url.drivername not in _SCHEMES or not url.database:
        raise UsageError(
            f"{variable} is not the URL of a PostgreSQL database: write postgresql://user:password@host/database"
        )
    return url


def _ensure(url: URL, variable: str, *, create: bool) -> None:
    """Connect to the database, creating it first where it is missing and ``create`` allows it."""
    try:
        _check(url, variable)
    except psycopg.Error as error:
        if isinstance(error, errors.ConnectionTimeout) or not (create and _create(url, variable)):
            fault = _fault(url, variable, error)
            raise (
                fault if create else DatabaseFault(f"{fault}; where it is missing, `tradematrix migrate` creates it")
            ) from None
        try:
            _check(url, variable)
        except psycopg.Error as again:
            raise _fault(url, variable, again) from None


def _check(url: URL, variable: str) -> None:
    with _connect(url) as connection:
        version = connection.info.server_version // 10000
    if version < OLDEST_SERVER:
        raise DatabaseFault(f"{_where(url)} runs PostgreSQL {version}: point {variable} at {OLDEST_SERVER} or newer")


def _create(url: URL, variable: str) -> bool:
    """Create the database if it is missing; return whether connecting is worth another attempt.

    Whether it is missing is looked up: the error of a refused connection is in the server's own language.
    """
    try:
        with _connect(url.set(database="postgres")) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [url.database]).fetchone():
                return True  # another process created it just now; else the second attempt fails like the first
            # UTF-8 and an order that is the same everywhere; only template0 lets one choose.
            create = sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0")
            connection.execute(create.format(sql.Identifier(url.database or "")))
    except (errors.DuplicateDatabase, errors.UniqueViolation):  # another process was faster
        return True
    except errors.InsufficientPrivilege:
        raise DatabaseFault(
            f"{_where(url)} has no database {url.database!r} and user {url.username!r} may not create it: "
            f"have it created, or set {variable} to one that exists"
        ) from None
    except psycopg.Error:
        return False
    return True


def _connect(url: URL) -> "psycopg.Connection[TupleRow]":
    url = url.set(drivername=_MARKET_DRIVER)
    arguments, options = url.get_dialect()().create_connect_args(url)
    return psycopg.connect(*arguments, **options, autocommit=True)


def _fault(url: URL, variable: str, error: psycopg.Error) -> DatabaseFault:
    reason = " ".join(str(error).split())
    if isinstance(url.password, str) and url.password:
        reason = reason.replace(url.password, "***")
    return DatabaseFault(f"can't use database {url.database!r} on {_where(url)}: {reason}; check {variable}")


def _where(url: URL) -> str:
    """Return the server for messages: host and port, or the folder of its socket."""
    host, port = url.host or url.query.get("host", "localhost"), url.port or url.query.get("port", 5432)
    return f"{host}:{port}"
