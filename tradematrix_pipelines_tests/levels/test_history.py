"""Which sessions a day's levels are computed from. Holidays are the exchanges' of 2026."""

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest

from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.history import levels_for
from tradematrix_pipelines.markets.calendars import get_calendar

MONDAY = date(2026, 11, 23)


def stored(first: date, last: date, *, without: tuple[date, ...] = ()) -> pd.DataFrame:
    """Return bars of Xetra's sessions whose range is 2 around a price that rises by 1 each day of the year."""
    sessions = get_calendar("XETR").sessions(first, last)
    days = [session.trade_date for session in sessions if session.trade_date not in without]
    rows = [(day, n, n + 1.0, n - 1.0, n) for day in days for n in [float(day.timetuple().tm_yday)]]
    return pd.DataFrame(rows, columns=["trade_date", "open", "high", "low", "close"])


def levels(bars: pd.DataFrame, trade_date: date = MONDAY) -> DailyLevels:
    computed = levels_for(trade_date, bars=bars, calendar=get_calendar("XETR"))
    assert computed is not None
    return computed


def test_a_whole_history_has_all_levels() -> None:
    # Friday, 20 November, is day 324 of the year, and Monday of its week day 320.
    assert levels(stored(date(2026, 10, 1), date(2026, 11, 20))) == DailyLevels(
        trade_date=MONDAY,
        y_trade_date=date(2026, 11, 20),
        y_open=324,
        y_high=325,
        y_low=323,
        y_close=324,
        prev_week_high=325,
        prev_week_low=319,
        # Of the last 14 sessions, two follow a weekend: 3 days up, so a range of 4 (high 1 above); the others have 2.
        atr_14=pytest.approx((12 * 2 + 2 * 4) / 14),
    )


def test_without_the_session_before_there_are_none() -> None:
    bars = stored(date(2026, 10, 1), date(2026, 11, 19))
    assert levels_for(MONDAY, bars=bars, calendar=get_calendar("XETR")) is None
    assert levels(bars, date(2026, 11, 20)).y_trade_date == date(2026, 11, 19)
    assert levels_for(MONDAY, bars=bars[:0], calendar=get_calendar("XETR")) is None


def test_bars_of_the_day_itself_and_later_do_not_count() -> None:
    whole = levels(stored(date(2026, 10, 1), date(2026, 11, 20)))
    assert levels(stored(date(2026, 10, 1), date(2026, 11, 27))) == whole


@pytest.mark.parametrize(
    ("absent", "has_week", "has_atr"),
    [
        (date(2026, 11, 16), False, False),  # Monday of the previous week
        (date(2026, 11, 19), False, False),  # its Thursday
        (date(2026, 11, 13), True, False),  # the Friday before
        (date(2026, 11, 2), True, False),  # the 15th session, whose close the first of 14 ranges begins with
        (date(2026, 10, 30), True, True),  # the 16th
    ],
)
def test_a_level_that_needs_an_absent_session_is_left_out(absent: date, *, has_week: bool, has_atr: bool) -> None:
    whole = levels(stored(date(2026, 10, 1), date(2026, 11, 20)))
    expected = whole if has_week else replace(whole, prev_week_high=None, prev_week_low=None)
    expected = expected if has_atr else replace(expected, atr_14=None)
    assert levels(stored(date(2026, 10, 1), date(2026, 11, 20), without=(absent,))) == expected


def test_the_current_weeks_sessions_belong_to_no_previous_week() -> None:
    # On Wednesday the previous week is the one before this: 9 to 13 November, days 313 to 317.
    computed = levels(stored(date(2026, 11, 9), date(2026, 11, 17)), date(2026, 11, 18))
    assert (computed.prev_week_low, computed.prev_week_high) == (312, 318)
    later = levels(stored(date(2026, 11, 10), date(2026, 11, 17)), date(2026, 11, 18))
    assert (later.prev_week_low, later.prev_week_high) == (None, None)


def test_closed_days_are_no_gaps() -> None:
    # Good Friday and Easter Monday: Thursday, 2 April, is the session before Tuesday, 7 April.
    easter = levels(stored(date(2026, 3, 2), date(2026, 4, 2)), date(2026, 4, 7))
    assert easter.y_trade_date == date(2026, 4, 2)
    assert easter.atr_14 is not None
    # The previous week is that of 30 March, days 89 to 92.
    assert (easter.prev_week_low, easter.prev_week_high) == (88, 93)


def test_a_week_of_crypto_is_from_monday_to_sunday() -> None:
    # The history begins with Monday, 9 November; the price of each day is the day of the month.
    days = [date(2026, 11, 9) + timedelta(days=n) for n in range(9)]
    rows = [(day, n, n + 1.0, n - 1.0, n) for day in days for n in [float(day.day)]]
    bars = pd.DataFrame(rows, columns=["trade_date", "open", "high", "low", "close"])
    computed = levels_for(date(2026, 11, 18), bars=bars, calendar=get_calendar("24/7"))
    assert computed is not None
    assert (computed.prev_week_low, computed.prev_week_high) == (8, 16)


def test_levels_of_a_weekend_are_those_of_its_week() -> None:
    # Crypto trades on it; so may whoever asks for a Sunday.
    sunday = levels(stored(date(2026, 11, 9), date(2026, 11, 20)), MONDAY - timedelta(days=1))
    assert (sunday.prev_week_low, sunday.prev_week_high) == (312, 318)
