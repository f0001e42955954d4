"""What is a number in a vendor's JSON, and what only Python accepts as one."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.numbers import to_float, to_floats
from tradematrix_pipelines.vendors.twelve_data.responses import read_series

NO_NUMBERS = [
    True, False, None, "", " ", "true", "1_000", "1_0.5", "\u0661\u0662", "\uff11\uff12", "1,5", "1.2.3", "0x10",
    "nan", "inf", "Infinity", "-inf", "1e", "--1", [], [1], {}, {"value": 1}, 10**400, "\x00", "12\x00",
]  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_values_that_are_not_numbers(value: object) -> None:
    assert math.isnan(to_float(value))
    for column in ([value], [value, "1.5"], [value, 1.5], ["1.5", value]):
        read = to_floats(column)
        assert [math.isnan(number) for number in read] == [item is value for item in column]


@pytest.mark.parametrize(
    ("value", "number"),
    [("1.13725", 1.13725), (" 7 ", 7.0), ("-3", -3.0), ("+2", 2.0), (".5", 0.5), ("5.", 5.0), ("1e-5", 1e-5), (3, 3.0),
     (0.1, 0.1)],
)  # fmt: skip
def test_numbers(value: object, number: float) -> None:
    assert to_float(value) == number
    assert to_floats([value, value]).tolist() == [number, number]


@given(
    st.lists(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.sampled_from(NO_NUMBERS)))
)
def test_a_column_reads_as_its_values_do(values: list[object]) -> None:
    assert [str(number) for number in to_floats(values)] == [str(to_float(value)) for value in values]


def test_a_price_that_is_true_is_none() -> None:
    row = {"datetime": "2026-03-20 14:30:00", "open": "1", "high": "1", "low": "1"}
    body = json.loads(json.dumps({"meta": {"symbol": "X"}, "values": [{**row, "close": True}, {**row, "close": "1"}]}))
    closes = read_series(body, Timeframe.M1)[1]["close"].tolist()
    assert math.isnan(closes[0])
    assert closes[1] == 1.0
