"""The names of partitions, and what ranges of them cover."""

from datetime import date

import pytest

from tradematrix_pipelines.markets.partition_key import PartitionKey, dates_by_symbol, rectangle

DAYS = [date(2026, 11, day) for day in (18, 19, 20)]


def test_a_key_is_its_date_and_its_symbol() -> None:
    assert str(PartitionKey(DAYS[2], "EUR/USD")) == "2026-11-20|EUR/USD"
    assert PartitionKey(DAYS[0], "NDX") < PartitionKey(DAYS[1], "DAX") < PartitionKey(DAYS[1], "DJI")


def test_dates_by_symbol() -> None:
    keys = ["2026-11-20|NDX", "2026-11-19|DAX", "2026-11-18|NDX"]
    by_symbol = dates_by_symbol(keys)
    assert list(by_symbol.items()) == [("NDX", [DAYS[0], DAYS[2]]), ("DAX", [DAYS[1]])]
    assert dates_by_symbol([]) == {}


@pytest.mark.parametrize(
    ("start", "end", "symbols", "first", "last"),
    [
        ("2026-11-18|DAX", "2026-11-20|DAX", ["DAX"], DAYS[0], DAYS[2]),
        ("2026-11-18|DAX", "2026-11-20|NDX", ["DAX", "NDX"], DAYS[0], DAYS[2]),
        ("2026-11-20|DAX", "2026-11-18|NDX", ["DAX", "NDX"], DAYS[0], DAYS[2]),
        ("2026-11-19|NDX", "2026-11-19|NDX", ["NDX"], DAYS[1], DAYS[1]),
    ],
)
def test_the_corners_of_a_range(start: str, end: str, symbols: list[str], first: date, last: date) -> None:
    assert rectangle(start, end) == (symbols, first, last)


def test_a_key_begins_with_a_date() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        rectangle("DAX|2026-11-18", "2026-11-20|DAX")
