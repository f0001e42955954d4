"""When markets trade: the session calendar protocol, and the calendar of a symbol.

Here: the protocol, :func:`calendar_of`, which everything that is about a symbol asks, and :func:`get_calendar`, which
knows nothing of a user's corrections. Not here: where the sessions come from (``named_hours`` for spot FX, metals and
index CFDs, ``exchanges`` for exchanges, ``hours`` for a user's own), nor what a session is (``sessions``).
"""

from datetime import date, datetime, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.corrections import Correction, corrected
from tradematrix_pipelines.markets.exchanges import exchange_calendar, exchange_names
from tradematrix_pipelines.markets.hours import CLOSED, USUAL, Day, DefinedHours, Hours
from tradematrix_pipelines.markets.named_hours import NAMED, named_calendar
from tradematrix_pipelines.markets.session_table import EARLIEST, LATEST, TableCalendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol

_SATURDAY = 5
_SAMPLE_WEEKS = date(2026, 1, 5), date(2026, 2, 1)


class UnknownCalendar(UsageError):
    """No calendar has this name."""


class SessionCalendar(Protocol):
    """The sessions of one market. Every method is a look-up, safe from several threads.

    Dates before or after what the calendar knows raise ``session_table.BeyondCalendar`` (a :class:`UsageError`).
    """

    @property
    def name(self) -> str:
        """The name that it was requested by."""
        ...

    @property
    def timezone(self) -> ZoneInfo:
        """Zone of the exchange's wall clock."""
        ...

    def session(self, trade_date: date) -> Session | None:
        """Return the session of this trade date, or ``None`` when the market is closed."""
        ...

    def sessions(self, first: date, last: date) -> list[Session]:
        """Return the sessions with trade dates from ``first`` to ``last``, both included, ascending."""
        ...

    def previous(self, trade_date: date) -> Session:
        """Return the last session strictly before this date."""
        ...

    def next(self, trade_date: date) -> Session:
        """Return the first session strictly after this date."""
        ...

    def at(self, instant: datetime) -> Session | None:
        """Return the session that contains this aware instant (its close not included, a midday break included)."""
        ...


def last_closed(calendar: SessionCalendar, at: datetime) -> Session:
    """Return the last session that has closed at ``at`` (aware)."""
    # A session is named by the day on which it closes, which may be the day after the date in UTC.
    session = calendar.previous(at.date() + timedelta(days=2))
    while session.closes_at > at:
        session = calendar.previous(session.trade_date)
    return session


def calendar_names() -> list[str]:
    """Return every name that :func:`get_calendar` knows, sorted."""
    return sorted([*NAMED, *exchange_names()])


def calendar_of(symbol: Symbol) -> SessionCalendar:
    """Return the calendar of a symbol, with the user's corrections laid over.

    Raises:
        UnknownCalendar: as :func:`get_calendar`.
        BrokenCalendar: as :func:`get_calendar`.
    """
    return build_calendar(symbol.calendar, hours=symbol.hours, corrections=symbol.corrections)


@lru_cache(maxsize=256)
def build_calendar(
    name: str, *, hours: DefinedHours | None = None, corrections: tuple[Correction, ...] = ()
) -> TableCalendar:
    """Return the calendar of this name, with a user's hours and corrections.

    Args:
        hours: where the user defined the calendar; ``None`` for one of :func:`get_calendar`.
        corrections: at most one a trade date.
    """
    calendar = get_calendar(name) if hours is None else _defined_calendar(name, hours)
    return corrected(calendar, corrections) if corrections else calendar


@cache
def get_calendar(name: str) -> TableCalendar:
    """Return the calendar of this name: ``FX``, ``METALS``, ``DE40`` …, or an exchange's code (``XETR``, ``24/7``).

    Raises:
        UnknownCalendar: there is no such calendar; the message suggests close names and lists all.
        BrokenCalendar: the name is known, but the package fails to make the calendar.
    """
    if name in NAMED:
        return named_calendar(name)
    names = calendar_names()
    if name not in names:
        close = get_close_matches(name.upper(), names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise UnknownCalendar(f"no session calendar is named {name!r}: {hint}There are {', '.join(names)}")
    return exchange_calendar(name)


def _defined_calendar(name: str, hours: DefinedHours) -> TableCalendar:
    holidays = None if hours.holidays is None else get_calendar(hours.holidays)

    def rule(day: date) -> Day:
        return CLOSED if holidays is not None and holidays.session(day) is None else USUAL

    return TableCalendar(
        name=name,
        timezone=hours.closes.zone,
        source=Hours(hours.opens, hours.closes, rule, hours.pause).sessions,
        first_date=EARLIEST if holidays is None else holidays.first_date,
        last_date=LATEST if holidays is None else holidays.last_date,
    )


def trades_on_weekends(calendar: SessionCalendar) -> bool:
    """Whether Saturdays or Sundays are trade dates of this market: crypto, and the Sundays of some exchanges."""
    return any(session.trade_date.weekday() >= _SATURDAY for session in calendar.sessions(*_SAMPLE_WEEKS))
