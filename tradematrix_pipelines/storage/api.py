"""The views ``api.*`` and the role that may read them.

Here: whether they are there, and what is to be done where they are not. Not here: what the views show
(``migrations``).
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, text

READER = "tradematrix_reader"
"""The role that may read the views and nothing else."""

_STATE = text("""
    SELECT current_database() AS database, current_user AS owner, to_regclass('api.candles') IS NOT NULL AS views,
        role.oid IS NOT NULL AS exists, coalesce(role.rolcanlogin, false) AS may_log_in,
        CASE WHEN role.oid IS NOT NULL AND to_regclass('api.candles') IS NOT NULL
            THEN has_table_privilege(role.oid, 'api.candles', 'SELECT') ELSE false END AS granted
    FROM (SELECT) AS one LEFT JOIN pg_roles AS role ON role.rolname = :reader
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiState:
    """What there is of the views and their role.

    Attributes:
        advice: what a database administrator has to run; ``None`` where nothing is missing.
    """

    advice: str | None
    may_log_in: bool


def api_state(engine: Engine) -> ApiState:
    """Return whether the views and the role are there, and what to do where they are not."""
    with engine.connect() as connection:
        row = connection.execute(_STATE, {"reader": READER}).one()
    advice = None
    if not row.views:
        advice = (
            f'user "{row.owner}" may not create the schema api: have run GRANT CREATE ON DATABASE "{row.database}" '
            f'TO "{row.owner}", then `tradematrix migrate`'
        )
    elif not row.granted:
        create = "" if row.exists else f"CREATE ROLE {READER}; "
        advice = (
            f"have run {create}GRANT USAGE ON SCHEMA api TO {READER}; "
            f"GRANT SELECT ON ALL TABLES IN SCHEMA api TO {READER}; "
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA api GRANT SELECT ON TABLES TO {READER}"
        )
    return ApiState(advice=advice, may_log_in=row.may_log_in)


def let_log_in(engine: Engine, role: str, *, password: str | None = None) -> None:
    """Let a role log in, with this password where one is given; the server is not sent the password itself."""
    with engine.begin() as connection:
        driver = _driver(connection)
        statement = sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(role))
        if password is not None:
            verifier = driver.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
            statement += sql.SQL(" PASSWORD {}").format(sql.Literal(verifier.decode()))
        driver.execute(statement)


def _driver(connection: Connection) -> "psycopg.Connection[tuple[object, ...]]":
    driver: psycopg.Connection[tuple[object, ...]] | None = connection.connection.driver_connection
    if driver is None:
        msg = "the connection is closed"
        raise RuntimeError(msg)
    return driver
