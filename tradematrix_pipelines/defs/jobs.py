"""The jobs over the assets: ingest candles, compute levels, and both for the trading day.

A run takes any rectangle of partitions.
"""

from datetime import timedelta

import dagster as dg

from tradematrix_pipelines.defs.internals.names import MAX_RUNTIME_SECONDS_TAG
from tradematrix_pipelines.defs.registry import CANDLES_GROUP, LEVELS_GROUP

INGEST_CANDLES = "ingest_candles"
COMPUTE_LEVELS = "compute_levels"
TRADING_DAY = "trading_day"

PRIORITY = {"dagster/priority": "10"}
"""Tag of runs that go before backfills in the queue."""

_MAX_RUNTIME = {COMPUTE_LEVELS: timedelta(hours=1), TRADING_DAY: timedelta(hours=2)}
"""A month of every symbol at eight calls a minute takes well under two hours; time in the queue doesn't count.

A backfill run has a day (``run_monitoring.max_runtime_seconds`` in ``dagster.yaml``): it may wait for credits for
hours.
"""


def max_runtime(runtime: timedelta) -> dict[str, str]:
    """Return the tag of runs that the daemon ends when they take longer: one that hangs would block others."""
    return {MAX_RUNTIME_SECONDS_TAG: str(int(runtime.total_seconds()))}


INGEST_CANDLES_JOB = dg.define_asset_job(
    INGEST_CANDLES,
    selection=dg.AssetSelection.groups(CANDLES_GROUP).without_checks(),
    description="Fetch, screen, resample and store the candles of sessions x symbols.",
    executor_def=dg.in_process_executor,
)
COMPUTE_LEVELS_JOB = dg.define_asset_job(
    COMPUTE_LEVELS,
    selection=dg.AssetSelection.groups(LEVELS_GROUP).without_checks(),
    description="Compute daily levels and pivot points for sessions x symbols.",
    executor_def=dg.in_process_executor,
    tags=max_runtime(_MAX_RUNTIME[COMPUTE_LEVELS]),
)
TRADING_DAY_JOB = dg.define_asset_job(
    TRADING_DAY,
    selection=dg.AssetSelection.groups(CANDLES_GROUP, LEVELS_GROUP).without_checks(),
    description="Fetch what has closed or is incomplete, compute the levels: each run a part of it.",
    executor_def=dg.in_process_executor,
    tags={**PRIORITY, **max_runtime(_MAX_RUNTIME[TRADING_DAY])},
)
