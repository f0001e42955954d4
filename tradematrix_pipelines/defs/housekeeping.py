"""Throwing away what nobody will look at again: a live pull a minute is half a million runs a year.

A partition stays materialized without them: the run of its session's close has materialized it again.
"""

from datetime import timedelta

import dagster as dg

from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.live import PULL_LIVE
from tradematrix_pipelines.defs.on_market import on_market
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.credits import prune_credits
from tradematrix_pipelines.storage.market import Market
from tradematrix_pipelines.storage.run_requests import prune_requests

KEPT = timedelta(days=7)
"""How long the runs of live pulls are kept; all others stay."""

KEPT_CREDITS = timedelta(days=35)
"""How long what was spent and what was requested are kept; a day is what limits look back, minutes what requests do."""

_AT_ONCE = 200
_SECONDS = 3600
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def build_housekeeping_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that looks every hour."""

    @dg.sensor(
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Delete runs of live pulls older than a week, and bookings of credits older than 35 days.",
    )
    @on_market(settings)
    def housekeeping(context: dg.SensorEvaluationContext, market: Market) -> dg.SkipReason:
        # Dagster stamps its runs by the machine's clock, whatever ours says.
        old = dg.RunsFilter(job_name=PULL_LIVE, statuses=_ENDED, created_before=SystemClock().now() - KEPT)
        run_ids = context.instance.get_run_ids(old, limit=_AT_ONCE)
        for run_id in run_ids:
            context.instance.delete_run(run_id)
        before = market.clock.now() - KEPT_CREDITS
        bookings = prune_credits(market.engine, before=before)
        prune_requests(market.engine, before=before)
        return dg.SkipReason(f"deleted {len(run_ids)} runs of live pulls, {bookings} bookings of credits")

    return housekeeping
