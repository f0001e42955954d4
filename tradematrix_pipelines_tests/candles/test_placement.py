"""Which session a time is nearest to."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from tradematrix_pipelines.candles.placement import spans
from tradematrix_pipelines.markets.sessions import Session, to_instant

OPEN = datetime(2026, 11, 18, 8, 0, tzinfo=UTC)


def minute(n: float) -> datetime:
    return OPEN + timedelta(minutes=n)


SESSIONS = [
    Session(date(2026, 11, 18), minute(0), minute(10)),
    Session(date(2026, 11, 19), minute(20), minute(30)),
    Session(date(2026, 11, 20), minute(60), minute(70)),
]


@pytest.mark.parametrize(
    ("n", "nearest"),
    [
        *((-5, 0), (0, 0), (5, 0), (10, 0), (14, 0), (15, 0)),  # of two equally near, the earlier
        *((15.1, 1), (20, 1), (29, 1), (31, 1), (45, 1)),
        *((45.1, 2), (60, 2), (100, 2)),
    ],
)
def test_the_session_that_a_time_is_nearest_to(n: float, nearest: int) -> None:
    times = np.array([to_instant(minute(n)), np.datetime64("NaT")], dtype="datetime64[us]")
    assert spans(SESSIONS).nearest(times).tolist() == [nearest, -1]
    assert spans([]).nearest(times).tolist() == [-1, -1]
