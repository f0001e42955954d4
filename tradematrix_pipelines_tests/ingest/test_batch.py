"""A batch, and the part of it that is about some of its sessions."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd

from tradematrix_pipelines.candles.coverage import Coverage, closed_day
from tradematrix_pipelines.candles.covering import cover
from tradematrix_pipelines.candles.frame import TS_DTYPE, as_candles, instants
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe

OPEN = datetime(2026, 11, 18, 8, 0, tzinfo=UTC)
DAYS = [OPEN + timedelta(days=n) for n in range(3)]
SESSIONS = [Session(day.date(), day, day + timedelta(minutes=3)) for day in DAYS]


PRICES = ("open", "high", "low", "close")


def frame(*moments: datetime) -> pd.DataFrame:
    return as_candles(pd.DataFrame({"ts": pd.Series(moments, dtype=TS_DTYPE), **dict.fromkeys(PRICES, 1.0)}))


def judged(session: Session) -> Coverage:
    return cover(instants(frame()["ts"]), timeframe=Timeframe.M1, session=session, now=DAYS[2], gap_tolerance=None)


def test_the_part_about_some_sessions_has_their_rows_and_no_others() -> None:
    every = [day + timedelta(minutes=n) for day in DAYS for n in (-1, 0, 1, 2, 3)]
    batch = SeriesBatch(
        symbol=DEFAULT_SYMBOLS[0],
        timeframe=Timeframe.M1,
        candles=frame(*every),
        rejected=frame(*every).assign(reason="volume is negative or infinite"),
        coverage=(closed_day(date(2026, 11, 17), Timeframe.M1), *(judged(session) for session in SESSIONS)),
        source="files",
    )
    some = [*batch.coverage[:2], batch.coverage[3]]
    part = batch.only(some)
    inside = [day + timedelta(minutes=n) for day in (DAYS[0], DAYS[2]) for n in (0, 1, 2)]
    pd.testing.assert_frame_equal(part.candles, frame(*inside))
    pd.testing.assert_frame_equal(part.rejected, frame(*inside).assign(reason="volume is negative or infinite"))
    assert part.coverage == tuple(some)
    assert (part.symbol, part.timeframe, part.source) == (batch.symbol, batch.timeframe, "files")


def test_rejected_days_stamped_with_their_date_are_of_their_session() -> None:
    midnights = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in DAYS]
    reason = "high is below open or close"
    batch = SeriesBatch(
        symbol=DEFAULT_SYMBOLS[0],
        timeframe=Timeframe.D1,
        rejected=frame(*midnights).assign(reason=reason),
        coverage=tuple(judged(session) for session in SESSIONS),
        source="files",
    )
    part = batch.only(batch.coverage[1:])
    pd.testing.assert_frame_equal(part.rejected, frame(*midnights[1:]).assign(reason=reason))
