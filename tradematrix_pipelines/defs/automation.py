"""What runs by itself by default; the UI can switch it on and off.

Here: the status of the trading day's schedules and sensors, and the sensor of assets with an ``automation_condition``.
"""

import dagster as dg

from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.settings import Settings


def sensor_status(settings: Settings) -> dg.DefaultSensorStatus:
    """Return the default status of the trading day's sensors."""
    return dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED


def schedule_status(settings: Settings) -> dg.DefaultScheduleStatus:
    """Return the default status of the trading day's schedules."""
    return dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    sensor = dg.AutomationConditionSensorDefinition(
        "automation_conditions",
        target=dg.AssetSelection.all(),
        default_status=sensor_status(installation().settings),
        minimum_interval_seconds=60,
        description="Materialize the assets that have an automation condition, when it is met.",
    )
    return dg.Definitions(sensors=[sensor])
