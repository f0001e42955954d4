"""The sensor that resumes what stopped at the day's credits, once these have been reset.

It requests the candles first, then the levels that follow from them. Not here: how runs are requested (``requests``),
or what closes and heals day by day (``automation``).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import dagster as dg

from tradematrix_pipelines.automation.backlog import Cause, FetchTask, backlog
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.internals.names import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    FINISHED_STATUSES,
)
from tradematrix_pipelines.defs.internals.run_tags import BY_TAG
from tradematrix_pipelines.defs.jobs import (
    COMPUTE_LEVELS,
    COMPUTE_LEVELS_JOB,
    INGEST_CANDLES,
    INGEST_CANDLES_JOB,
)
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.defs.partitions import partitions_between
from tradematrix_pipelines.defs.requests import RESUME, request_runs
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import read_coverage, read_due_again
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.storage.trading_day_state import computed_levels
from tradematrix_pipelines.vendors.credits import BACKFILL

_SECONDS = 30
_RECENT = timedelta(days=1)
"""How long after the end of a resumed run its levels are requested."""


def build_resume_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor; it runs by default."""

    @dg.sensor(
        jobs=[INGEST_CANDLES_JOB, COMPUTE_LEVELS_JOB],
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Fetch the sessions again that stopped at the day's credits, once these have been reset; "
        "then compute the levels that follow from them.",
    )
    @on_database(settings)
    def resume_after_limit(
        context: dg.SensorEvaluationContext, database: Database
    ) -> list[dg.RunRequest] | dg.SkipReason:
        now = database.clock.now()
        symbols = {symbol.name: symbol for symbol in read_symbols(database.engine)}
        tasks = [
            *_candles_to_resume(database, settings, symbols, now),
            *_levels_to_resume(database, context.instance, symbols, now),
        ]
        requests = request_runs(
            database,
            lambda: context.instance,
            tasks,
            now=now,
            purpose=BACKFILL,
            candles_job=INGEST_CANDLES,
            levels_job=COMPUTE_LEVELS,
        )
        return requests or dg.SkipReason("nothing waits for credits that have been reset")

    return resume_after_limit


def _candles_to_resume(
    database: Database, settings: Settings, symbols: dict[str, Symbol], now: datetime
) -> Iterator[FetchTask]:
    rows: dict[str, list[StoredCoverage]] = {}
    for row in read_due_again(database.engine, since=settings.history_start, now=now):
        rows.setdefault(row.symbol, []).append(row)
    for name in symbols.keys() & rows:
        yield from (task for task in backlog(symbols[name], rows[name], now) if task.is_due(now))


def _levels_to_resume(
    database: Database, instance: dg.DagsterInstance, symbols: dict[str, Symbol], now: datetime
) -> Iterator[FetchTask]:
    """Yield the missing levels that follow from the sessions of resumed runs."""
    # Dagster stamps its runs by the machine's clock, whatever ours says.
    since = SystemClock().now() - _RECENT
    ended = dg.RunsFilter(
        job_name=INGEST_CANDLES, tags={BY_TAG: RESUME}, statuses=FINISHED_STATUSES, updated_after=since
    )
    for run in instance.get_runs(ended):
        start, end = run.tags[ASSET_PARTITION_RANGE_START_TAG], run.tags[ASSET_PARTITION_RANGE_END_TAG]
        for name, dates in partitions_between(instance, start, end).items():
            if name in symbols:
                symbol = symbols[name]
                days = read_coverage(database.engine, [symbol], [Timeframe.D1], dates[0], dates[-1])
                computed = computed_levels(database.engine, [symbol], since=dates[0])
                tasks = backlog(symbol, days, now, levels=computed[name])
                yield from (task for task in tasks if task.cause is Cause.LEVELS)


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    return dg.Definitions(sensors=[build_resume_sensor(installation().settings)])
