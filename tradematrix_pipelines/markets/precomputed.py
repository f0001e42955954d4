"""Sessions of much-used exchanges, precomputed from one version of the ``exchange_calendars`` package.

The package takes a second of CPU to import and to make two calendars, in every command and every run. So
``exchange_sessions.json`` holds what it answers, for the version that it names and for no other: where another version
is installed, the package is asked. Here: the form of that file. Not here: asking the package, also for that file
(``exchanges``).

In the file a year of an exchange is a text of one letter a day: a dot where it is closed, else the name of that day's
hours, which are minutes of the exchange's wall clock after midnight of the trade date.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.metadata import version
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tradematrix_pipelines.markets.sessions import Session

PACKAGE = "exchange_calendars"
FIRST_YEAR, LAST_YEAR = 2000, 2035
EXCHANGES = (
    *("XETR", "XFRA", "XNYS", "XLON", "XPAR", "XAMS", "XSWX", "XMIL", "XMAD", "XSTO", "XTSE", "XTKS", "XHKG", "XASX"),
    *("CMES", "us_futures", "24/7"),
)
FILE = Path(__file__).with_name("exchange_sessions.json")
_CLOSED, _FIRST_LETTER = ".", ord("a")
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)

_Hours = tuple[int, int, int | None, int | None]
"""Open, close, start and end of the break, in minutes after midnight; ``None`` without a break."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Precomputed:
    """The sessions of one exchange from FIRST_YEAR to LAST_YEAR.

    Attributes:
        timezone: zone of the exchange's wall clock.
        first_date: first date that the package covers.
        last_date: last date that the package covers.
    """

    timezone: ZoneInfo
    first_date: date
    last_date: date
    _hours: Mapping[str, _Hours]
    _years: Mapping[str, str]

    def covers(self, first: date, last: date) -> bool:
        """Whether :meth:`sessions` knows these dates."""
        return first.year >= FIRST_YEAR and last.year <= LAST_YEAR

    def sessions(self, first: date, last: date) -> list[Session]:
        """Return the sessions with trade dates in an inclusive range that it :meth:`covers`, ascending."""
        found = []
        for year in range(first.year, last.year + 1):
            new_year = date(year, 1, 1)
            for number, letter in enumerate(self._years[str(year)]):
                if letter != _CLOSED and first <= (day := new_year + number * _DAY) <= last:
                    found.append(self._session(day, *self._hours[letter]))
        return found

    def _session(self, day: date, opens: int, closes: int, pause: int | None, end: int | None) -> Session:
        midnight = datetime.combine(day, time(), self.timezone)

        def instant(minutes: int) -> datetime:
            return (midnight + minutes * _MINUTE).astimezone(UTC)

        without_break = Session(day, instant(opens), instant(closes))
        if pause is None or end is None:
            return without_break
        return replace(without_break, break_starts_at=instant(pause), break_ends_at=instant(end))


@cache
def _read() -> dict[str, Any] | None:
    """Return the file's content, or ``None`` where it is of another version of the package."""
    content: dict[str, Any] = json.loads(FILE.read_text())
    return content if content["version"] == version(PACKAGE) else None


def exchange_names() -> list[str] | None:
    """Return the names of all calendars of the package; ``None`` where another version of it is installed."""
    content = _read()
    return None if content is None else list(content["names"])


def precomputed(name: str) -> Precomputed | None:
    """Return the sessions of the exchange of this name or alias.

    ``None`` where they are not in the file, or where that is of another version of the package.
    """
    content = _read()
    entry = None if content is None else content["exchanges"].get(content["names"].get(name))
    if entry is None:
        return None
    return Precomputed(
        timezone=ZoneInfo(entry["timezone"]),
        first_date=date.fromisoformat(entry["first_date"]),
        last_date=date.fromisoformat(entry["last_date"]),
        _hours={letter: tuple(hours) for letter, hours in entry["hours"].items()},
        _years=entry["years"],
    )


def encode(sessions: Iterable[Session], timezone: ZoneInfo) -> dict[str, Any]:
    """Return an exchange's hours and years as the file has them, from its sessions of FIRST_YEAR to LAST_YEAR."""
    letters: dict[_Hours, str] = {}
    names = map(chr, count(_FIRST_LETTER))
    by_date = {session.trade_date: session for session in sessions}
    years: dict[str, str] = {}
    for new_year, next_year in pairwise(date(year, 1, 1) for year in range(FIRST_YEAR, LAST_YEAR + 2)):
        text = ""
        for day in (new_year + number * _DAY for number in range((next_year - new_year).days)):
            session = by_date.get(day)
            if session is None:
                text += _CLOSED
                continue
            hours = _wall_minutes(session, timezone)
            if hours not in letters:
                letters[hours] = next(names)
            text += letters[hours]
        years[str(new_year.year)] = text
    return {"hours": {letter: hours for hours, letter in letters.items()}, "years": years}


def _wall_minutes(session: Session, timezone: ZoneInfo) -> _Hours:
    midnight = datetime.combine(session.trade_date, time())

    def minutes(moment: datetime) -> int:
        return (moment.astimezone(timezone).replace(tzinfo=None) - midnight) // _MINUTE

    pause = (session.break_starts_at, session.break_ends_at)
    starts, ends = (None if moment is None else minutes(moment) for moment in pause)
    return minutes(session.opens_at), minutes(session.closes_at), starts, ends
