"""Daily levels: by hand, and against a plain-Python computation over five years of a real ETF."""

import csv
from dataclasses import fields
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from tradematrix_pipelines.levels.daily import LEVELS, DailyLevels, daily_levels
from tradematrix_pipelines.storage.tables import levels_daily

Row = tuple[date, float, float, float, float]


def frame(rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["trade_date", "open", "high", "low", "close"])


def weekdays(first: date, count: int) -> list[date]:
    days = (first + timedelta(days=n) for n in range(2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


def test_whatever_lists_the_daily_levels_follows_from_their_fields() -> None:
    names = [field.name for field in fields(DailyLevels)]
    assert names == ["trade_date", "y_trade_date", *LEVELS]
    for name, level in LEVELS.items():
        assert level.meaning
        column = levels_daily.c[name]
        assert (column.nullable, column.doc) == (level.optional, level.meaning), name
    assert {"y_high", "y_low", "y_close"} <= {name for name, level in LEVELS.items() if level.watched}
    assert {"prev_week_high", "prev_week_low", "atr_14"} <= {name for name, level in LEVELS.items() if level.optional}


def test_yesterday_is_the_last_session() -> None:
    bars = frame([(date(2026, 11, 19), 1, 4, 0.5, 3), (date(2026, 11, 20), 3, 5, 2, 4)])
    assert daily_levels(bars, date(2026, 11, 23)) == DailyLevels(
        trade_date=date(2026, 11, 23),
        y_trade_date=date(2026, 11, 20),
        y_open=3,
        y_high=5,
        y_low=2,
        y_close=4,
        prev_week_high=5,
        prev_week_low=0.5,
        atr_14=None,
    )


def test_the_previous_week_is_the_iso_week_before_that_of_the_trade_date() -> None:
    # Two weeks from Monday 2026-11-09 on; each day's range is its day of the month.
    days = weekdays(date(2026, 11, 9), 10)
    bars = frame([(day, 10, 100 + day.day, 1 + day.day / 100, 10) for day in days])
    for trade_date, high, low in (
        (date(2026, 11, 20), 113, 1.09),  # Friday of the second week
        (date(2026, 11, 22), 113, 1.09),  # its Sunday belongs to it
        (date(2026, 11, 23), 120, 1.16),  # Monday of the third
    ):
        before = bars[bars["trade_date"] < trade_date]
        levels = daily_levels(before, trade_date)
        assert (levels.prev_week_high, levels.prev_week_low) == (high, low)


def test_a_sunday_session_belongs_to_the_week_that_it_ends() -> None:
    # Round-the-clock markets have them. 2026-11-08 and 2026-11-15 are Sundays.
    days = [date(2026, 11, 8) + timedelta(days=n) for n in range(10)]
    bars = frame([(day, 10, 100 + day.day, 1 + day.day / 100, 10) for day in days])
    levels = daily_levels(bars, date(2026, 11, 18))
    assert (levels.prev_week_high, levels.prev_week_low) == (115, 1.09)


@pytest.mark.parametrize("trade_date", [date(2026, 11, 20), date(2026, 12, 1)])
def test_without_a_session_in_the_previous_week_there_is_no_range(trade_date: date) -> None:
    levels = daily_levels(frame([(date(2026, 11, 19), 1, 2, 1, 2)]), trade_date)
    assert (levels.prev_week_high, levels.prev_week_low) == (None, None)


def test_the_true_range_reaches_to_the_close_before() -> None:
    # Ranges of 2 around closes that alternate between 100 and 110: true range 11 up (111 - 100) and down (110 - 99).
    days = weekdays(date(2026, 11, 2), 15)
    bars = frame([(day, c, c + 1, c - 1, c) for n, day in enumerate(days) if (c := 100.0 + 10 * (n % 2))])
    assert daily_levels(bars, date(2026, 12, 1)).atr_14 == pytest.approx(11)
    assert daily_levels(bars.iloc[1:], date(2026, 12, 1)).atr_14 is None


def test_no_sessions_are_an_error() -> None:
    with pytest.raises(ValueError, match="no session before 2026-11-23"):
        daily_levels(frame([]), date(2026, 11, 23))


def test_a_session_that_is_not_before_the_trade_date_is_an_error() -> None:
    bars = frame([(date(2026, 11, 20), 1, 2, 1, 2)])
    for trade_date in (date(2026, 11, 20), date(2026, 11, 19)):
        with pytest.raises(ValueError, match="not before"):
            daily_levels(bars, trade_date)


def test_five_years_of_real_sessions(shared_data: Path) -> None:
    with (shared_data / "market" / "SPY_1d.csv").open() as file:
        rows: list[Row] = [
            (date.fromisoformat(r["ts"]), float(r["open"]), float(r["high"]), float(r["low"]), float(r["close"]))
            for r in csv.DictReader(file)
        ]
    bars = frame(rows)
    for i in range(1, len(rows), 13):
        trade_date = rows[i][0]
        levels = daily_levels(bars.iloc[:i], trade_date)
        known = rows[:i]
        assert (levels.y_trade_date, levels.y_open, levels.y_high, levels.y_low, levels.y_close) == known[-1]
        week = (trade_date - timedelta(days=7)).isocalendar()[:2]
        ranges = [(high, low) for day, _, high, low, _ in known if day.isocalendar()[:2] == week]
        assert levels.prev_week_high == max((high for high, _ in ranges), default=None)
        assert levels.prev_week_low == min((low for _, low in ranges), default=None)
        true = [
            max(high - low, abs(high - before[4]), abs(low - before[4]))
            for before, (_, _, high, low, _) in pairwise(known)
        ]
        expected = sum(true[-14:]) / 14 if len(true) >= 14 else None
        assert levels.atr_14 == (None if expected is None else pytest.approx(expected))
