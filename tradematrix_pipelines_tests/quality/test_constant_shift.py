"""A series whose stamps are all off: found by the market's pauses, named, refused."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Instants
from tradematrix_pipelines.quality.constant_shift import constant_shift
from tradematrix_pipelines_tests.quality.series import load

FIRST, LAST = date(2026, 10, 5), date(2026, 11, 20)
"""Both of the weeks in which Berlin and New York change their clocks."""


def stamps(calendar: str, *, minutes: int = 1, first: date = FIRST, last: date = LAST) -> Instants:
    frames = [
        pd.date_range(session.opens_at, session.closes_at, freq=f"{minutes}min", inclusive="left")
        for session in get_calendar(calendar).sessions(first, last)
    ]
    return instants(pd.Series(frames[0].append(frames[1:])))


@pytest.mark.parametrize("calendar", ["XETR", "XNYS", "FX", "METALS", "DE40"])
@pytest.mark.parametrize("minutes", [1, 5, 60])
def test_stamps_that_are_right_have_no_shift(calendar: str, minutes: int) -> None:
    sessions = get_calendar(calendar).sessions(FIRST, LAST)
    assert constant_shift(stamps(calendar, minutes=minutes), sessions, minutes=minutes) is None


@pytest.mark.parametrize("calendar", ["XETR", "XNYS", "FX", "METALS"])
@pytest.mark.parametrize("hours", [-6, -2, -1, 1, 2, 5])
def test_a_shift_of_hours_is_found(calendar: str, hours: int) -> None:
    moved = stamps(calendar) + np.timedelta64(hours, "h")
    shift = constant_shift(moved, get_calendar(calendar).sessions(FIRST, LAST), minutes=1)
    assert shift is not None
    assert shift.minutes == hours * 60
    assert shift.agreeing >= 0.8 * shift.pauses


def test_it_is_named() -> None:
    moved = stamps("XETR", first=date(2026, 11, 2)) + np.timedelta64(1, "h")
    shift = constant_shift(moved, get_calendar("XETR").sessions(date(2026, 11, 2), LAST), minutes=1)
    assert shift is not None
    assert shift.message == "the bars fit one hour earlier: 14 of 14 pauses of the market"
    early = constant_shift(
        stamps("XETR") - np.timedelta64(90, "m"), get_calendar("XETR").sessions(FIRST, LAST), minutes=1
    )
    assert early is not None
    assert early.message.startswith("the bars fit 1.5 hours later: ")


@pytest.mark.parametrize("last", [date(2026, 11, 2), date(2026, 11, 3)])
def test_one_pause_proves_nothing(last: date) -> None:
    moved = stamps("XETR", first=date(2026, 11, 2), last=last) + np.timedelta64(1, "h")
    assert constant_shift(moved, get_calendar("XETR").sessions(date(2026, 11, 2), last), minutes=1) is None


def test_pauses_that_differ_are_no_constant_shift() -> None:
    sessions = get_calendar("XETR").sessions(FIRST, LAST)
    own, moved = stamps("XETR"), stamps("XETR") + np.timedelta64(1, "h")
    middle = len(own) // 2
    mixed = np.concatenate([own[:middle], moved[middle:]])
    assert constant_shift(mixed, sessions, minutes=1) is None


@pytest.mark.parametrize("symbol", ["DAX", "SPX", "EUR/USD", "XAU/USD"])
def test_real_series_have_none(shared_data: Path, symbol: str) -> None:
    series = load(shared_data, symbol)
    ts = np.sort(instants(series.raw["ts"].dropna()))
    assert constant_shift(ts, series.sessions, minutes=1) is None
