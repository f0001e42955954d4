"""Whether a schedule or sensor of the trading day runs unless somebody says otherwise in the UI."""

import dagster as dg

from tradematrix_pipelines.settings import Settings


def sensor_status(settings: Settings) -> dg.DefaultSensorStatus:
    """Return how a sensor of the trading day starts out."""
    return dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED


def schedule_status(settings: Settings) -> dg.DefaultScheduleStatus:
    """Return how a schedule of the trading day starts out."""
    return dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED
