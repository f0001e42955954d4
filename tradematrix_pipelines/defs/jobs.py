"""The jobs over the assets: bring in candles, compute levels, and either of them for the trading day."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

INGEST_CANDLES = "ingest_candles"
COMPUTE_LEVELS = "compute_levels"
TRADING_DAY = "trading_day"

PRIORITY = {"dagster/priority": "10"}
"""Tag of runs that go before backfills in the queue."""


def build_jobs() -> list[UnresolvedAssetJobDefinition]:
    """Return the jobs; each takes any rectangle of partitions in one run."""
    return [
        dg.define_asset_job(
            INGEST_CANDLES,
            selection=dg.AssetSelection.groups("candles").without_checks(),
            description="Fetch, screen, resample and store the candles of sessions x symbols.",
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job(
            COMPUTE_LEVELS,
            selection=dg.AssetSelection.groups("levels").without_checks(),
            description="Compute daily levels and pivot points for sessions x symbols.",
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job(
            TRADING_DAY,
            selection=dg.AssetSelection.groups("candles", "levels").without_checks(),
            description="Bring in what has closed, heal what is red, compute what follows: each run some of it.",
            executor_def=dg.in_process_executor,
            tags=PRIORITY,
        ),
    ]
