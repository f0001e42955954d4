"""Events of old runs, which Dagster keeps for ever: several times as many rows as there are sessions.

Here: deleting those that say nothing of what is shown now. Not here: deleting whole runs (``defs.housekeeping``), or
reports of checks (``check_events``). The tables are Dagster's.

What Dagster shows of a partition follows from its newest materialization, and from newer plans to materialize it, whose
run failed. Those events stay, whatever their age, and with them the run that they belong to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

_THINNED = "tradematrix/thinned"
"""Tag of runs whose events were looked at, with the date. In the table of tags alone: no event or page shows it."""

_LOOKED_AT_AGAIN = timedelta(days=30)

# How a run went is said by its own events and by steps that failed, which stay with a run.
_DETAILS = [
    *("STEP_OUTPUT", "STEP_INPUT", "STEP_START", "STEP_SUCCESS", "STEP_SKIPPED", "STEP_WORKER_STARTING"),
    *("STEP_WORKER_STARTED", "STEP_UP_FOR_RETRY", "STEP_RESTARTED", "STEP_EXPECTATION_RESULT"),
    *("RESOURCE_INIT_STARTED", "RESOURCE_INIT_SUCCESS", "RESOURCE_INIT_FAILURE"),
    *("OBJECT_STORE_OPERATION", "ASSET_STORE_OPERATION", "LOADED_INPUT", "HANDLED_OUTPUT"),
    *("ENGINE_EVENT", "HOOK_COMPLETED", "HOOK_ERRORED", "HOOK_SKIPPED", "LOGS_CAPTURED"),
]
_OLD_RUNS = text("""
    SELECT run_id FROM runs
    WHERE status = ANY(:ended) AND create_timestamp < :before AND NOT EXISTS (
        SELECT FROM run_tags AS tag WHERE tag.run_id = runs.run_id AND tag.key = :thinned AND tag.value >= :again)
    ORDER BY id LIMIT :at_once
""")
# A newer event of the same asset and partition makes a materialization one of the past, and a plan one that was met or
# made again. Two branches, because an index finds a partition, and none is compared otherwise.
_NEWER = """
    EXISTS (SELECT FROM event_logs AS newer WHERE newer.asset_key = event.asset_key AND newer.id > event.id
        AND newer.dagster_event_type IN (event.dagster_event_type, {also}) AND newer.partition = event.partition)
    OR event.partition IS NULL AND EXISTS (
        SELECT FROM event_logs AS newer WHERE newer.asset_key = event.asset_key AND newer.id > event.id
        AND newer.dagster_event_type IN (event.dagster_event_type, {also}) AND newer.partition IS NULL)
"""
_DELETE = text(f"""
    WITH deleted AS (
        DELETE FROM event_logs AS event WHERE run_id = ANY(:run_ids) AND (
            dagster_event_type IS NULL OR dagster_event_type = ANY(:details)
            OR dagster_event_type IN ('ASSET_MATERIALIZATION', 'ASSET_OBSERVATION')
                AND ({_NEWER.format(also="event.dagster_event_type")})
            OR dagster_event_type IN ('ASSET_MATERIALIZATION_PLANNED', 'ASSET_FAILED_TO_MATERIALIZE')
                AND ({_NEWER.format(also="'ASSET_MATERIALIZATION'")})
        ) RETURNING id
    ), tags AS (
        DELETE FROM asset_event_tags WHERE event_id IN (SELECT id FROM deleted)
    )
    SELECT count(*) FROM deleted
""")  # noqa: S608 - constants
_STILL_SHOWN = text("""
    SELECT run_id FROM event_logs WHERE run_id = ANY(:run_ids) AND dagster_event_type IN (
        'ASSET_MATERIALIZATION', 'ASSET_OBSERVATION', 'ASSET_MATERIALIZATION_PLANNED', 'ASSET_FAILED_TO_MATERIALIZE')
    UNION
    SELECT last_run_id FROM asset_keys WHERE last_run_id = ANY(:run_ids)
""")
_FORGET_LOOK = text("DELETE FROM run_tags WHERE run_id = ANY(:run_ids) AND key = :thinned")
_LOOKED_AT = text("""
    INSERT INTO run_tags (run_id, key, value)
    SELECT run_id, :thinned, :today FROM unnest(CAST(:run_ids AS text[])) AS looked (run_id)
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Thinned:
    """What was done to a few old runs.

    Attributes:
        runs: how many were looked at.
        events: how many of their events were deleted.
        unneeded: ids of those with nothing left that is shown of an asset.
    """

    runs: int
    events: int
    unneeded: Sequence[str]


def thin_old_runs(
    connection: Connection, *, ended: Sequence[str], before: datetime, now: datetime, at_once: int
) -> Thinned:
    """Delete events of the oldest runs that were not looked at yet, or not for long. Does not commit.

    Args:
        ended: the statuses of runs that have ended.
        before: runs that were created before this instant, aware.
        now: aware; runs that were looked at a month ago are looked at again.
        at_once: most runs.
    """
    # Dagster's timestamps are UTC without a zone.
    terms = {"ended": list(ended), "before": before.astimezone(UTC).replace(tzinfo=None), "at_once": at_once}
    today = now.astimezone(UTC).date()
    own = {"thinned": _THINNED, "again": (today - _LOOKED_AT_AGAIN).isoformat()}
    runs = {"run_ids": list(connection.execute(_OLD_RUNS, terms | own).scalars())}
    if not runs["run_ids"]:
        return Thinned(runs=0, events=0, unneeded=())
    events = connection.execute(_DELETE, runs | {"details": _DETAILS}).scalar_one()
    shown = set(connection.execute(_STILL_SHOWN, runs).scalars())
    connection.execute(_FORGET_LOOK, runs | own)
    connection.execute(_LOOKED_AT, runs | own | {"today": today.isoformat()})
    unneeded = [run_id for run_id in runs["run_ids"] if run_id not in shown]
    return Thinned(runs=len(runs["run_ids"]), events=events, unneeded=unneeded)
