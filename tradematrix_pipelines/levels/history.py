"""Which stored daily bars a day's levels may be computed from.

A gap in the history must not pass silently: 14 ranges over 20 days are not an ATR-14, and a week without its Thursday
has no known high. So only the unbroken run of sessions up to the previous one is used.

Here: which bars are used. Not here: the arithmetic (``daily``).
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tradematrix_pipelines.levels.daily import DailyLevels, daily_levels
from tradematrix_pipelines.markets.calendars import SessionCalendar

if TYPE_CHECKING:  # see candles.frame
    import pandas as pd

HISTORY_SPAN = timedelta(days=40)
"""How far back the unbroken run may reach: more than any level needs."""


REACH = 15
"""Sessions that levels come from: those of ATR-14, and of the week before."""


def levels_for(trade_date: date, *, bars: "pd.DataFrame", calendar: SessionCalendar) -> DailyLevels | None:
    """Return the levels to trade ``trade_date`` with, or ``None`` when the session before it is not in ``bars``.

    ``atr_14`` is ``None`` when one of the last 15 sessions is not in ``bars``; the previous week's range when a session
    of that week is not.

    Args:
        trade_date: the session to come.
        bars: complete, finished daily bars: ``trade_date`` (``datetime.date``), open, high, low, close, ascending.
        calendar: the symbol's.
    """
    run = _unbroken_run(set(bars["trade_date"]), trade_date, calendar)
    if not run:
        return None
    levels = daily_levels(bars[bars["trade_date"].isin(run)], trade_date)
    monday = trade_date - timedelta(days=trade_date.weekday() + 7)
    week = calendar.sessions(monday, monday + timedelta(days=6))
    if all(session.trade_date in run for session in week):
        return levels
    return replace(levels, prev_week_high=None, prev_week_low=None)


def _unbroken_run(have: set[date], trade_date: date, calendar: SessionCalendar) -> set[date]:
    run: set[date] = set()
    for session in reversed(calendar.sessions(trade_date - HISTORY_SPAN, trade_date - timedelta(days=1))):
        if session.trade_date not in have:
            break
        run.add(session.trade_date)
    return run
