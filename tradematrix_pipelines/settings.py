"""The settings, from the environment and the current folder's ``.env``. The only module that reads them.

Each setting is declared once, in :class:`Settings`: its type, its default, and in a :class:`Variable` how it is set and
what it means. The table of docs/reference/settings.md, ``.env.example`` and ``tradematrix settings`` are made from
these declarations.

A :class:`Settings` is a value: everything else takes one as an argument. It is a plain pydantic model, and reads
nothing by itself: :func:`load_settings` decides what counts. A secret may also lie in a file, as containers mount them:
``TWELVE_DATA_API_KEY_FILE`` names the file with ``TWELVE_DATA_API_KEY``.
"""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    SecretStr,
    ValidationError,
)
from pydantic.fields import FieldInfo

from tradematrix_pipelines.clock import Clock, SystemClock, format_clock, parse_clock
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.pivots import Method
from tradematrix_pipelines.markets.spans import parse_span
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.markets.zones import parse_wall_clock

# Twelve Data has one-minute bars from this day on; an earlier start costs nothing but a longer list of dates.
DEFAULT_HISTORY_START = date(2020, 2, 10)
TWELVE_DATA_URL = "https://api.twelvedata.com"
CODE_LOCATION = "tradematrix_pipelines"
# A year of partitions is thousands of events. By default Dagster opens a connection for each.
_EVENT_BATCH_SIZE = 1000
EVENT_BATCHING = {"DAGSTER_EVENT_BATCH_SIZE": str(_EVENT_BATCH_SIZE)}
# A code server that dies while it starts leaves the daemon without definitions for a moment. Dagster takes that for a
# change of them and fails a backfill for good, unless this variable makes it retry.
_DAGSTER = {**EVENT_BATCHING, "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1"}
# A variable that Kubernetes sets in each container.
_KUBERNETES = "KUBERNETES_SERVICE_HOST"
_FILE_SUFFIX = "_FILE"
LogLevel = Literal["debug", "info", "warning", "error", "critical"]
LogFormat = Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class Variable:
    """How a setting is set, and what a user has to know of it. ``meaning`` and ``default`` are Markdown.

    Attributes:
        name: the environment variable.
        meaning: one line: what the setting is, and which values it takes.
        default: what holds when the variable is not set; empty: the default of the field, as it would be written.
        example: a value that a user may start from, as ``.env`` has it.
    """

    name: str
    meaning: str
    default: str = ""
    example: str = ""


# Each parser below takes the text of a variable, and raises ValueError with what is wrong and what is right.


def _flag(value: object) -> bool:
    text = str(value).lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise ValueError("is neither on nor off: write 1 or 0")


def _date(value: object) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"is not a date: write it as {DEFAULT_HISTORY_START}") from None


def _server(value: object) -> str:
    if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:/@\[\]]+):[0-9]{1,5}", str(value)):
        raise ValueError("is not the address of a server: write it as host:4000")
    return str(value)


def _count(value: object) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", str(value)):
        raise ValueError(f"is not a number: write one like {_EVENT_BATCH_SIZE}, or 0")
    return int(str(value))


def _location(value: object) -> str:
    if not re.fullmatch(r"[\w.:-]{1,100}", str(value)):
        raise ValueError("is no name of a code location: letters, digits, and - _ . : are allowed")
    return str(value)


def _one_of(*choices: str) -> BeforeValidator:
    def choose(value: object) -> str:
        text = str(value).lower()
        if text not in choices:
            raise ValueError(f"is not one of {', '.join(choices)}")
        return text

    return BeforeValidator(choose)


def _folder(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError("begins with the home of a user that there isn't: write the whole path") from None


def _key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("has characters that no key has: copy it again from the vendor's page")
    return key


def _redis(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise ValueError("is not the address of a Redis: write it as redis://:password@host:6379/0")
    return url


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is not an address of the web: write one like http://127.0.0.1:3001")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user or a password in it, which links would show: write it without")
    return text.rstrip("/")


def _names(value: object) -> object:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _words(value: object) -> object:
    return value.split() if isinstance(value, str) else value


def _clock(value: object) -> object:
    return parse_clock(value) if isinstance(value, str) else value


def _zones(value: object) -> object:
    if not isinstance(value, str):
        return value
    entries = [re.sub(r"\s*=\s*", "=", entry.strip()) for entry in value.split(",") if entry.strip()]
    for entry in entries:
        parse_wall_clock(entry.rpartition("=")[2])
    return entries


def _span(value: object) -> object:
    return parse_span(value) if isinstance(value, str) else value


def _keep(value: object) -> object:
    if not isinstance(value, str):
        return value
    kept: dict[Timeframe, timedelta] = {}
    for entry in filter(None, map(str.strip, value.split(","))):
        name, _, span = entry.partition("=")
        if name.strip() not in list(Timeframe):
            raise ValueError(f"has {name.strip()!r}, which is none of {', '.join(Timeframe)}: write it as 1m=90d,5m=1y")
        try:
            kept[Timeframe(name.strip())] = parse_span(span)
        except ValueError as error:
            raise ValueError(f"has {span.strip()!r}, which {error}") from None
    return tuple(kept.items())


_Flag = Annotated[bool, BeforeValidator(_flag)]
_Folder = Annotated[Path, AfterValidator(_folder)]


class Settings(BaseModel):
    """The settings of one installation. Secrets are ``SecretStr``, which no text of a ``Settings`` shows.

    Folders are absolute. The fields are in the order in which a user reads of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)

    twelve_data_key: Annotated[
        Annotated[SecretStr, AfterValidator(_key)] | None,
        Variable("TWELVE_DATA_API_KEY", "key from twelvedata.com", default="none, prices are simulated"),
    ] = None
    twelve_data_plan: Annotated[
        str,
        Variable(
            "TWELVE_DATA_PLAN",
            "your plan: `basic`, `grow`, `pro`, `ultra`, credits a minute (`377`), or a minute and a day (`8/800`)",
            example="grow",
        ),
    ] = "basic"
    vendor: Annotated[
        str | None,
        Variable(
            "TRADEMATRIX_VENDOR",
            "`twelve_data`, `yahoo`, `files`, `simulator`, or [one of your own](docs/how-to/add-a-vendor.md)",
            default="`twelve_data` with a key, else `simulator`",
            example="yahoo",
        ),
    ] = None
    fallback_vendors: Annotated[
        tuple[str, ...],
        BeforeValidator(_names),
        Variable(
            "TRADEMATRIX_FALLBACK_VENDORS",
            "vendors to try, in this order, for what the vendor can't serve; separated by commas",
            default="none",
            example="yahoo",
        ),
    ] = ()
    files_dir: Annotated[
        _Folder | None,
        Variable(
            "TRADEMATRIX_FILES_DIR",
            "folder of the vendor `files`: CSV or Parquet, one file a symbol and timeframe (`EUR-USD_1m.csv`), "
            "or [an export](docs/how-to/read-files.md)",
            default="none",
            example="prices",
        ),
    ] = None
    files_zone: Annotated[
        tuple[str, ...],
        BeforeValidator(_zones),
        Variable(
            "TRADEMATRIX_FILES_ZONE",
            "zone of times without one in [those files](docs/reference/files.md): `Europe/Berlin`, `UTC`, or hours "
            "ahead of one, `America/New_York+7`; for single symbols `DAX=Europe/Berlin`; separated by commas",
            default="none: such times are refused",
            example="America/New_York+7,DAX=Europe/Berlin",
        ),
    ] = ()
    files_stamps: Annotated[
        Literal["open", "close"],
        _one_of("open", "close"),
        Variable(
            "TRADEMATRIX_FILES_STAMPS",
            "whether the times in those files are the bars' opens or closes: `open`, `close`",
            example="close",
        ),
    ] = "open"
    files_dates: Annotated[
        Literal["day", "month"] | None,
        _one_of("day", "month"),
        Variable(
            "TRADEMATRIX_FILES_DATES",
            "what comes first in dates like `03.04.2026` in those files, where no row shows it: `day`, `month`",
            default="none: such dates are refused",
            example="day",
        ),
    ] = None
    database_url: Annotated[
        SecretStr | None,
        Variable(
            "TRADEMATRIX_DATABASE_URL",
            "any Postgres from 15 on",
            default="an embedded server",
            example="postgresql://user:password@localhost:5432/tradematrix",
        ),
    ] = None
    dagster_database_url: Annotated[
        SecretStr | None,
        Variable(
            "TRADEMATRIX_DAGSTER_DATABASE_URL",
            "Dagster's own database",
            default="`<database>_dagster` beside the market's",
            example="postgresql://user:password@localhost:5432/dagster",
        ),
    ] = None
    require_database: Annotated[
        _Flag,
        Variable(
            "TRADEMATRIX_REQUIRE_DATABASE",
            "`1`: without `TRADEMATRIX_DATABASE_URL` nothing starts, instead of an embedded server of its own",
            default="`1` in Kubernetes and in [the image](docs/how-to/deploy-containers.md), else `0`",
            example="1",
        ),
    ] = False
    auto_migrate: Annotated[
        _Flag,
        Variable(
            "TRADEMATRIX_AUTO_MIGRATE",
            "`0`: nothing creates a database or changes its schema but `tradematrix migrate`",
            example="0",
        ),
    ] = True
    home: Annotated[
        _Folder,
        Variable(
            "TRADEMATRIX_HOME",
            "folder of embedded data, logs, Dagster's files",
            default="`.tradematrix` in the current folder",
            example="/srv/tradematrix",
        ),
    ] = Field(default_factory=lambda: Path(".tradematrix").absolute())
    dagster_home: Annotated[
        _Folder,
        Variable(
            "DAGSTER_HOME",
            "folder of `dagster.yaml` and of Dagster's own files",
            default="`dagster` in `TRADEMATRIX_HOME`",
            example="/srv/dagster",
        ),
    ] = Field(default_factory=lambda earlier: earlier["home"] / "dagster")
    code_server: Annotated[
        Annotated[str, BeforeValidator(_server)] | None,
        Variable(
            "TRADEMATRIX_CODE_SERVER",
            "`host:port` of `tradematrix serve code-server`, for web UI, daemon and `--submit`",
            default="each starts one of its own",
            example="code-server:4000",
        ),
    ] = None
    code_location: Annotated[
        str,
        BeforeValidator(_location),
        Variable(
            "TRADEMATRIX_CODE_LOCATION",
            "the code location's name in Dagster",
            example="tradematrix",
        ),
    ] = CODE_LOCATION
    launcher: Annotated[
        Literal["processes", "celery"],
        _one_of("processes", "celery"),
        Variable(
            "TRADEMATRIX_LAUNCHER",
            "what carries out the runs of Dagster's queue: `processes` of the code server, or "
            "[Celery workers](docs/how-to/use-celery-workers.md): `celery`",
            example="celery",
        ),
    ] = "processes"
    celery_broker: Annotated[
        Annotated[SecretStr, AfterValidator(_redis)] | None,
        Variable(
            "TRADEMATRIX_CELERY_BROKER",
            "the Redis between Dagster and those workers",
            default="none",
            example="redis://:password@localhost:6379/0",
        ),
    ] = None
    history_start: Annotated[
        date,
        BeforeValidator(_date),
        Variable("TRADEMATRIX_HISTORY_START", "first trade date of the partitions", example="2024-01-02"),
    ] = DEFAULT_HISTORY_START
    weekends: Annotated[
        _Flag,
        Variable(
            "TRADEMATRIX_WEEKENDS",
            "`1`: Saturdays and Sundays are trade dates, for round-the-clock markets",
            example="1",
        ),
    ] = False
    pivot_method: Annotated[
        Method,
        _one_of(*Method),
        Variable(
            "TRADEMATRIX_PIVOT_METHOD",
            f"pivot points that commands show unless asked for others: {', '.join(f'`{name}`' for name in Method)}",
            example="camarilla",
        ),
    ] = Method.CLASSIC
    automation: Annotated[
        _Flag,
        Variable(
            "TRADEMATRIX_AUTOMATION",
            "`0`: no live pulls, closes, healing or alerts; backfills and commands only",
            example="0",
        ),
    ] = True
    verify_credits: Annotated[
        NonNegativeInt,
        BeforeValidator(_count),
        Variable(
            "TRADEMATRIX_VERIFY_CREDITS",
            "credits a day for asking for stored sessions again, to [verify](docs/explanation/verification.md) them; "
            "`0`: none",
            example="100",
        ),
    ] = 20
    keep: Annotated[
        tuple[tuple[Timeframe, timedelta], ...],
        BeforeValidator(_keep),
        Variable(
            "TRADEMATRIX_KEEP",
            "how long candles of a timeframe are kept: `1m=90d,5m=1y`; older ones are "
            "[deleted monthly](docs/how-to/prune.md)",
            default="all, for ever",
            example="1m=90d,5m=1y",
        ),
    ] = ()
    keep_runs: Annotated[
        timedelta,
        BeforeValidator(_span),
        Variable(
            "TRADEMATRIX_KEEP_RUNS",
            "how long Dagster's runs are kept as a whole; of older ones "
            "[what no partition shows](docs/how-to/prune.md#dagsters-runs) is deleted",
            default="`365d`",
            example="90d",
        ),
    ] = timedelta(days=365)
    # Separated by white space: an Apprise URL may contain commas.
    alert_urls: Annotated[
        tuple[SecretStr, ...],
        BeforeValidator(_words),
        Variable(
            "TRADEMATRIX_ALERT_URLS",
            "where to notify of incidents: [Apprise URLs](docs/how-to/alerts.md), separated by spaces; "
            "try them with `tradematrix alerts test`",
            default="nobody is notified",
            example="'mailtos://me:app-password@gmail.com tgram://bot-token/chat-id'",
        ),
    ] = ()
    board_token: Annotated[
        Annotated[SecretStr, AfterValidator(_key)] | None,
        Variable(
            "TRADEMATRIX_BOARD_TOKEN",
            "token that [the board](docs/how-to/use-the-board.md) requires of who asks",
            default="none on loopback; elsewhere one that is made and kept in `TRADEMATRIX_HOME`",
            example="a-long-random-text",
        ),
    ] = None
    board_hosts: Annotated[
        tuple[str, ...],
        BeforeValidator(_names),
        Variable(
            "TRADEMATRIX_BOARD_HOSTS",
            "names that the board is reached by, besides its address and `localhost`; separated by commas",
            default="none",
            example="desk.example.com",
        ),
    ] = ()
    board_url: Annotated[
        Annotated[str, AfterValidator(_web_address)] | None,
        Variable(
            "TRADEMATRIX_BOARD_URL",
            "where people open the board, for links to it in Dagster",
            default="where `up` and `demo` serve it; else no links",
            example="https://desk.example.com",
        ),
    ] = None
    ui_hosts: Annotated[
        tuple[str, ...],
        BeforeValidator(_names),
        Variable(
            "TRADEMATRIX_UI_HOSTS",
            "names that Dagster's web UI is reached by, besides its address and `localhost`; separated by commas",
            default="none",
            example="dagster.example.com",
        ),
    ] = ()
    log_level: Annotated[
        LogLevel,
        _one_of(*get_args(LogLevel)),
        Variable(
            "TRADEMATRIX_LOG_LEVEL",
            "level of the logs: `debug`, `info`, `warning`, `error` or `critical`",
            example="debug",
        ),
    ] = "info"
    log_format: Annotated[
        LogFormat,
        _one_of(*get_args(LogFormat)),
        Variable("TRADEMATRIX_LOG_FORMAT", "`text`, or `json`: an object a line", example="json"),
    ] = "text"
    traces_url: Annotated[
        Annotated[str, AfterValidator(_web_address)] | None,
        Variable(
            "TRADEMATRIX_TRACES_URL",
            "collector of OpenTelemetry's [traces](docs/how-to/watch.md), by OTLP over HTTP (extra `otel`)",
            default="none",
            example="http://127.0.0.1:4318",
        ),
    ] = None
    twelve_data_url: Annotated[
        str,
        AfterValidator(lambda url: url.rstrip("/")),
        Variable(
            "TRADEMATRIX_TWELVE_DATA_URL",
            "where Twelve Data is, e.g. `tradematrix simulate`",
            default="the real one",
            example="http://127.0.0.1:8765",
        ),
    ] = TWELVE_DATA_URL
    clock: Annotated[
        Clock,
        BeforeValidator(_clock),
        Variable(
            "TRADEMATRIX_CLOCK",
            "for trials: a fixed instant (`2026-03-23T00:00:00Z`), or `…*1200` to run 1,200 times as fast",
            default="the real clock",
            example="2026-03-23T00:00:00Z*1200",
        ),
    ] = Field(default_factory=SystemClock)
    # Dagster itself reads this variable. It is declared so that a value which would break Dagster is refused.
    event_batch_size: Annotated[
        NonNegativeInt,
        BeforeValidator(_count),
        Variable(
            "DAGSTER_EVENT_BATCH_SIZE",
            "events that Dagster stores in one batch; `0` stores them one by one, many times slower",
            example=str(_EVENT_BATCH_SIZE),
        ),
    ] = _EVENT_BATCH_SIZE

    @property
    def vendor_name(self) -> str:
        """The vendor that serves candles: the one named, else Twelve Data with a key, else the simulator."""
        return self.vendor or ("twelve_data" if self.twelve_data_key else "simulator")


def _declared(field: FieldInfo) -> Variable:
    (variable,) = (entry for entry in field.metadata if isinstance(entry, Variable))
    return variable if variable.default else replace(variable, default=f"`{_written(field.default)}`")


def _written(value: Any) -> str:
    """Return a value as its variable would have it; ``***`` in place of what is secret."""
    match value:
        case None:
            text = ""
        case SecretStr():
            text = "***"
        case bool():
            text = "1" if value else "0"
        case timedelta():
            text = f"{value.days}d"
        case (Timeframe() as name, timedelta() as span):
            text = f"{name}={span.days}d"
        case tuple():
            text = (" " if SecretStr in map(type, value) else ",").join(map(_written, value))
        case str():
            text = re.sub(r"//[^/@]*@", "//***@", value)
        case Path() | date() | int():
            text = str(value)
        case _:
            text = format_clock(value)
    return text


VARIABLES: Mapping[str, Variable] = {name: _declared(field) for name, field in Settings.model_fields.items()}
"""The variable of each field of :class:`Settings`, with its default."""


def read_env_file() -> frozenset[str]:
    """Add the variables of the current folder's ``.env``, read as Dagster reads it; those already set stay.

    Returns:
        The names of the variables that were added.

    Raises:
        UsageError: it can't be read.
    """
    added = {name: value for name, value in _env_file().items() if name not in os.environ}
    os.environ.update(added)
    return frozenset(added)


def read_settings() -> Settings:
    """Return the settings of the environment and the current folder's ``.env``, and leave the environment as it is.

    Raises:
        UsageError: as :func:`load_settings` and :func:`read_env_file`.
    """
    return load_settings({**_env_file(), **os.environ})


def _env_file() -> dict[str, str]:
    try:
        values = dotenv_values(".env")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read {Path('.env').absolute()} ({error}): make it readable, or remove it") from None
    return {name: value for name, value in values.items() if value is not None}


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environ`` (the process's environment when ``None``). Blank is unset.

    Raises:
        UsageError: a value has the wrong form, or the file of a secret can't be used; the message names the variable
            and the right form.
    """
    given = _texts(environ)
    texts = _implied(given) | given | _from_files(given)
    try:
        return Settings.model_validate({field: texts[v.name] for field, v in VARIABLES.items() if v.name in texts})
    except ValidationError as error:
        raise UsageError(_refusal(error, texts)) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingInForce:
    """What a setting is now.

    Attributes:
        variable: how it is set, and what it means.
        value: as its variable would have it, ``***`` where it is secret; ``None`` where the default is no value.
        origin: ``environment``, ``.env``, ``file`` (the secret lies in one) or ``default``.
    """

    variable: Variable
    value: str | None
    origin: str


def settings_in_force(settings: Settings, *, from_file: Collection[str] = ()) -> list[SettingInForce]:
    """Return all settings, as they were loaded from this process's environment.

    Args:
        from_file: the variables that :func:`read_env_file` added.
    """
    given = _texts(None)
    values = {**dict(settings), "vendor": settings.vendor_name}

    def origin(name: str) -> str:
        if name in given:
            return ".env" if name in from_file else "environment"
        return "file" if name in SECRETS and name + _FILE_SUFFIX in given else "default"

    return [
        SettingInForce(variable=variable, value=_written(values[field]) or None, origin=origin(variable.name))
        for field, variable in VARIABLES.items()
    ]


def unknown_variables(environ: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Return the variables that look like settings but are none, and the setting that each resembles, if any.

    A misspelt variable has no effect, so that only a look at the names can tell. The tests' own are left out.
    """
    names = [*(v.name for v in VARIABLES.values()), *(name + _FILE_SUFFIX for name in SECRETS)]
    known = {name: name for name in names}
    # The common beginning would make any two of them alike.
    short = {name.removeprefix("TRADEMATRIX_"): name for name in known}
    unknown: dict[str, str | None] = {}
    for name in sorted(_texts(environ)):
        upper = name.upper()
        ours = upper.startswith(("TRADEMATRIX_", "TWELVE_DATA_", "TWELVEDATA_"))
        if ours and name not in known and not name.startswith("TRADEMATRIX_TEST_"):
            close = get_close_matches(upper.removeprefix("TRADEMATRIX_"), short, n=1)
            unknown[name] = short[close[0]] if close else None
    return unknown


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for a child process with the same settings, whatever its working directory.

    Folders are absolute, and a fast clock keeps its start, so that all processes agree on the time.
    """
    fixed = {
        "TRADEMATRIX_HOME": str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
        "TRADEMATRIX_CLOCK": format_clock(settings.clock),
        "TRADEMATRIX_HISTORY_START": settings.history_start.isoformat(),
    }
    if settings.board_url is not None:
        fixed["TRADEMATRIX_BOARD_URL"] = settings.board_url
    if settings.files_dir is not None:
        fixed["TRADEMATRIX_FILES_DIR"] = str(settings.files_dir)
    for name in (name + _FILE_SUFFIX for name in SECRETS):
        if text := os.environ.get(name, "").strip():
            fixed[name] = str(Path(text).absolute())
    return {**_DAGSTER, **os.environ, **fixed}


def set_dagster_variables() -> None:
    """Make this process's Dagster store events in batches and retry backfills, unless its environment says otherwise.

    Dagster takes these options from variables only, and reads them when it needs them: it is soon enough to set them
    when its storage is opened.
    """
    for name, value in _DAGSTER.items():
        os.environ.setdefault(name, value)


def _texts(environ: Mapping[str, str] | None) -> dict[str, str]:
    given = os.environ if environ is None else environ
    return {name: text.strip() for name, text in given.items() if text.strip()}


def _implied(given: Mapping[str, str]) -> dict[str, str]:
    """Return what follows from where this process runs: a pod that starts a server of its own loses what is stored."""
    return {VARIABLES["require_database"].name: "1"} if _KUBERNETES in given else {}


def _from_files(given: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that lie in files, by variable."""
    return {
        name: _secret_in(name, given[name + _FILE_SUFFIX], twice=name in given)
        for name in SECRETS
        if name + _FILE_SUFFIX in given
    }


def _secret_in(name: str, path: str, *, twice: bool) -> str:
    """Return the content of a secret's file. An empty one is refused: it would be another installation without error.

    Raises:
        UsageError: there are two sources, or the file can't be read or is empty.
    """
    variable = name + _FILE_SUFFIX
    if twice:
        raise UsageError(f"{name} and {variable} are both set: unset one of them")
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text, or no path"
        raise UsageError(f"{variable}={path!r} can't be read ({reason}): name a file that this user may read") from None
    if not text:
        raise UsageError(f"{variable}={path!r} is empty: write the secret into it, or unset {variable}")
    return text


def _refusal(error: ValidationError, texts: Mapping[str, str]) -> str:
    """Say in one line what is wrong with the first value that is; a secret is not repeated."""
    first = error.errors()[0]
    field = str(first["loc"][0])
    name = VARIABLES[field].name
    reason = first.get("ctx", {}).get("error") or f"is not valid ({first['msg']})"
    secret = _is_secret(Settings.model_fields[field].annotation)
    return f"{name} {reason}" if secret else f"{name}={texts[name]!r} {reason}"


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))


SECRETS = frozenset(
    VARIABLES[name].name for name, field in Settings.model_fields.items() if _is_secret(field.annotation)
)
"""The variables of secrets; each may lie in a file, which the variable with ``_FILE`` appended names."""
