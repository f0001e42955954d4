"""Whether the trading day's schedules and sensors run by default; the UI can switch them on and off."""

import dagster as dg

from tradematrix_pipelines.settings import Settings


def sensor_status(settings: Settings) -> dg.DefaultSensorStatus:
    """Return the default status of the trading day's sensors."""
    return dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED


def schedule_status(settings: Settings) -> dg.DefaultScheduleStatus:
    """Return the default status of the trading day's schedules."""
    return dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED
