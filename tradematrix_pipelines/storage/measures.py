"""Counts and sizes for a monitoring system: of the market database, and of Dagster's runs and daemons.

Here: the SQL. Dagster's tables are read as they are, without Dagster, since whoever reads them serves pages. Not here:
the names that a monitoring system knows them by (``board.metrics``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import URL, Engine, text

from tradematrix_pipelines.storage.limits import Limits

QUANTILES = (0.5, 0.95, 1.0)

_SESSIONS = text("""
    SELECT status, coalesce(verdict::text, 'unjudged') AS verdict, count(*) AS sessions
    FROM session_coverage WHERE trade_date >= :since AND status <> 'closed'
    GROUP BY 1, 2
""")
# The index of status and update_timestamp serves both; Dagster stamps without a zone, as its session's clock goes.
_ENDED = """
    SELECT pipeline_name, status, count(*),
        percentile_cont(%(quantiles)s::float8[]) WITHIN GROUP (ORDER BY end_time - start_time)
            FILTER (WHERE end_time > start_time)
    FROM runs
    WHERE status = ANY(%(ended)s) AND update_timestamp >= LOCALTIMESTAMP - interval '1 day'
    GROUP BY 1, 2
"""
_UNDER_WAY = "SELECT pipeline_name, status, count(*), min(start_time) FROM runs WHERE status = ANY(%s) GROUP BY 1, 2"
_HEARTBEATS = "SELECT daemon_type, extract(epoch FROM max(timestamp))::float8 FROM daemon_heartbeats GROUP BY 1"
_SIZE = "SELECT pg_database_size(current_database())"
# Where the tables are that are found without naming a schema.
_TABLE_SIZES = """
    SELECT relname::text, pg_total_relation_size(oid) FROM pg_class
    WHERE relkind IN ('r', 'm') AND relnamespace = current_schema()::regnamespace ORDER BY 2 DESC, 1
"""
_ENDS = ["SUCCESS", "FAILURE", "CANCELED"]
_OPEN = ["QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DagsterMeasures:
    """What Dagster has been doing.

    Attributes:
        runs: by job and status: those that ended within a day, and all that have not ended.
        seconds: how long those that ended took, by job, status and quantile.
        oldest_start: Unix time of the oldest start of a run that has not ended, by job.
        heartbeats: Unix time of the last heartbeat, by daemon.
        size: of its database, bytes.
        tables: sizes of its tables with their indexes, bytes, by name.
    """

    runs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    seconds: Mapping[tuple[str, str, float], float] = field(default_factory=dict)
    oldest_start: Mapping[str, float] = field(default_factory=dict)
    heartbeats: Mapping[str, float] = field(default_factory=dict)
    size: int = 0
    tables: Mapping[str, int] = field(default_factory=dict)


def count_sessions(engine: Engine, *, since: date) -> dict[tuple[str, str], int]:
    """Return how many sessions since a trade date have which status and verdict."""
    with engine.connect() as connection:
        rows = connection.execute(_SESSIONS, {"since": since}).all()
    return {(row.status, row.verdict): row.sessions for row in rows}


def database_size(engine: Engine) -> int:
    """Return the size of the market database in bytes."""
    with engine.connect() as connection:
        size: int = connection.execute(text(_SIZE)).scalar_one()
        return size


def table_sizes(engine: Engine) -> dict[str, int]:
    """Return the sizes of a database's tables with their indexes in bytes, the largest first."""
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(text(_TABLE_SIZES))}


def read_dagster(url: URL, limits: Limits) -> DagsterMeasures | None:
    """Return what Dagster has been doing; ``None`` where its database can't be read now, or has no such tables."""
    arguments = url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(arguments, connect_timeout=limits.connect_seconds) as connection:
            connection.read_only = True
            connection.execute(limits.statement.encode())
            return _read(connection)
    except psycopg.Error:
        return None


def _read(connection: "psycopg.Connection[TupleRow]") -> DagsterMeasures:
    runs: dict[tuple[str, str], int] = {}
    seconds: dict[tuple[str, str, float], float] = {}
    oldest: dict[str, float] = {}
    for job, status, count, quantiles in connection.execute(_ENDED, {"quantiles": list(QUANTILES), "ended": _ENDS}):
        runs[job, status] = count
        seconds |= {(job, status, at): value for at, value in zip(QUANTILES, quantiles or (), strict=False)}
    for job, status, count, start in connection.execute(_UNDER_WAY, [_OPEN]):
        runs[job, status] = count
        if start is not None:
            oldest[job] = min(start, oldest.get(job, start))
    heartbeats: dict[str, float] = dict(connection.execute(_HEARTBEATS).fetchall())
    [size] = connection.execute(_SIZE).fetchone() or [0]
    tables: dict[str, int] = dict(connection.execute(_TABLE_SIZES).fetchall())
    return DagsterMeasures(
        runs=runs, seconds=seconds, oldest_start=oldest, heartbeats=heartbeats, size=size, tables=tables
    )
