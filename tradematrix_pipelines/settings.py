"""The settings, from the environment and the current folder's ``.env``. The only module that reads them.

A :class:`Settings` is a value: everything else takes one as an argument.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from dotenv import dotenv_values

from tradematrix_pipelines.clock import Clock, format_clock, parse_clock
from tradematrix_pipelines.errors import UsageError

# Twelve Data has one-minute bars from this day on; an earlier start costs nothing but a longer list of dates.
DEFAULT_HISTORY_START = date(2020, 2, 10)
TWELVE_DATA_URL = "https://api.twelvedata.com"
# A year of partitions is thousands of events. By default Dagster opens a connection for each.
EVENT_BATCHING = {"DAGSTER_EVENT_BATCH_SIZE": "1000"}
# A code server that dies while it starts leaves the daemon without definitions for a moment. Dagster takes that for a
# change of them and fails a backfill for good, unless this variable makes it retry.
_DAGSTER = {**EVENT_BATCHING, "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1"}
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
LOG_FORMATS = ("text", "json")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one installation.

    Attributes:
        home: absolute folder of the embedded server's data, logs and Dagster's files.
        database_url: the market database (``postgresql://…``); ``None`` is the embedded server.
        dagster_database_url: Dagster's own database; ``None`` is ``<market database>_dagster`` beside it.
        vendor: name of the vendor, or ``None`` for the default (Twelve Data with a key, else the simulator).
        twelve_data_plan: the plan's name or limits (``vendors.credits.parse_plan``).
        fallback_vendors: vendors to ask, in this order, for what the vendor can't serve.
        history_start: first trade date of the partitions.
        dagster_home: folder of ``dagster.yaml`` and of Dagster's own files.
        weekends: whether Saturdays and Sundays are trade dates (round-the-clock markets).
        automation: whether the trading day runs by itself: live pulls, closes, deadlines, healing, alerts.
        alert_urls: Apprise URLs of the services that alerts are sent to; they hold secrets.
        log_level: what the processes write to their logs: one of ``LOG_LEVELS``.
        log_format: how they write it: one of ``LOG_FORMATS``.
    """

    home: Path
    database_url: str | None = field(default=None, repr=False)
    dagster_database_url: str | None = field(default=None, repr=False)
    vendor: str | None = None
    fallback_vendors: tuple[str, ...] = ()
    twelve_data_key: str | None = field(default=None, repr=False)
    twelve_data_url: str = TWELVE_DATA_URL
    twelve_data_plan: str = "basic"
    files_dir: Path | None = None
    history_start: date = DEFAULT_HISTORY_START
    weekends: bool = False
    automation: bool = True
    alert_urls: tuple[str, ...] = field(default=(), repr=False)
    log_level: str = "info"
    log_format: str = "text"
    dagster_home: Path
    clock: Clock

    @property
    def vendor_name(self) -> str:
        """The vendor that serves candles: the one named, else Twelve Data with a key, else the simulator."""
        return self.vendor or ("twelve_data" if self.twelve_data_key else "simulator")


def read_env_file() -> None:
    """Add the variables of the current folder's ``.env``, read as Dagster reads it; those already set stay.

    Raises:
        UsageError: it can't be read.
    """
    try:
        values = dotenv_values(".env")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read {Path('.env').absolute()} ({error}): make it readable, or remove it") from None
    for name, value in values.items():
        if value is not None:
            os.environ.setdefault(name, value)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environ`` (the process's environment when ``None``).

    Raises:
        UsageError: a value has the wrong form; the message names the variable and the right form.
    """
    env = {key: value for key, value in (os.environ if environ is None else environ).items() if value.strip()}
    files_dir = env.get("TRADEMATRIX_FILES_DIR")
    home = Path(env.get("TRADEMATRIX_HOME", ".tradematrix")).expanduser().absolute()
    return Settings(
        home=home,
        database_url=env.get("TRADEMATRIX_DATABASE_URL"),
        dagster_database_url=env.get("TRADEMATRIX_DAGSTER_DATABASE_URL"),
        vendor=env.get("TRADEMATRIX_VENDOR"),
        fallback_vendors=tuple(
            name.strip() for name in env.get("TRADEMATRIX_FALLBACK_VENDORS", "").split(",") if name.strip()
        ),
        twelve_data_key=env.get("TWELVE_DATA_API_KEY"),
        twelve_data_url=env.get("TRADEMATRIX_TWELVE_DATA_URL", TWELVE_DATA_URL).rstrip("/"),
        twelve_data_plan=env.get("TWELVE_DATA_PLAN", "basic"),
        files_dir=None if files_dir is None else Path(files_dir).expanduser().absolute(),
        history_start=_date(env, "TRADEMATRIX_HISTORY_START", DEFAULT_HISTORY_START),
        weekends=_flag(env, "TRADEMATRIX_WEEKENDS"),
        automation=_flag(env, "TRADEMATRIX_AUTOMATION", default=True),
        # Separated by white space: an Apprise URL may contain commas.
        alert_urls=tuple(env.get("TRADEMATRIX_ALERT_URLS", "").split()),
        log_level=_choice(env, "TRADEMATRIX_LOG_LEVEL", LOG_LEVELS, default="info"),
        log_format=_choice(env, "TRADEMATRIX_LOG_FORMAT", LOG_FORMATS, default="text"),
        dagster_home=Path(env.get("DAGSTER_HOME", home / "dagster")).expanduser().absolute(),
        clock=parse_clock(env.get("TRADEMATRIX_CLOCK")),
    )


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for a child process with the same settings, whatever its working directory.

    Folders are absolute, and a fast clock keeps its start, so that all processes agree on the time.
    """
    fixed = {
        "TRADEMATRIX_HOME": str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
        "TRADEMATRIX_CLOCK": format_clock(settings.clock),
    }
    if settings.files_dir is not None:
        fixed["TRADEMATRIX_FILES_DIR"] = str(settings.files_dir)
    return {**_DAGSTER, **os.environ, **fixed}


def set_dagster_variables() -> None:
    """Make this process's Dagster store events in batches and retry backfills, unless its environment says otherwise.

    Dagster takes these options from variables only, and reads them when it needs them: it is soon enough to set them
    when its storage is opened.
    """
    for name, value in _DAGSTER.items():
        os.environ.setdefault(name, value)


def _date(env: Mapping[str, str], name: str, default: date) -> date:
    text = env.get(name)
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name}={text!r} is not a date: write it as {default.isoformat()}") from None


def _choice(env: Mapping[str, str], name: str, choices: Sequence[str], *, default: str) -> str:
    text = env.get(name, default).strip().lower()
    if text not in choices:
        raise UsageError(f"{name}={text!r} is not one of {', '.join(choices)}")
    return text


def _flag(env: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    text = env.get(name, "1" if default else "0").lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise UsageError(f"{name}={text!r} is neither on nor off: write 1 or 0")
