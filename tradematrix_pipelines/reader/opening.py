"""Opening the market database to read it, and what a caller says of symbols and times.

Here: connections that are kept for several calls, and arguments that are the same for all functions of the reader. Not
here: what is read.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pydantic import SecretStr

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.settings import Settings, read_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.refusals import plain_refusals
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols

Moment = date | datetime | str
"""A trade date, an aware instant, or either as ISO text."""

_LONGEST_DATE = len("2026-11-20")


@dataclass(frozen=True, slots=True)
class _Connected:
    url: str | None
    settings: Settings
    database: Database


_connected: ContextVar[_Connected | None] = ContextVar("connected", default=None)


@contextmanager
def connected(url: str | None = None) -> Iterator[None]:
    """Keep the connections open for all calls in the block: for loops, where opening them takes longer than reading.

    It counts for the thread that enters it; others open their own. A connection that is lost fails one call.

    Args:
        url: the database that calls without one read; ``None`` = that of the settings.

    Raises:
        TradeMatrixError: there is none, or its server can't be reached.
    """
    settings = _settings(url)
    with plain_refusals():
        database = Database.read_only(settings)
    with database:
        token = _connected.set(_Connected(url, settings, database))
        try:
            yield
        finally:
            _connected.reset(token)


@contextmanager
def open_to_read(url: str | None) -> Iterator[tuple[Settings, Database]]:
    """Open the database of ``url``, else of the block that keeps one open, else of the settings.

    Errors of its drivers become one line.
    """
    kept = _connected.get()
    if kept is not None and url in {None, kept.url}:
        with plain_refusals():
            try:
                yield kept.settings, kept.database
            except BaseException:
                kept.database.candles.close()  # it may be what has failed; the next call opens another
                raise
        return
    settings = _settings(url)
    with plain_refusals(), Database.read_only(settings) as database:
        yield settings, database


def _settings(url: str | None) -> Settings:
    settings = read_settings()
    return settings if url is None else settings.model_copy(update={"database_url": SecretStr(url)})


def select_symbols(database: Database, names: str | Iterable[str] | None) -> list[Symbol]:
    """Return the symbols of these names, in their order; ``None`` = all active ones.

    Raises:
        UsageError: one is not stored; the message lists those that are.
    """
    if names is None:
        return read_symbols(database.engine)
    return find_symbols(database.engine, [names] if isinstance(names, str) else names, only_active=False)


def parse_moment(value: Moment | None, name: str) -> date | datetime | None:
    """Return a trade date as ``date``, an instant as an aware ``datetime`` in UTC.

    Raises:
        UsageError: it is neither, or an instant without a zone.
    """
    if isinstance(value, str):
        value = _parse_text(value, name)
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise UsageError(f"{name}={value} has no zone: give a date, or an instant like 2026-11-20T08:00Z")
    return value.astimezone(UTC)


def parse_date(value: Moment | None, name: str) -> date | None:
    """Return a trade date.

    Raises:
        UsageError: it is none.
    """
    moment = parse_moment(value, name)
    if isinstance(moment, datetime):
        raise UsageError(f"{name}={value} is an instant: give the trade date, like {moment.date()}")
    return moment


def parse_instant(value: datetime | str | None, name: str, now: datetime) -> datetime | None:
    """Return an instant that is not to come.

    Raises:
        UsageError: it is none, or later than ``now``.
    """
    moment = parse_moment(value, name)
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise UsageError(f"{name}={value} is a date: give an instant like {moment}T08:00Z")
    if moment > now:
        raise UsageError(f"{name}={value} is still to come: it is {now:%Y-%m-%dT%H:%MZ}")
    return moment


def _parse_text(text: str, name: str) -> date | datetime:
    try:
        return date.fromisoformat(text) if len(text) <= _LONGEST_DATE else datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name}={text!r} is no time: write 2026-11-20, or 2026-11-20T08:00Z") from None
