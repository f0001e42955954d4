"""Which distances between bars are those of their timeframe."""

from datetime import UTC, datetime, timedelta
from itertools import accumulate

import numpy as np
import pytest

from tradematrix_pipelines.candles.spacing import misspaced_sessions
from tradematrix_pipelines.markets.sessions import Instants, to_instant
from tradematrix_pipelines.markets.timeframes import Timeframe

MIDNIGHT = datetime(2026, 11, 16, tzinfo=UTC)


def times(unit: timedelta, distances: list[int]) -> Instants:
    return np.array([to_instant(MIDNIGHT + n * unit) for n in accumulate(distances, initial=0)])


@pytest.mark.parametrize(
    ("timeframe", "distances", "other", "finer"),
    [
        pytest.param(Timeframe.M1, [1, 1, 1, 1], False, False, id="minutes"),
        pytest.param(Timeframe.M1, [2, 2, 2, 2], True, False, id="every other minute"),
        pytest.param(Timeframe.M1, [2, 2, 2], False, False, id="too few to say"),
        pytest.param(Timeframe.M1, [1, 1, 2, 2, 2], True, False, id="more of two minutes than of one"),
        pytest.param(Timeframe.M1, [1, 1, 2, 2], False, False, id="as many"),
        pytest.param(Timeframe.M1, [1, 1, 2, 3], False, False, id="most, though not more than half"),
        pytest.param(Timeframe.M1, [0, 0, 0, 0, 0, 1, 1, 1, 1], False, False, id="bars of the same time"),
        pytest.param(Timeframe.M5, [1, 1, 1, 1], True, True, id="minutes among bars of five"),
        pytest.param(Timeframe.M5, [5, 5, 5, 1, 1], False, False, id="few minutes among them"),
        pytest.param(Timeframe.D1, [1, 1, 1, 1, 3], False, False, id="days"),
        pytest.param(Timeframe.D1, [7, 7, 7, 7], True, False, id="weeks"),
    ],
)
def test_the_distance_that_occurs_most_often(
    timeframe: Timeframe, distances: list[int], *, other: bool, finer: bool
) -> None:
    ts = times(timedelta(days=1) if timeframe is Timeframe.D1 else timedelta(minutes=1), distances)
    index = np.full(len(ts), 1)  # of the second session
    assert misspaced_sessions(ts, index, timeframe).tolist() == ([1] if other else [])
    assert misspaced_sessions(ts, index, timeframe, only_finer=True).tolist() == ([1] if finer else [])


def test_each_session_is_judged_by_its_own_bars() -> None:
    ts = np.concatenate([times(timedelta(minutes=1), distances) for distances in ([1] * 5, [2] * 5, [1] * 5)])
    index = np.repeat([1, 2, 4], 6)
    assert misspaced_sessions(ts, index, Timeframe.M1).tolist() == [2]
    assert misspaced_sessions(ts[::-1], index[::-1], Timeframe.M1).tolist() == [2]
