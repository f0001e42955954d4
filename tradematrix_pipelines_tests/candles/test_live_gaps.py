"""Gaps in the minutes of an open session, and the coarser bars that they make incomplete."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import TS_DTYPE, as_candles
from tradematrix_pipelines.candles.live_gaps import first_gap, without_incomplete_bars
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.timeframes import Timeframe

OPEN = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
SESSION = Session(date(2026, 11, 18), OPEN, OPEN + timedelta(minutes=390))
NOW = OPEN + timedelta(minutes=60, seconds=20)


def minutes(numbers: Collection[int]) -> pd.DataFrame:
    ts = pd.Series([OPEN + timedelta(minutes=n) for n in numbers], dtype=TS_DTYPE)
    return as_candles(pd.DataFrame({"ts": ts, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0}))


@pytest.mark.parametrize(
    ("absent", "tolerance", "gap"),
    [
        (set(), None, None),
        ({59}, None, 59),  # the newest minute is late
        ({0}, None, 0),
        ({17, 40}, None, 17),
        ({17, 40, 41, 42}, 2, 40),
        ({17, 18}, 2, None),
        (set(range(60)), 15, 0),
    ],
)
def test_where_the_first_gap_is(absent: set[int], tolerance: int | None, gap: int | None) -> None:
    first = first_gap(minutes(sorted(set(range(60)) - absent)), session=SESSION, now=NOW, gap_tolerance=tolerance)
    assert first == (None if gap is None else OPEN + timedelta(minutes=gap))


@pytest.mark.parametrize(
    ("timeframe", "absent", "tolerance", "spoilt"),
    [
        (Timeframe.M5, {17}, None, range(15, 20)),
        (Timeframe.M15, {17}, None, range(15, 30)),
        (Timeframe.H1, {17}, None, range(60)),
        (Timeframe.M5, {19, 20}, None, range(15, 25)),
        (Timeframe.M5, {17, 18}, 2, ()),  # within the tolerance
        (Timeframe.M5, {17, 18, 19}, 2, range(15, 20)),
        (Timeframe.M5, {59}, None, range(55, 60)),
        (Timeframe.M5, {60, 61}, None, ()),  # not closed yet
    ],
)
def test_bars_with_a_gap_are_left_out(
    timeframe: Timeframe, absent: set[int], tolerance: int | None, spoilt: Collection[int]
) -> None:
    numbers = sorted(set(range(60)) - absent)
    kept = without_incomplete_bars(
        minutes(numbers), timeframe=timeframe, session=SESSION, now=NOW, gap_tolerance=tolerance
    )
    pd.testing.assert_frame_equal(kept, minutes([n for n in numbers if n not in spoilt]))
