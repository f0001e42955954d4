"""``prune_candles``: each month deletes the candles that are older than TRADEMATRIX_KEEP says; nothing by default.

Here: the job and its schedule. Not here: what is deleted, and what is not (``storage.pruning``).
"""

from dataclasses import asdict
from datetime import timedelta

import dagster as dg

from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.jobs import max_runtime
from tradematrix_pipelines.defs.retry_policy import NO_RUN_RETRIES
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.pruning import Pruned, free_space, months_to_prune, prune_month
from tradematrix_pipelines.storage.symbols import read_symbols

PRUNE_CANDLES = "prune_candles"

_MAX_RUNTIME = timedelta(hours=6)


@dg.op(description="Delete the candles that are older than TRADEMATRIX_KEEP says")
def prune(
    context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings], database: dg.ResourceParam[Database]
) -> None:
    """Prune a month of a series at once; what a run that ends leaves, the next one deletes."""
    engine, now, total = database.engine, database.clock.now(), Pruned()
    months = months_to_prune(engine, read_symbols(engine, only_active=False), dict(settings.keep), today=now.date())
    for month in months:
        pruned = prune_month(engine, month, now=now)
        total += pruned
        context.log.info(
            "%s %s %s to %s: %d candles", month.symbol.name, month.timeframe, month.first, month.last, pruned.candles
        )
    if months:
        free_space(engine)
    context.add_output_metadata(asdict(total))


@dg.job(
    name=PRUNE_CANDLES,
    executor_def=dg.in_process_executor,
    tags={**NO_RUN_RETRIES, **max_runtime(_MAX_RUNTIME)},
    description="Delete the candles of sessions that are older than TRADEMATRIX_KEEP says. Levels, and what was known "
    "of the sessions, stay; nothing fetches them again.",
)
def prune_candles() -> None:
    """Delete what is older than it is to be kept."""
    prune()


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    running = dg.DefaultScheduleStatus.RUNNING if installation().settings.keep else dg.DefaultScheduleStatus.STOPPED
    every_month = dg.ScheduleDefinition(
        name="prune_monthly",
        job=prune_candles,
        cron_schedule="7 3 1 * *",
        default_status=running,
        description="Delete candles that are older than TRADEMATRIX_KEEP says; off where it says nothing.",
    )
    return dg.Definitions(jobs=[prune_candles], schedules=[every_month])
