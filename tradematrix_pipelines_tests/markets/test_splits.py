"""What splits amount to, which price ratios look like one, and which units a daily candle is in."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.splits import (
    Split,
    divisor,
    factor,
    is_decided,
    later_factors,
    near_simple,
    parse_ratio,
    ratio_text,
)
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol
from tradematrix_pipelines.markets.units import units_of_day

FIRST, SECOND = date(2026, 6, 10), date(2026, 11, 20)
SPLITS = (
    Split(trade_date=FIRST, ratio=4.0),
    Split(trade_date=date(2026, 8, 3), ratio=None),
    Split(trade_date=SECOND, ratio=0.1),
)
STOCK = Symbol(
    name="AAPL",
    calendar="XNYS",
    instrument=InstrumentType.STOCK,
    tick_size=0.01,
    currency="USD",
    splits=SPLITS,
)
SIMPLE = [*(f"{units}:1" for units in range(2, 51)), "3:2", "5:2", "4:3", "5:4", "100:1", "1000:1", "10000:1"]


@pytest.mark.parametrize(
    ("after", "until", "expected"),
    [
        (date(2026, 6, 9), FIRST, 4.0),
        (FIRST, date(2026, 6, 11), 1.0),
        (date(2026, 6, 8), date(2026, 6, 9), 1.0),
        (date(2026, 6, 9), SECOND, 0.4),
        (date(2026, 7, 1), date(2026, 9, 1), 1.0),
        (FIRST, date(2026, 6, 9), 0.25),
        (SECOND, SECOND, 1.0),
    ],
)
def test_the_factor_is_the_product_of_the_splits_in_between(after: date, until: date, expected: float) -> None:
    assert factor(SPLITS, after=after, until=until) == pytest.approx(expected)


def test_later_factors_add_up_split_by_split() -> None:
    assert list(later_factors(reversed(SPLITS), after=date(2026, 6, 9))) == pytest.approx([4.0, 0.4])
    assert list(later_factors(SPLITS, after=FIRST)) == [0.1]


def test_a_date_is_decided_where_somebody_said_that_there_was_none_too() -> None:
    assert [is_decided(SPLITS, day) for day in (FIRST, date(2026, 8, 3), date(2026, 8, 4))] == [True, True, False]


def test_prices_are_divided_to_the_cent() -> None:
    by, over = divisor(0.1)
    assert 12.34 * by / over == 123.4
    by, over = divisor(4.0)
    assert 401.36 * by / over == 100.34


@pytest.mark.parametrize("ratio", SIMPLE)
def test_simple_ratios_and_their_inverses_are_near_themselves(ratio: str) -> None:
    new, old = ratio.split(":")
    for text, price_ratio in ((ratio, int(old) / int(new)), (f"{old}:{new}", int(new) / int(old))):
        assert near_simple(price_ratio, 0.001) == text


@pytest.mark.parametrize(
    ("price_ratio", "expected"),
    [(0.26, "4:1"), (10.4, "1:10"), (1 / 19.2, "20:1"), (1 / 7, "7:1"), (1.0, None), (1.1, None), (0.6, None)],
)
def test_a_price_ratio_within_six_percent_is_near(price_ratio: float, expected: str | None) -> None:
    assert near_simple(price_ratio, 0.06) == expected


@pytest.mark.parametrize("ratio", ["4:1", "1:10", "3:2", "2:3", "5:4", "100:1", "1:30", "1000:1", "none"])
def test_ratios_are_written_as_they_are_read(ratio: str) -> None:
    assert ratio_text(parse_ratio(ratio)) == ratio


@given(st.integers(1, 60), st.integers(1, 60))
def test_any_ratio_that_is_written_is_read_as_the_same(new: int, old: int) -> None:
    assert parse_ratio(ratio_text(new / old)) == pytest.approx(new / old)


@pytest.mark.parametrize("text", ["4", "4/1", "0:1", "1:0", "-4:1", "four to one", "99999999:1"])
def test_what_is_no_ratio_says_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match="as 4:1"):
        Split(trade_date=FIRST, ratio=parse_ratio(text))


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stored_at", "units"),
    [
        (None, date(2026, 11, 18)),
        (at(18, 22), date(2026, 11, 18)),
        (at(20, 14), date(2026, 11, 18)),  # before New York opens
        (at(20, 15), SECOND),
        (at(27, 3), SECOND),
    ],
)
def test_an_official_day_is_in_the_units_of_the_last_split_that_it_was_fetched_after(
    stored_at: datetime | None, units: date
) -> None:
    day, calendar = date(2026, 11, 18), get_calendar("XNYS")
    assert units_of_day(STOCK, day, stored_at, calendar) == units
    pair = replace(STOCK, instrument=InstrumentType.FOREX, gap_tolerance=15)
    assert units_of_day(pair, day, stored_at, calendar) == day, "made of its minutes"
