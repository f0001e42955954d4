"""By how much stamps are off: what our prices, the pauses and the sessions say, and whose clock that is."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Session, from_instant
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.moving.shifts import Series, Shift, find_shift

WEEK = date(2026, 11, 16), date(2026, 11, 20)
SPRING = date(2026, 3, 2), date(2026, 4, 17)
"""Seven weeks, with the change of New York's clock on 8 March and of Berlin's on 29 March."""
NOTHING = Series(np.array([], dtype="datetime64[us]"), np.array([]))
Move = Callable[[datetime], datetime]


def right(moment: datetime) -> datetime:
    return moment


def clock(zone: str) -> Move:
    return lambda moment: moment.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)


def late(minutes: int) -> Move:
    return lambda moment: moment + timedelta(minutes=minutes)


def sessions(calendar: str, first: date, last: date) -> list[Session]:
    return get_calendar(calendar).sessions(first - timedelta(days=7), last + timedelta(days=7))


def series(
    calendar: str, days: tuple[date, date], move: Move = right, *, timeframe: Timeframe = Timeframe.M5
) -> Series:
    """Bars of these sessions, at prices that tell each minute from every other, stamped as ``move`` has it."""
    opens = np.concatenate([one.bar_opens(timeframe) for one in get_calendar(calendar).sessions(*days)])
    close = 100 + np.random.default_rng(7).normal(size=len(opens)).cumsum()
    moved = np.array([move(from_instant(ts)).replace(tzinfo=None) for ts in opens], dtype="datetime64[us]")
    order = np.argsort(moved, kind="stable")
    return Series(moved[order], close[order])


def find(
    calendar: str, theirs: Series, days: tuple[date, date], *, ours: Series = NOTHING, minutes: int = 5
) -> Shift | None:
    return find_shift(theirs, minutes=minutes, sessions=sessions(calendar, *days), ours=ours, tick_size=0.01)


@pytest.mark.parametrize("calendar", ["XETR", "XNYS", "FX"])
@pytest.mark.parametrize(
    ("move", "text", "correction"),
    [
        (right, "+0m", "none"),
        (clock("Europe/Berlin"), "+60m (Europe/Berlin)", "Europe/Berlin"),
        (clock("America/New_York"), "-300m (America/New_York)", "America/New_York"),
        (late(150), "+150m", "-150m"),
        (late(-30), "-30m", "+30m"),
    ],
)
def test_a_week_without_candles_of_ours(calendar: str, move: Move, text: str, correction: str) -> None:
    shift = find(calendar, series(calendar, WEEK, move), WEEK)
    assert shift is not None
    assert (str(shift), str(shift.correction)) == (text, correction)
    assert shift.is_none == (correction == "none")


@pytest.mark.parametrize("calendar", ["XETR", "XNYS", "FX", "METALS"])
@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.M15, Timeframe.H1])
@pytest.mark.parametrize("minutes", [0, 60, -60, 120])
def test_bars_of_any_length(calendar: str, timeframe: Timeframe, minutes: int) -> None:
    length = timeframe.minutes
    assert length is not None
    # Of a week of hours around the clock one lies outside: that may be a stray one.
    weeks = date(2026, 11, 9), WEEK[1]
    shift = find(calendar, series(calendar, weeks, late(minutes), timeframe=timeframe), weeks, minutes=length)
    assert shift is not None
    assert [part.minutes for part in shift.parts] == [minutes]


@pytest.mark.parametrize("calendar", ["XETR", "FX"])
def test_a_wall_clock_is_no_constant(calendar: str) -> None:
    shift = find(calendar, series(calendar, SPRING, clock("Europe/Berlin")), SPRING)
    assert shift is not None
    assert str(shift) == "+60m, +120m since 2026-03-30 (Europe/Berlin)"
    assert shift.brief == "+60/+120m"
    assert str(shift.correction) == "Europe/Berlin"
    constant = find(calendar, series(calendar, SPRING, late(60)), SPRING)
    assert constant is not None
    assert (str(constant), str(constant.correction)) == ("+60m", "-60m")


def test_what_no_clock_explains_is_named_and_not_corrected() -> None:
    def changed(moment: datetime) -> datetime:
        return moment + timedelta(minutes=60 if moment.date() < date(2026, 3, 9) else 0)

    shift = find("XETR", series("XETR", SPRING, changed), SPRING)
    assert shift is not None
    assert str(shift) == "+60m, +0m since 2026-03-09"
    assert shift.correction is None


def test_bars_of_some_hours_say_nothing_by_themselves() -> None:
    whole = series("XETR", WEEK)
    hours = whole.ts.astype("datetime64[h]").astype(int) % 24
    noon = Series(whole.ts[(hours >= 11) & (hours < 13)], whole.close[(hours >= 11) & (hours < 13)])
    assert find("XETR", noon, WEEK) is None
    moved = Series(noon.ts + np.timedelta64(60, "m"), noon.close)
    shift = find("XETR", moved, WEEK, ours=whole)
    assert shift is not None
    assert (str(shift), shift.parts[0].witness) == ("+60m (Europe/Berlin)", "our candles have the same prices then")


def test_bars_around_the_clock_say_nothing_of_a_market_that_closes() -> None:
    day = np.arange("2026-11-16", "2026-11-23", 5, dtype="datetime64[m]").astype("datetime64[us]")
    assert find("FX", Series(day, np.ones(len(day))), WEEK) is None


def test_one_price_all_day_is_no_witness() -> None:
    whole = series("XETR", WEEK)
    flat = Series(whole.ts, np.full(len(whole.ts), 100.0))
    shift = find("XETR", flat, WEEK, ours=Series(whole.ts, np.full(len(whole.ts), 100.0)))
    assert shift is not None
    assert shift.parts[0].witness != "our candles have the same prices then"


def test_nothing_has_no_shift() -> None:
    assert find("XETR", NOTHING, WEEK) is None
