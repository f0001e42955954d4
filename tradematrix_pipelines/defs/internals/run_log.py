"""What a run writes to its process's output, beside the events that it stores.

Dagster writes every event there a second time, in its own format, and has no setting for that: half of the logs' size.
Here: the settings' level and format instead, also for a code server's own messages.
"""

from collections.abc import Mapping, Sequence

import dagster as dg
from dagster._core.execution import context_creation_job
from dagster._utils.log import configure_loggers

from tradematrix_pipelines.settings import Settings


def write_run_logs(settings: Settings) -> None:
    """Make this process's runs log as configured; where Dagster has moved the function, its own format stays."""
    json = settings.log_format == "json"
    if json:
        configure_loggers(formatter="json", log_level=settings.log_level.upper())
    logger = dg.json_console_logger if json else dg.colored_console_logger
    config = {"name": "dagster", "log_level": settings.log_level.upper()}

    def loggers(
        instance: dg.DagsterInstance | None,
    ) -> Sequence[tuple[dg.LoggerDefinition, Mapping[str, object]]]:
        del instance
        return [(logger, config)]

    context_creation_job.default_system_loggers = loggers  # type: ignore[attr-defined]  # imported there by name
