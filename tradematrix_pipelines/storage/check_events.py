"""Asset check evaluations without an existing run, which Dagster's event log keeps for ever.

Here: counting and pruning checks reported without a run, or by a run that was deleted. Not here: reporting them
(``defs.checks``).
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, text

_RUNLESS = """
    evaluated.execution_status IN ('SUCCEEDED', 'FAILED')
    AND NOT EXISTS (SELECT FROM runs WHERE runs.run_id = evaluated.run_id)"""
_COUNT = text(f"SELECT count(*) FROM asset_check_executions AS evaluated WHERE {_RUNLESS}")  # noqa: S608 - a constant
# The newest evaluation of each check and partition is kept: the UI shows it. The tables are Dagster's.
_PRUNE = text(f"""
    WITH old AS (
        SELECT id, evaluation_event_storage_id AS event FROM asset_check_executions AS evaluated
        WHERE {_RUNLESS} AND evaluation_event_timestamp < :before AND EXISTS (
            SELECT FROM asset_check_executions AS newer
            WHERE newer.asset_key = evaluated.asset_key AND newer.check_name = evaluated.check_name
            AND newer.partition IS NOT DISTINCT FROM evaluated.partition AND newer.id > evaluated.id
        )
        ORDER BY id LIMIT :at_once
    ), events AS (
        DELETE FROM event_logs WHERE id IN (SELECT event FROM old)
    )
    DELETE FROM asset_check_executions WHERE id IN (SELECT id FROM old)
""")  # noqa: S608 - a constant


def count_check_events(connection: Connection) -> int:
    """Return how many such evaluations Dagster's database has."""
    return int(connection.execute(_COUNT).scalar_one())


def prune_check_events(connection: Connection, *, before: datetime, at_once: int = 10_000) -> int:
    """Delete those reported before an instant, except the newest of each check; return how many. Does not commit."""
    # Dagster's timestamps are UTC without a zone.
    terms = {"before": before.astimezone(UTC).replace(tzinfo=None), "at_once": at_once}
    return connection.execute(_PRUNE, terms).rowcount
