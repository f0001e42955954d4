"""The two jobs: bring in candles, compute levels. Schedules, sensors and the command line run these."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

INGEST_CANDLES = "ingest_candles"
COMPUTE_LEVELS = "compute_levels"


def build_jobs() -> list[UnresolvedAssetJobDefinition]:
    """Return the jobs; each takes any rectangle of partitions in one run."""
    return [
        dg.define_asset_job(
            INGEST_CANDLES,
            selection=dg.AssetSelection.groups("candles"),
            description="Fetch, screen, resample and store the candles of sessions x symbols.",
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job(
            COMPUTE_LEVELS,
            selection=dg.AssetSelection.groups("levels"),
            description="Compute daily levels and pivot points for sessions x symbols.",
            executor_def=dg.in_process_executor,
        ),
    ]
