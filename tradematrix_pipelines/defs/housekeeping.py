"""Deletes what is not needed any more: a live pull a minute is half a million runs a year.

A partition stays materialized without them: the run after its session's close has materialized it again.
"""

from datetime import datetime, timedelta

import dagster as dg
from sqlalchemy import Engine, NullPool, create_engine

from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.jobs import max_runtime
from tradematrix_pipelines.defs.live import PULL_LIVE
from tradematrix_pipelines.defs.retry_policy import NO_RUN_RETRIES
from tradematrix_pipelines.log_files import cut_log_files, delete_compute_logs
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.check_events import prune_check_events
from tradematrix_pipelines.storage.coverage_history import thin_open_versions
from tradematrix_pipelines.storage.credits import prune_credits
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.run_events import Thinned, thin_old_runs
from tradematrix_pipelines.storage.run_requests import prune_requests

HOUSEKEEPING = "housekeeping"

KEPT = timedelta(days=7)
"""How long the runs of live pulls and of this job are kept; the others as TRADEMATRIX_KEEP_RUNS says."""

KEPT_CREDITS = timedelta(days=35)
"""How long bookings of credits and run requests are kept; limits look back a day, requests some minutes."""

KEPT_CHECKS = timedelta(days=7)
"""How long verdicts of checks that were reported without a run are kept; the newest of each check stays."""

KEPT_VERSIONS = timedelta(days=7)
"""How long each version of an open session's coverage is kept; of older ones the last before the final one stays."""

_AT_ONCE = 200
_MAX_RUNTIME = timedelta(minutes=30)
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dg.op(description="Delete what has been kept long enough")
def delete_old(
    context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings], database: dg.ResourceParam[Database]
) -> None:
    """Delete old runs of live pulls and of this job, events of other old runs, reports of checks, bookings, run
    requests, versions of open sessions; truncate logs.
    """
    # Dagster stamps its runs by the machine's clock, whatever ours says.
    now = SystemClock().now()
    runs = sum(_delete_runs(context.instance, job, before=now - KEPT) for job in (PULL_LIVE, HOUSEKEEPING))
    engine = create_engine(database.databases.dagster, poolclass=NullPool)
    thinned = _thin_runs(context.instance, engine, before=now - settings.keep_runs, now=now)
    before = database.clock.now() - KEPT_CREDITS
    bookings = prune_credits(database.engine, before=before)
    prune_requests(database.engine, before=before)
    versions = thin_open_versions(database.engine, before=database.clock.now() - KEPT_VERSIONS)
    with engine.begin() as connection:
        checks = prune_check_events(connection, before=now - KEPT_CHECKS)
    outputs, logs = delete_compute_logs(settings, before=now - KEPT), cut_log_files(settings)
    context.log.info(
        "deleted %d runs, %d events of old ones, %d reports of checks, %d bookings of credits, %d versions of open "
        "sessions, %d outputs of runs; truncated: %s",
        *(
            runs + len(thinned.unneeded),
            thinned.events,
            checks,
            bookings,
            versions,
            outputs,
            ", ".join(logs) or "no log",
        ),
    )


@dg.job(
    name=HOUSEKEEPING,
    executor_def=dg.in_process_executor,
    tags={**NO_RUN_RETRIES, **max_runtime(_MAX_RUNTIME)},
    description="Delete runs of live pulls, reports of checks and versions of open sessions older than a week, "
    "bookings of credits older than 35 days, and of runs older than TRADEMATRIX_KEEP_RUNS all that no partition shows; "
    "truncate large log files.",
)
def housekeeping() -> None:
    """Delete what has been kept long enough."""
    delete_old()


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    every_hour = dg.ScheduleDefinition(
        # A sensor of older versions has the name of the job.
        name="housekeeping_hourly",
        job=housekeeping,
        cron_schedule="23 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Delete what has been kept long enough.",
    )
    return dg.Definitions(jobs=[housekeeping], schedules=[every_hour])


def _thin_runs(instance: dg.DagsterInstance, engine: Engine, *, before: datetime, now: datetime) -> Thinned:
    """Delete what old runs say of nothing that is shown now, and those of them that say nothing else."""
    with engine.begin() as connection:
        ended = [status.value for status in _ENDED]
        thinned = thin_old_runs(connection, ended=ended, before=before, now=now, at_once=_AT_ONCE)
    for run_id in thinned.unneeded:
        instance.delete_run(run_id)
    return thinned


def _delete_runs(instance: dg.DagsterInstance, job: str, *, before: datetime) -> int:
    old = dg.RunsFilter(job_name=job, statuses=_ENDED, created_before=before)
    run_ids = instance.get_run_ids(old, limit=_AT_ONCE)
    for run_id in run_ids:
        instance.delete_run(run_id)
    return len(run_ids)
