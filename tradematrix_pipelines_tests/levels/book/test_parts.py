"""Levels of the open session: only from all of the minutes that they need."""

from datetime import date, timedelta

import pytest

from tradematrix_pipelines.levels.book.model import Kind, Minutes
from tradematrix_pipelines_tests.levels.book.made import (
    SPOT,
    XETRA,
    Prices,
    at,
    context,
    levels,
    minutes_of,
    reasons,
    session_of,
)

DAY, BEFORE = date(2026, 11, 20), date(2026, 11, 19)
OPEN = session_of(XETRA, DAY).opens_at
YESTERDAY: dict[date, Prices] = {BEFORE: (100, 110, 90, 100)}


def without(minutes: Minutes, *positions: int) -> Minutes:
    kept = [n for n in range(len(minutes)) if n not in positions]
    names = ("ts", "open", "high", "low", "close", "volume")
    return Minutes(**{name: getattr(minutes, name)[kept] for name in names})


def test_a_missing_minute_takes_the_ranges_that_need_it() -> None:
    made = context(XETRA, DAY, minutes=without(minutes_of(OPEN, [(1.0, 2, 0.5, 1)] * 60), 10))
    assert set(levels(made, Kind.OPENING_RANGE)) == {"5m high", "5m low"}
    assert reasons(made, Kind.OPENING_RANGE)["15m"].endswith("missing: 14 of 15 bars, longest gap 1 minute")
    assert levels(made, Kind.INITIAL_BALANCE) == {}


def test_quiet_minutes_are_normal_where_quotes_come_all_day() -> None:
    opens = session_of(SPOT, DAY).opens_at
    quiet = minutes_of(opens, [(1.0, 2, 0.5, 1)] * 60)
    assert "5m high" in levels(context(SPOT, DAY, minutes=without(quiet, 0, 1, 2)), Kind.OPENING_RANGE)
    made = context(SPOT, DAY, minutes=without(quiet, *range(1, 17)))
    assert "15m high" in levels(context(SPOT, DAY, minutes=without(quiet, *range(1, 15))), Kind.OPENING_RANGE)
    assert set(reasons(made, Kind.OPENING_RANGE)) == {"30m", "60m"}


def test_the_first_minute_may_be_late_where_quotes_come_all_day() -> None:
    spot = session_of(SPOT, DAY)
    late = minutes_of(spot.opens_at + timedelta(minutes=3), [(1.5, 2, 1, 1.8)])
    assert levels(context(SPOT, DAY, minutes=late), Kind.OPENS)["day"] == (1.5, spot.opens_at + timedelta(minutes=4))
    exchange = minutes_of(OPEN + timedelta(minutes=3), [(1.5, 2, 1, 1.8)])
    assert "are missing" in reasons(context(XETRA, DAY, minutes=exchange), Kind.OPENS)["day"]


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        pytest.param([(104.0, 105, 103, 104)], {"size": 4, "fill": 100}, id="up, not filled"),
        pytest.param([(104.0, 105, 103, 104), (103, 103, 100, 101)], {"size": 4, "fill": 100, "filled": 100}, id="up"),
        pytest.param([(97.0, 99, 96, 98), (98, 101, 98, 101)], {"size": -3, "fill": 100, "filled": 100}, id="down"),
        pytest.param([(97.0, 99, 96, 98), (101, 103, 101, 102)], {"size": -3, "fill": 100, "filled": 100}, id="jumps"),
        pytest.param([(100.04, 103, 99, 102)], {"size": pytest.approx(0.04)}, id="less than half a tick"),
    ],
)
def test_gaps(rows: list[Prices], named: dict[str, float]) -> None:
    made = context(XETRA, DAY, days=YESTERDAY, minutes=minutes_of(OPEN, rows))
    known = levels(made, Kind.GAP)
    assert {name: price for name, (price, _) in known.items()} == named
    assert known["size"][1] == at(DAY, 8, 1)
    if "filled" in named:
        assert known["filled"][1] == OPEN + timedelta(minutes=len(rows))


def test_a_gap_is_not_called_filled_where_an_earlier_minute_is_missing() -> None:
    rows: list[Prices] = [(104, 105, 103, 104), (103, 104, 101, 102), (102, 103, 100, 101)]
    made = context(XETRA, DAY, days=YESTERDAY, minutes=without(minutes_of(OPEN, rows), 1))
    assert set(levels(made, Kind.GAP)) == {"size", "fill"}
    assert "are missing" in reasons(made, Kind.GAP)[None]


def test_without_yesterdays_close_there_is_no_gap() -> None:
    made = context(XETRA, DAY, minutes=minutes_of(OPEN, [(104.0, 105, 103, 104)]))
    assert reasons(made, Kind.GAP) == {None: "session 2026-11-19 is not stored complete, final and believed"}


def test_before_the_open_the_reason_says_when() -> None:
    made = context(XETRA, DAY, days=YESTERDAY, minutes=minutes_of(OPEN, [(1.0, 1, 1, 1)]))
    assert reasons(made, Kind.GAP, OPEN)[None] == "known when the first minute after 2026-11-20 08:00 UTC has closed"
    assert reasons(context(XETRA, DAY), Kind.OPENS)["day"] == "the session's minutes are not stored, or not believed"
