"""Deletes what is not needed any more: a live pull a minute is half a million runs a year.

A partition stays materialized without them: the run after its session's close has materialized it again.
"""

from datetime import timedelta

import dagster as dg
from sqlalchemy import NullPool, create_engine

from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.live import PULL_LIVE
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.log_files import cut_log_files, delete_compute_logs
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.check_events import prune_check_events
from tradematrix_pipelines.storage.credits import prune_credits
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.run_requests import prune_requests

KEPT = timedelta(days=7)
"""How long the runs of live pulls are kept; all others stay."""

KEPT_CREDITS = timedelta(days=35)
"""How long bookings of credits and run requests are kept; limits look back a day, requests some minutes."""

KEPT_CHECKS = timedelta(days=7)
"""How long verdicts of checks that were reported without a run are kept; the newest of each check stays."""

_AT_ONCE = 200
_SECONDS = 3600
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def build_housekeeping_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor; it ticks every hour."""

    @dg.sensor(
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Delete runs of live pulls and reports of checks older than a week, and bookings of credits older "
        "than 35 days; truncate large log files.",
    )
    @on_database(settings)
    def housekeeping(context: dg.SensorEvaluationContext, database: Database) -> dg.SkipReason:
        # Dagster stamps its runs by the machine's clock, whatever ours says.
        now = SystemClock().now()
        old = dg.RunsFilter(job_name=PULL_LIVE, statuses=_ENDED, created_before=now - KEPT)
        run_ids = context.instance.get_run_ids(old, limit=_AT_ONCE)
        for run_id in run_ids:
            context.instance.delete_run(run_id)
        before = database.clock.now() - KEPT_CREDITS
        bookings = prune_credits(database.engine, before=before)
        prune_requests(database.engine, before=before)
        engine = create_engine(database.databases.dagster, poolclass=NullPool)
        with engine.begin() as connection:
            checks = prune_check_events(connection, before=now - KEPT_CHECKS)
        outputs, logs = delete_compute_logs(settings, before=now - KEPT), cut_log_files(settings)
        return dg.SkipReason(
            f"deleted {len(run_ids)} runs of live pulls, {checks} reports of checks, {bookings} bookings of credits, "
            f"{outputs} outputs of runs; truncated: {', '.join(logs) or 'no log'}"
        )

    return housekeeping
