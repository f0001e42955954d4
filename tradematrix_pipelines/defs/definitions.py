"""Everything that Dagster loads from this project."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from tradematrix_pipelines.defs.alerting import build_alerts_sensor
from tradematrix_pipelines.defs.assets.levels import build_levels
from tradematrix_pipelines.defs.assets.ohlc import build_ohlc
from tradematrix_pipelines.defs.checks import build_freshness_sensor
from tradematrix_pipelines.defs.housekeeping import build_housekeeping_sensor
from tradematrix_pipelines.defs.internals.names import disable_dagster_warnings
from tradematrix_pipelines.defs.internals.run_log import write_run_logs
from tradematrix_pipelines.defs.jobs import build_jobs
from tradematrix_pipelines.defs.live import build_live_job, build_live_schedule
from tradematrix_pipelines.defs.partitions import session_partitions
from tradematrix_pipelines.defs.resources import build_resources
from tradematrix_pipelines.defs.sensors import build_resume_sensor
from tradematrix_pipelines.defs.symbols_sensor import build_symbols_sensor
from tradematrix_pipelines.defs.trading_day import build_deadlines, build_trading_day_sensors
from tradematrix_pipelines.log_output import write_logs
from tradematrix_pipelines.settings import Settings, load_settings


def build_defs(settings: Settings, resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Return the definitions for these settings; ``resources`` replaces resources of the same name."""
    # Multi-partition mappings and backfill policies are called beta; the lock pins the version they are tested with.
    with disable_dagster_warnings():
        partitions, jobs, live = session_partitions(settings), build_jobs(), build_live_job(settings)
        return dg.Definitions(
            assets=[build_ohlc(partitions, settings), build_levels(partitions, settings)],
            jobs=[*jobs, live],
            schedules=[build_live_schedule(settings, live), *build_deadlines(settings, jobs[2])],
            sensors=[
                build_resume_sensor(settings, ingest=jobs[0], levels=jobs[1]),
                *build_trading_day_sensors(settings, jobs[2]),
                build_symbols_sensor(settings),
                build_freshness_sensor(settings),
                build_alerts_sensor(settings),
                build_housekeeping_sensor(settings),
            ],
            resources={**build_resources(settings), **(resources or {})},
            # One process a run: steps share memory, and starting an interpreter costs more than any step here.
            executor=dg.in_process_executor,
        )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions for the environment's settings."""
    settings = load_settings()
    write_logs(settings)
    write_run_logs(settings)
    return build_defs(settings)
