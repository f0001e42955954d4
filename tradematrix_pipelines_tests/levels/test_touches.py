"""What counts as a touch, minute by minute."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.levels.pivots import Method, pivots
from tradematrix_pipelines.levels.touches import Touch, find_touches

Bar = tuple[float, float, float]
"""Low, high, close."""


def minutes(*bars: Bar) -> pd.DataFrame:
    rows = [
        {"ts": pd.Timestamp("2026-11-20T08:00Z") + pd.Timedelta(minutes=n), "open": close, "high": high, "low": low,
         "close": close}
        for n, (low, high, close) in enumerate(bars)
    ]  # fmt: skip
    return as_candles(pd.DataFrame(rows))


# The level is 100; the number is that of the minute that touches it first.
@pytest.mark.parametrize(
    ("previous_close", "bars", "minute"),
    [
        pytest.param(90.0, [(91, 95, 94), (94, 101, 99)], 1, id="trades through"),
        pytest.param(90.0, [(91, 100, 94)], 0, id="its high is the level"),
        pytest.param(110.0, [(100, 109, 104)], 0, id="its low is the level"),
        pytest.param(90.0, [(91, 99.99, 94)], None, id="a hundredth short"),
        pytest.param(90.0, [(91, 95, 94), (102, 103, 103)], 1, id="jumps up over it"),
        pytest.param(110.0, [(104, 105, 104), (97, 98, 98)], 1, id="jumps down over it"),
        pytest.param(90.0, [(102, 103, 103)], 0, id="opens above it after a close below"),
        pytest.param(110.0, [(96, 98, 97)], 0, id="opens below it after a close above"),
        pytest.param(None, [(102, 103, 103)], None, id="nothing is known of before"),
        pytest.param(104.0, [(102, 103, 103), (101, 106, 105)], None, id="stays on its side"),
        pytest.param(100.0, [(102, 103, 103), (101, 106, 105)], None, id="leaves it with the open"),
        pytest.param(100.0, [(97, 98, 98), (95, 99, 96)], None, id="leaves it downwards"),
        pytest.param(100.0, [(102, 103, 103), (99, 103, 101)], 1, id="and comes back"),
        # The high of the minute before is no crossing: only its close is where the price came from.
        pytest.param(90.0, [(91, 99, 92), (91, 94, 93)], None, id="turns before it"),
    ],
)
def test_the_minute_that_touches_a_level(previous_close: float | None, bars: list[Bar], minute: int | None) -> None:
    touches = find_touches(minutes(*bars), {"r1": 100.0}, previous_close=previous_close)
    assert [(touch.at.minute, touch.price) for touch in touches] == (
        [] if minute is None else [(minute + 1, bars[minute][2])]
    )


def test_each_level_once_at_its_first_touch_in_the_order_they_happened() -> None:
    frame = minutes((99, 103, 102), (104, 106, 105), (101, 107, 103), (99, 106, 100))
    levels = {"y_high": 106.0, "r1": 103.5, "classic pp": 100.0, "y_low": 90.0}
    at = [datetime(2026, 11, 20, 8, n, tzinfo=UTC) for n in (1, 2)]
    assert find_touches(frame, levels, previous_close=101.0) == [
        Touch("classic pp", 100.0, 102.0, at[0]),
        Touch("y_high", 106.0, 105.0, at[1]),
        Touch("r1", 103.5, 105.0, at[1]),
    ]


def test_what_a_formula_loses_in_the_last_digit_is_no_distance() -> None:
    level = pivots(Method.CLASSIC, high=1.3, low=1.1, close=1.2).pp
    assert level != 1.2, "the formula is exact here: the case shows nothing"
    for bar in ((1.1, 1.2, 1.15), (1.2, 1.3, 1.25)):
        assert find_touches(minutes(bar), {"classic pp": level}, previous_close=None)
    assert not find_touches(minutes((1.21, 1.22, 1.22)), {"classic pp": level}, previous_close=1.2)


def test_nothing_to_look_at() -> None:
    assert find_touches(minutes((99, 103, 102)), {}, previous_close=1.0) == []
    assert find_touches(minutes((99, 103, 102))[:0], {"r1": 100.0}, previous_close=90.0) == []
