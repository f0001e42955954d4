"""The session calendar of spot FX and metals, which trade on no exchange.

Sessions run from 17:00 to 17:00 New York time, Sunday evening to Friday, and are named by the date on which they
close (Monday to Friday). There is none on Christmas Day and New Year's Day. Sparse trading around other holidays, and
the hour after 17:00 in which metals pause, are a matter of coverage, not of the calendar.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tradematrix_pipelines.markets.session_table import EARLIEST, LATEST, TableCalendar
from tradematrix_pipelines.markets.sessions import Session

FX = "FX"
NEW_YORK = ZoneInfo("America/New_York")
_TURN = time(17)
_SATURDAY = 5
_HOLIDAYS = {(1, 1), (12, 25)}


def fx_calendar() -> TableCalendar:
    """Return the calendar named ``FX``."""
    return TableCalendar(name=FX, timezone=NEW_YORK, source=_sessions, first_date=EARLIEST, last_date=LATEST)


def _sessions(first: date, last: date) -> list[Session]:
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return [
        Session(trade_date=day, opens_at=_turn(day - timedelta(days=1)), closes_at=_turn(day))
        for day in days
        if day.weekday() < _SATURDAY and (day.month, day.day) not in _HOLIDAYS
    ]


def _turn(day: date) -> datetime:
    return datetime.combine(day, _TURN, NEW_YORK).astimezone(UTC)
