"""How this process's own log messages are written: level and format of the settings.

Here: the messages of this package's loggers, and those of Dagster's runs. Not here: the log files and their limits
(``log_files``), and Dagster's own messages, which its programs take as options (``cli.services``).
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from tradematrix_pipelines.settings import Settings

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (UTC), ``level``, ``logger``, ``message``; ``exception`` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at that moment."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        del value


def write_logs(settings: Settings) -> None:
    """Let this package's loggers write to standard error as the settings say. A second time replaces the first."""
    handler = _StandardError()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else logging.Formatter(_TEXT))
    logger = logging.getLogger(__package__)
    logger.handlers[:] = [handler]
    logger.setLevel(settings.log_level.upper())
