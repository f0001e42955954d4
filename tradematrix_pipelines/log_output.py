"""How this process writes its own log messages: with the level and format of the settings.

Here: the messages of this package's loggers, those of Dagster's runs, and those without a logger. Not here: the log
files and their limits (``log_files``), and Dagster's own messages, which its programs take as options
(``cli.services``).
"""

import json
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from tradematrix_pipelines.settings import Settings

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (UTC), ``level``, ``logger``, ``message``; ``exception`` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever ``sys.stderr`` is at that moment."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        del value


class _OfNobody(_StandardError):
    """Writes what libraries say without a logger of their own.

    The first such message would give the root logger a handler of Python's own, through which every later message of
    every logger comes once more, in another format: Dagster says one each time it waits for its database.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name == logging.root.name and bool(super().filter(record))


def write_logs(settings: Settings, *, also: Sequence[str] = ()) -> None:
    """Let this package's loggers write to standard error as configured. A second call replaces the first.

    Args:
        also: loggers of other packages that do the same.
    """
    handler, of_nobody = _StandardError(), _OfNobody()
    for one in (handler, of_nobody):
        one.setFormatter(JsonFormatter() if settings.log_format == "json" else logging.Formatter(_TEXT))
    logging.root.handlers[:] = [
        *(other for other in logging.root.handlers if not isinstance(other, _OfNobody)),
        of_nobody,
    ]
    for name in (__package__, *also):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(settings.log_level.upper())
