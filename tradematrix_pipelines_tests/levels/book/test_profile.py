"""Profiles of a session, counted by hand."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from tradematrix_pipelines.levels.book.kinds import kinds_of
from tradematrix_pipelines.levels.book.model import BookContext, Kind, Minutes
from tradematrix_pipelines.levels.book.profile import row_height, value_area
from tradematrix_pipelines.markets.symbols import InstrumentType
from tradematrix_pipelines_tests.levels.book.made import (
    Prices,
    context,
    levels,
    minutes_of,
    prices,
    reasons,
    session_of,
    symbol,
)

LAST, DAY = date(2026, 11, 19), date(2026, 11, 20)
STOCK = symbol("XNYS", InstrumentType.STOCK, 1.0)
OPEN = session_of(STOCK, LAST).opens_at


def half_hours(*ranges: tuple[float, float]) -> Minutes:
    """Half hours that trade at all prices between two: their first minute does."""
    rows: list[Prices] = []
    for low, high in ranges:
        rows += [(low, high, low, high), *[(high, high, high, high)] * 29]
    return minutes_of(OPEN, rows, volume=1.0)


def of_last(minutes: Minutes) -> BookContext:
    return context(STOCK, DAY, last_minutes=minutes)


def test_marks_counted_by_hand() -> None:
    # Rows 100 … 106 have 1, 2, 3, 3, 2, 1, 1 marks, 13 together. 102 and 103 have most; the middle is 103. The value
    # area needs 9.1: 103 has 3, then the two above and the two below have 3 and 5: 8, and with 104 and 105 11.
    known = levels(of_last(half_hours((100, 103), (101, 104), (102, 106))), Kind.TIME_PROFILE)
    closes = session_of(STOCK, LAST).closes_at
    assert known == {"poc": (103, closes), "value_area_low": (101, closes), "value_area_high": (105, closes)}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param([5], (0, 0, 0), id="one row"),
        pytest.param([1, 1, 1, 1, 1], (2, 0, 4), id="all alike: two above, then two below"),
        pytest.param([1, 1, 1, 1, 1, 1, 1, 1, 1], (4, 2, 8), id="all alike: two above, two below, two above"),
        pytest.param([0, 0, 10, 0, 0], (2, 2, 2), id="all in one"),
        pytest.param([6, 5, 1, 1, 1], (0, 0, 2), id="at the lower end"),
        pytest.param([1, 1, 1, 5, 6], (4, 2, 4), id="at the upper end"),
        pytest.param([4, 4, 5, 1, 1], (2, 0, 2), id="more below"),
        pytest.param([2, 3, 3, 2], (1, 1, 3), id="two have most, as near: the lower one"),
    ],
)
def test_value_areas(counts: list[float], expected: tuple[int, int, int]) -> None:
    assert value_area(np.array(counts, dtype=float)) == expected


def test_rows_are_ticks_until_there_are_too_many() -> None:
    assert row_height(100, 139, 0.1) == 0.1
    assert row_height(100, 140, 0.1) == 0.2
    assert row_height(100, 500, 0.1) == pytest.approx(2.0)
    assert row_height(100, 100, 0.5) == 0.5


def test_volume_counts_where_it_is_real() -> None:
    # 90 minutes of a share each: 30 at 103, 30 at 104, 30 at 106 but for the first minute of each half hour.
    minutes = half_hours((100, 103), (101, 104), (102, 106))
    heavy = replace(minutes, volume=np.where(minutes.close == 104, 100.0, 1.0))
    assert prices(of_last(heavy), Kind.VOLUME_PROFILE)["poc"] == 104
    assert reasons(of_last(replace(minutes, volume=minutes.volume * np.nan)), Kind.VOLUME_PROFILE) == {
        None: "minutes of session 2026-11-19 have no volume"
    }
    assert Kind.VWAP in kinds_of(STOCK)
    for instrument in (InstrumentType.INDEX, InstrumentType.FOREX, InstrumentType.METAL):
        other = replace(STOCK, instrument=instrument)
        assert Kind.VWAP not in kinds_of(other)
        made = context(other, DAY, last_minutes=heavy)
        assert reasons(made, Kind.VWAP) == {None: f"no volume is traded in an instrument of type {instrument}"}


def test_the_average_price_is_weighted_by_volume() -> None:
    minutes = minutes_of(OPEN, [(10.0, 13, 10, 13), (20, 20, 20, 20)], volume=1.0)
    weighted = replace(minutes, volume=np.array([3.0, 1.0]))
    assert prices(of_last(weighted), Kind.VWAP) == {"previous_day": (12 * 3 + 20) / 4}


def test_a_profile_is_known_at_the_close_and_not_without_minutes() -> None:
    made = of_last(half_hours((100, 103)))
    closes = session_of(STOCK, LAST).closes_at
    assert levels(made, Kind.TIME_PROFILE, OPEN) == {}
    assert "known from" in str(reasons(made, Kind.TIME_PROFILE, OPEN))
    assert levels(made, Kind.TIME_PROFILE, closes)
    assert reasons(context(STOCK, DAY), Kind.TIME_PROFILE) == {
        None: "the minutes of session 2026-11-19 are not stored complete, final and believed"
    }
