"""Why a trade date has no levels, and when they come. Pure.

Here: the sentence, from the calendar and what is stored of the session before. Not here: the levels (``levels``), or
who computes them when (``backlog``).
"""

from datetime import date, datetime

from tradematrix_pipelines.automation.backlog import SETTLING
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.markets.calendars import SessionCalendar, calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol

_SATURDAY = 5


def why_absent(symbol: Symbol, day: date, *, row: StoredCoverage | None, now: datetime) -> str:
    """Return one line that says why there are no levels to trade ``day`` with, and what brings them.

    Args:
        row: coverage of the daily candles of the session before ``day``, where there is any.
        now: aware.
    """
    calendar = calendar_of(symbol)
    if calendar.session(day) is None:
        return _closed(symbol, day, calendar)
    previous = calendar.previous(day)
    if now < previous.closes_at + SETTLING:
        return f"after the close of {_day(previous.trade_date, now)}, about {_utc(previous.closes_at + SETTLING, now)}"
    return _unusable(symbol, previous, row, now)


def _unusable(symbol: Symbol, previous: Session, row: StoredCoverage | None, now: datetime) -> str:
    session = f"session {previous.trade_date}"
    if row is None:
        return f"its {session} is not stored: run `tradematrix backfill {symbol.name} --from {previous.trade_date}`"
    if row.coverage.is_pruned:
        return f"its {session} can't be used: {row.coverage.reason()}"
    if row.coverage.is_doubtful:
        return f"its {session} is {row.coverage.reason()}. {_accept(symbol, previous.trade_date)}"
    if not row.coverage.ok:
        return f"its {session} can't be used: {row.coverage.reason()}"
    if not row.coverage.final:
        return f"its {session} was still open when it was fetched at {_utc(row.checked_at, now)}: fetch it again"
    return f"not computed yet: run `tradematrix backfill {symbol.name} --from {previous.trade_date} --timeframe 1d`"


def _closed(symbol: Symbol, day: date, calendar: SessionCalendar) -> str:
    what = f"a {day:%A}" if day.weekday() >= _SATURDAY else f"a holiday of {symbol.calendar}"
    return f"{what}: no session; the next is {calendar.next(day).trade_date:%a %Y-%m-%d}"


def _accept(symbol: Symbol, day: date) -> str:
    return (
        f"If it is right, `tradematrix accept {symbol.name} {day} --reason …`; `tradematrix backfill {symbol.name} "
        f"--from {day} --to {day} --allow-doubtful` publishes its levels with a mark"
    )


def _day(day: date, now: datetime) -> str:
    return "today" if day == now.date() else f"{day:%a %Y-%m-%d}"


def _utc(moment: datetime, now: datetime) -> str:
    return f"{moment:%H:%M} UTC" if moment.date() == now.date() else f"{moment:%a %Y-%m-%d %H:%M} UTC"
