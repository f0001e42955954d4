"""Session windows and openings on the wall clocks of their markets."""

from datetime import date, timedelta

import pytest

from tradematrix_pipelines.levels.book.history import Unavailable
from tradematrix_pipelines.levels.book.model import Kind
from tradematrix_pipelines.levels.book.windows import WINDOWS
from tradematrix_pipelines.markets.symbols import InstrumentType
from tradematrix_pipelines_tests.levels.book.made import (
    SPOT,
    at,
    context,
    levels,
    minutes_of,
    prices,
    reasons,
    session_of,
    symbol,
)

DE40 = symbol("DE40", InstrumentType.INDEX, 0.1, 15)
US500 = symbol("US500", InstrumentType.INDEX, 0.1, 15)


# UTC. America turns its clocks on 2026-03-08 and 11-01, Europe on 03-29 and 10-25, Japan never.
@pytest.mark.parametrize(
    ("day", "london", "new_york"),
    [
        pytest.param(date(2026, 3, 6), (8, 17), (13, 22), id="winter"),
        pytest.param(date(2026, 3, 10), (8, 17), (12, 21), id="only America has turned"),
        pytest.param(date(2026, 3, 30), (7, 16), (12, 21), id="both have"),
        pytest.param(date(2026, 10, 26), (8, 17), (12, 21), id="only Europe has turned back"),
        pytest.param(date(2026, 11, 2), (8, 17), (13, 22), id="both have turned back"),
    ],
)
def test_spot_windows_in_weeks_of_turned_clocks(day: date, london: tuple[int, int], new_york: tuple[int, int]) -> None:
    session = session_of(SPOT, day)
    by_name = {w.name: w.in_session(session) for w in WINDOWS if "FX" in w.calendars}
    assert by_name == {
        "asia": (at(day, 0), at(day, 9)),
        "london": (at(day, london[0]), at(day, london[1])),
        "new_york": (at(day, new_york[0]), at(day, new_york[1])),
    }


def test_each_minute_counts_in_its_windows() -> None:
    # A minute a price: 1.0000 at 22:00 UTC of the evening before, 0.0001 more each minute.
    day = date(2026, 1, 14)
    session = session_of(SPOT, day)
    made = context(SPOT, day, minutes=minutes_of(session.opens_at, [(p, p, p, p) for p in map(_price, range(1440))]))
    assert prices(made, Kind.SESSION_WINDOWS) == {
        "asia low": _price(120), "asia high": _price(120 + 9 * 60 - 1),
        "london low": _price(600), "london high": _price(600 + 9 * 60 - 1),
        "new_york low": _price(900), "new_york high": _price(1439),
    }  # fmt: skip


def _price(n: int) -> float:
    return 1 + n / 10_000


def test_an_index_cfd_opens_with_its_cash_market() -> None:
    # Xetra opens at 09:00 Berlin, 08:00 UTC in winter; DE40 is quoted from 00:30 UTC on.
    day = date(2026, 1, 14)
    flat = [(100.0, 101, 99, 100)] * 450
    first_hour = [(100.0, 105, 98, 102)] * 60
    made = context(DE40, day, minutes=minutes_of(at(day, 0, 30), flat + first_hour))
    assert levels(made, Kind.INITIAL_BALANCE)["high"] == (105, at(day, 9))
    assert levels(made, Kind.OPENING_RANGE)["5m high"] == (105, at(day, 8, 5))
    assert levels(made, Kind.SESSION_WINDOWS) == {"pre_open high": (101, at(day, 8)), "pre_open low": (99, at(day, 8))}
    assert "minutes from 08:00 to 16:30 UTC are missing" in reasons(made, Kind.SESSION_WINDOWS)["cash"]


def test_the_cash_market_of_us_indices() -> None:
    session = session_of(US500, date(2026, 3, 10))
    assert [w.in_session(session) for w in WINDOWS if "US500" in w.calendars] == [
        (session.opens_at, at(date(2026, 3, 10), 13, 30)),
        (at(date(2026, 3, 10), 13, 30), at(date(2026, 3, 10), 20)),
    ]


def test_a_window_that_the_session_does_not_contain_is_absent() -> None:
    # Good Friday of 2026, in the first week of April: US indices stop at 09:15 New York.
    day = date(2026, 4, 3)
    session = session_of(US500, day)
    made = context(US500, day, minutes=minutes_of(session.opens_at, [(1.0, 1, 1, 1)] * 100))
    assert "does not contain it" in reasons(made, Kind.SESSION_WINDOWS)["pre_open"]
    assert "has no 09:30 America/New_York" in reasons(made, Kind.SESSION_WINDOWS)["cash"]
    with pytest.raises(Unavailable):
        WINDOWS[-1].in_session(session)
    assert reasons(made, Kind.OPENING_RANGE)[None] == f"session {day} has no 09:30 America/New_York"


def test_nothing_is_known_before_its_last_minute_has_closed() -> None:
    day = date(2026, 1, 14)
    session = session_of(SPOT, day)
    made = context(SPOT, day, minutes=minutes_of(session.opens_at, [(1.0, 1, 1, 1)] * 1440))
    just_before = at(day, 9) - timedelta(microseconds=1)
    assert levels(made, Kind.SESSION_WINDOWS, just_before) == {}
    assert reasons(made, Kind.SESSION_WINDOWS, just_before)["asia"] == "known from 2026-01-14 09:00 UTC on"
    assert set(levels(made, Kind.SESSION_WINDOWS, at(day, 9))) == {"asia high", "asia low"}
