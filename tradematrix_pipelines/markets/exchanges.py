"""Session calendars of exchanges, from the ``exchange_calendars`` package.

Here: the only use of that package. It takes most of a second to import, so it is imported when something is first
asked for that ``precomputed`` does not know. As a program (``make sessions``) it writes what that reads.
"""

import json
import warnings
from collections.abc import Iterable
from datetime import UTC, date, datetime
from importlib.metadata import version
from threading import Lock
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets import precomputed
from tradematrix_pipelines.markets.session_table import EARLIEST, LATEST, TableCalendar
from tradematrix_pipelines.markets.sessions import Session

if TYPE_CHECKING:
    import pandas as pd
    from exchange_calendars import ExchangeCalendar

# A year within the bounds of every calendar of the package, used to read zone and bounds.
_PROBE = (date(2024, 1, 1), date(2024, 12, 31))
# The package is used by one thread at a time: its caches and the warning filter belong to the process.
_PACKAGE = Lock()


class BrokenCalendar(UsageError):
    """A calendar that the package knows by name and fails to make."""


_LISTED_IN_NEW_YORK = {"XNAS", "XNGS", "XNMS", "XNCM", "XASE", "ARCX", "BATS"}
"""Segments and venues with the hours of the New York Stock Exchange."""


def calendar_of_exchange(code: str) -> str | None:
    """Return the name of the calendar that fits an exchange's market identifier code (ISO 10383), if there is one."""
    name = "XNYS" if code.upper() in _LISTED_IN_NEW_YORK else code.upper()
    return name if name in exchange_names() else None


def exchange_names() -> list[str]:
    """Return the names of all exchange calendars, aliases included (``XETR``, ``XNYS``, ``NYSE``, ``24/7``)."""
    return precomputed.exchange_names() or list(_canonical_names())


def _canonical_names() -> dict[str, str]:
    """Return the name of the calendar behind each of the package's names and aliases."""
    import exchange_calendars  # noqa: PLC0415 - slow to import, and seldom needed

    names = exchange_calendars.get_calendar_names(include_aliases=True)
    return {name: exchange_calendars.resolve_alias(name) for name in names}


def exchange_calendar(name: str) -> TableCalendar:
    """Return the calendar of one of :func:`exchange_names`, from 1990 on where the package's bounds allow.

    Raises:
        BrokenCalendar: the package fails to make it.
    """
    known = precomputed.precomputed(name)
    if known is not None:
        return TableCalendar(
            name=name,
            timezone=known.timezone,
            source=lambda first, last: (
                known.sessions(first, last) if known.covers(first, last) else _sessions(name, first, last)
            ),
            first_date=known.first_date,
            last_date=known.last_date,
        )
    return packaged_calendar(name)


def packaged_calendar(name: str) -> TableCalendar:
    """Return what :func:`exchange_calendar` does, from the package alone.

    Raises:
        BrokenCalendar: the package fails to make it.
    """
    probe = _from_package(name, *_PROBE)
    earliest, latest = probe.bound_min(), probe.bound_max()
    return TableCalendar(
        name=name,
        timezone=ZoneInfo(str(probe.tz)),
        source=lambda first, last: _sessions(name, first, last),
        first_date=EARLIEST if earliest is None else max(EARLIEST, earliest.date()),
        last_date=LATEST if latest is None else min(LATEST, latest.date()),
    )


def _sessions(name: str, first: date, last: date) -> list[Session]:
    return _as_sessions(_from_package(name, first, last).schedule)


def _from_package(name: str, first: date, last: date) -> "ExchangeCalendar":
    import exchange_calendars  # noqa: PLC0415 - slow to import, and seldom needed

    with _PACKAGE, warnings.catch_warnings():
        # The package (4.13) still uses what pandas 3.1 deprecates, and slow offsets: the caller can't change that.
        warnings.simplefilter("ignore")
        try:
            return exchange_calendars.get_calendar(name, start=first, end=last)
        except (ValueError, NotImplementedError) as fault:
            # Seen with pandas 3.1: its Orthodox Easter and special weekmasks fail (Athens, Tel Aviv and three more).
            raise BrokenCalendar(
                f"the installed exchange_calendars cannot make calendar {name} ({type(fault).__name__}): "
                "use another calendar, or another version of exchange_calendars or pandas"
            ) from fault


def _as_sessions(schedule: "pd.DataFrame") -> list[Session]:
    """Turn the package's schedule (index: trade date; open, break_start, break_end, close in UTC) into sessions."""
    dates = [day.date() for day in schedule.index]
    columns = (_instants(schedule[name]) for name in ("open", "close", "break_start", "break_end"))
    return [Session(*row) for row in zip(dates, *columns, strict=True)]


def _instants(column: "pd.Series[pd.Timestamp]") -> Iterable[datetime | None]:
    naive: list[datetime | None] = column.dt.tz_convert(None).to_numpy("datetime64[us]").astype(object).tolist()
    return (None if moment is None else moment.replace(tzinfo=UTC) for moment in naive)


def precompute() -> None:
    """Write the file of ``precomputed`` anew, from the installed version of the package."""
    exchanges = {}
    for name in precomputed.EXCHANGES:
        calendar = packaged_calendar(name)
        sessions = calendar.sessions(date(precomputed.FIRST_YEAR, 1, 1), date(precomputed.LAST_YEAR, 12, 31))
        exchanges[name] = {
            "timezone": str(calendar.timezone),
            "first_date": str(calendar.first_date),
            "last_date": str(calendar.last_date),
            **precomputed.encode(sessions, calendar.timezone),
        }
    content = {"version": version(precomputed.PACKAGE), "names": _canonical_names(), "exchanges": exchanges}
    precomputed.FILE.write_text(json.dumps(content, indent=0) + "\n")


if __name__ == "__main__":
    precompute()
