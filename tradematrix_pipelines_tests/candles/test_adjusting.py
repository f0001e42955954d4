"""Candles in the units of one date, and levels from days of which some were stored before a split."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from tradematrix_pipelines.candles.adjusting import day_in_units_of, in_units_of
from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.levels.history import levels_for
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.splits import Split
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol

CALENDAR = get_calendar("XNYS")
SPLIT = date(2026, 11, 20)
STOCK = Symbol(
    name="AAPL",
    calendar="XNYS",
    instrument=InstrumentType.STOCK,
    tick_size=0.01,
    currency="USD",
    splits=(Split(trade_date=SPLIT, ratio=4.0),),
)
AFTER = datetime(2026, 11, 20, 22, tzinfo=UTC)


def days(*, stored: str) -> pd.DataFrame:
    """Days around 100 in today's units. ``stored``: on their evenings, after the split, or some of them again."""
    sessions = CALENDAR.sessions(date(2026, 10, 20), date(2026, 11, 23))
    rng = np.random.default_rng(7)
    rows = []
    for number, session in enumerate(sessions):
        again = stored == "after" or (stored == "mixed" and number % 3 == 0)
        at = max(session.closes_at, AFTER) if again else session.closes_at
        units = 4 if session.trade_date < SPLIT and not again else 1
        low = 99 + round(float(rng.uniform(0, 1)), 2)
        prices = (low + 0.5, low + 1.25, low, low + 0.75)
        rows.append((session.trade_date, *(price * units for price in prices), 1000.0 / units, at))
    return pd.DataFrame(rows, columns=["trade_date", *PRICES, "volume", "stored_at"])


@pytest.mark.parametrize("stored", ["evenings", "after", "mixed"])
@pytest.mark.parametrize("trade_date", [SPLIT, date(2026, 11, 23), date(2026, 11, 24)])
def test_levels_are_the_same_whenever_their_days_were_stored(stored: str, trade_date: date) -> None:
    adjusted = in_units_of(days(stored=stored), trade_date, symbol=STOCK, calendar=CALENDAR, daily=True)
    assert levels_for(trade_date, bars=adjusted, calendar=CALENDAR) == levels_for(
        trade_date, bars=days(stored="after"), calendar=CALENDAR
    )


@pytest.mark.parametrize("stored", ["evenings", "after", "mixed"])
def test_levels_before_a_split_are_in_the_units_of_their_own_date(stored: str) -> None:
    before = date(2026, 11, 19)
    adjusted = in_units_of(days(stored=stored), before, symbol=STOCK, calendar=CALENDAR, daily=True)
    assert levels_for(before, bars=adjusted, calendar=CALENDAR) == levels_for(
        before, bars=days(stored="evenings"), calendar=CALENDAR
    )


def test_volumes_are_multiplied() -> None:
    adjusted = in_units_of(days(stored="evenings"), SPLIT, symbol=STOCK, calendar=CALENDAR, daily=True)
    assert set(adjusted["volume"]) == {1000.0}


def test_one_day_is_adjusted_as_in_a_frame_to_the_last_digit() -> None:
    rows = days(stored="mixed").assign(close=lambda frame: frame["close"] / 3)
    adjusted = in_units_of(rows, SPLIT, symbol=STOCK, calendar=CALENDAR, daily=True)
    for row, expected in zip(rows.itertuples(), adjusted.itertuples(), strict=True):
        prices = day_in_units_of(
            (row.open, row.high, row.low, row.close),
            SPLIT,
            trade_date=row.trade_date,
            stored_at=row.stored_at,
            symbol=STOCK,
            calendar=CALENDAR,
        )
        assert prices == (expected.open, expected.high, expected.low, expected.close)


def test_minutes_are_in_the_units_that_were_traded() -> None:
    rows = days(stored="evenings")
    adjusted = in_units_of(rows.assign(stored_at=AFTER), SPLIT, symbol=STOCK, calendar=CALENDAR, daily=False)
    assert adjusted["close"].max() < 110


def test_without_splits_nothing_changes() -> None:
    plain = Symbol(name="X", calendar="XNYS", instrument=InstrumentType.STOCK, tick_size=0.01, currency="USD")
    rows = days(stored="evenings")
    assert in_units_of(rows, SPLIT, symbol=plain, calendar=CALENDAR, daily=True) is rows
