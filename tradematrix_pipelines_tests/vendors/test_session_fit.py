"""Which calendar, zone and side of stamps fit, on times alone."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Instants
from tradematrix_pipelines.markets.zones import parse_wall_clock
from tradematrix_pipelines.vendors.files.session_fit import CALENDARS, CLOCKS, UTC, best_fits, sessions_around
from tradematrix_pipelines_tests.vendors.exports import minutes

MINUTE = timedelta(minutes=1)


def local(calendar: str, zone: str, *weeks: tuple[date, date]) -> Instants:
    """The opens of all minutes of these weeks, as a clock in ``zone`` shows them."""
    clock = parse_wall_clock(zone)
    ts = pd.concat([minutes(calendar, first, last)["ts"] for first, last in weeks])
    shown = ts.dt.tz_convert(clock.zone).dt.tz_localize(None) + pd.Timedelta(hours=clock.ahead)
    return instants(shown.dt.tz_localize("UTC"))


def fitting(stamps: Instants, **given: str) -> tuple[str, str, list[str]]:
    fits = best_fits(stamps, length=MINUTE, clocks=CLOCKS, sides=("open", "close"), usual=given.get("usual"))
    return fits[0].calendar, fits[0].stamps, [str(fit.clock) for fit in fits]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "America/New_York+7", "Europe/Athens"])
@pytest.mark.parametrize("calendar", ["XETR", "XNYS", "FX", "DE40"])
@pytest.mark.parametrize("side", ["open", "close"])
def test_weeks_in_which_clocks_change_show_everything(zone: str, calendar: str, side: str) -> None:
    stamps = local(calendar, zone, (date(2026, 2, 23), date(2026, 4, 10)))
    if side == "close":
        stamps = stamps + np.timedelta64(1, "m")
    assert fitting(stamps) == (calendar, side, [zone])


def test_what_a_file_leaves_out_for_a_year_does_not_hide_the_edges_of_what_it_has() -> None:
    weeks = [(date(year, 3, 2), date(year, 3, 20)) for year in (2014, 2019, 2026)]
    assert fitting(local("FX", "America/New_York+7", *weeks)) == ("FX", "open", ["America/New_York+7"])


def test_of_calendars_with_the_same_hours_the_symbols_usual_one_is_taken() -> None:
    stamps = local("METALS", "UTC", (date(2026, 3, 2), date(2026, 3, 27)))
    assert fitting(stamps)[0] == "US500"
    assert fitting(stamps, usual="METALS")[0] == "METALS"


@pytest.mark.parametrize("calendar", ["XETR", "XNYS", "FX", "24/7"])
def test_daily_bars_show_their_calendar_by_its_holidays(calendar: str) -> None:
    sessions = get_calendar(calendar).sessions(date(2025, 6, 2), date(2026, 6, 5))
    dates = np.array([session.trade_date for session in sessions], dtype="datetime64[us]")
    [fit] = best_fits(dates, length=None, clocks=CLOCKS, sides=("open",))
    assert (fit.calendar, fit.clock, fit.score) == (calendar, UTC, 1.0)


def test_the_sessions_around_bars_are_those_that_they_lie_in() -> None:
    first, last = np.datetime64("2026-11-18T16:29", "us"), np.datetime64("2026-11-20T08:00", "us")
    assert [session.trade_date.day for session in sessions_around("XETR", first, last)] == [18, 19, 20]
    assert sessions_around("XETR", *[np.datetime64("1700-01-01", "us")] * 2) == []


def test_all_calendars_that_are_compared_are_known() -> None:
    assert {get_calendar(name).name for name in CALENDARS} == set(CALENDARS)
