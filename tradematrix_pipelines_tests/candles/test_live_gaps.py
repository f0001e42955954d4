"""Gaps in the minutes of an open session, and the coarser bars that they make incomplete."""

from collections.abc import Collection
from dataclasses import replace
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


@pytest.mark.parametrize(
    ("may_open", "may_close", "absent", "gap"),
    [
        pytest.param(None, 30, range(30, 60), None, id="it has closed early"),
        pytest.param(None, 30, [*range(28, 60)], 28, id="it has not all of the certain hours"),
        pytest.param(20, None, range(20), None, id="it has opened late"),
        pytest.param(20, None, range(25), 20, id="later than that"),
        pytest.param(20, 30, [*range(20), *range(30, 60)], None, id="both"),
    ],
)
def test_hours_in_which_the_market_may_be_closed_have_no_gap(
    may_open: int | None, may_close: int | None, absent: Collection[int], gap: int | None
) -> None:
    edges = [None if edge is None else OPEN + timedelta(minutes=edge) for edge in (may_open, may_close)]
    session = replace(SESSION, may_open_at=edges[0], may_close_at=edges[1])
    stored = minutes(sorted(set(range(60)) - set(absent)))
    first = first_gap(stored, session=session, now=NOW, gap_tolerance=None)
    assert first == (None if gap is None else OPEN + timedelta(minutes=gap))
    whole = without_incomplete_bars(
        stored, timeframe=Timeframe.M5, session=session, now=NOW, gap_tolerance=None
    )  # fmt: skip
    assert len(whole) == len(stored) - (0 if gap is None else gap % 5)
