"""How complete the candles of sessions are: expected, received, rejected, gaps.

Here: coverage from the opens of bars, of one session or of many. Not here: what coverage is (``coverage``).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.candles.coverage import Coverage, Status, closed_day
from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.candles.placement import Indices, spans
from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.markets.timeframes import Timeframe

if TYPE_CHECKING:  # see candles.frame
    import pandas as pd

_MINUTE = np.timedelta64(1, "m")


def cover(
    opens: Instants,
    *,
    timeframe: Timeframe,
    session: Session,
    now: datetime,
    gap_tolerance: int | None,
    rejected: int = 0,
    outside: int = 0,
    source: str | None = None,
) -> Coverage:
    """Judge one session.

    With ``gap_tolerance=None`` it is complete when every bar that had closed at ``now`` is there. With a tolerance,
    an intraday timeframe is complete when it has a bar and no gap is longer, in minutes. The tolerance is the same for
    every timeframe, so a missing hour needs 60. A daily bar is there or not. Before the first bar has closed nothing
    is expected, and the session is ``missing`` and not final.

    Where the market may open late or close early, only the bars of the certain hours are required, and of the others
    those that are there are expected. A day on which it may be closed, and has no bar at its close, was closed.

    Args:
        opens: opens of the session's candles, ascending.
        now: aware.
    """
    end = to_instant(now)
    grid = session.bar_opens(timeframe)
    closes = _bar_closes(grid, session, timeframe)
    due = grid[closes <= end]
    final = now >= session.closes_at
    if session.may_be_closed and final and not len(opens):
        return replace(
            closed_day(session.trade_date, timeframe), opens_at=session.opens_at, closes_at=session.closes_at
        )
    expected = len(due)
    if session.may_open_at or session.may_close_at:
        required = _required(due, closes[: len(due)], session, timeframe)
        expected = int(np.count_nonzero(required | np.isin(due, opens)))
    gap = _longest_gap(opens, due, session, timeframe)
    complete = len(opens) == expected if gap_tolerance is None or timeframe is Timeframe.D1 else gap <= gap_tolerance
    return Coverage(
        timeframe=timeframe,
        trade_date=session.trade_date,
        status=Status.MISSING if not len(opens) else Status.COMPLETE if complete else Status.PARTIAL,
        final=final,
        expected=expected,
        received=len(opens),
        rejected=rejected,
        outside=outside,
        longest_gap=gap,
        source=source,
        opens_at=session.opens_at,
        closes_at=session.closes_at,
    )


def cover_many(
    ts: "pd.Series[pd.Timestamp]",
    *,
    timeframe: Timeframe,
    sessions: Sequence[Session],
    now: datetime,
    gap_tolerance: int | None,
    rejected: "pd.Series[pd.Timestamp] | None" = None,
    raw: "pd.Series[pd.Timestamp] | None" = None,
    source: str | None = None,
) -> list[Coverage]:
    """Judge many sessions as :func:`cover` judges one, and count the rejected rows and those outside.

    Args:
        ts: the ``ts`` column of the candles, ascending; those of other sessions don't count.
        sessions: ascending.
        rejected: the ``ts`` column of the rejected rows; those without a time are of no session.
        raw: the ``ts`` column of the vendor's rows: those in none of ``sessions`` are counted as ``outside`` with
            the session nearest to them.
    """
    where = spans(sessions)
    opens = instants(ts)
    begins, ends = np.searchsorted(opens, where.opens), np.searchsorted(opens, where.closes)
    count = len(sessions)
    rejections, strays = np.zeros(count, dtype=np.intp), np.zeros(count, dtype=np.intp)
    if rejected is not None:
        rejections = _tally(where.locate_raw(instants(rejected), timeframe), count)
    if raw is not None:
        times = instants(raw)
        strays = _tally(where.nearest(times[where.locate_raw(times, timeframe) < 0]), count)
    return [
        cover(
            opens[begins[i] : ends[i]],
            timeframe=timeframe,
            session=session,
            now=now,
            gap_tolerance=gap_tolerance,
            rejected=int(rejections[i]),
            outside=int(strays[i]),
            source=source,
        )
        for i, session in enumerate(sessions)
    ]


def _tally(index: Indices, count: int) -> npt.NDArray[np.intp]:
    return np.bincount(index[index >= 0], minlength=count)


def _bar_closes(opens: Instants, session: Session, timeframe: Timeframe) -> Instants:
    close = to_instant(session.closes_at)
    if timeframe.minutes is None:
        return np.full(len(opens), close)
    return np.minimum(opens + np.timedelta64(timeframe.minutes, "m"), close)


def _required(opens: Instants, closes: Instants, session: Session, timeframe: Timeframe) -> npt.NDArray[np.bool_]:
    """Return which bars of the grid have to be there: those that overlap the certain hours, if with a part only.

    The daily bar always has to.
    """
    if timeframe.minutes is None:
        return np.ones(len(opens), dtype=bool)
    required: npt.NDArray[np.bool_] = (closes > to_instant(session.required_from)) & (
        opens < to_instant(session.required_until)
    )
    return required


def _longest_gap(opens: Instants, grid: Instants, session: Session, timeframe: Timeframe) -> int:
    """Return the longest gap of the certain hours, in whole minutes, from the session's open to the end of ``grid``."""
    if not len(grid):
        return 0
    closes = _bar_closes(opens, session, timeframe)
    starts = np.concatenate([[to_instant(session.opens_at)], closes])
    ends = np.concatenate([opens, _bar_closes(grid[-1:], session, timeframe)])
    certain = to_instant(session.required_from), to_instant(session.required_until)
    starts, ends = np.clip(starts, *certain), np.clip(ends, *certain)
    gaps = ends - starts
    if session.break_starts_at is not None and session.break_ends_at is not None:
        pause = to_instant(session.break_starts_at), to_instant(session.break_ends_at)
        idle = np.minimum(ends, pause[1]) - np.maximum(starts, pause[0])
        gaps = gaps - np.maximum(idle, np.timedelta64(0, "us"))
    return max(0, int(gaps.max() // _MINUTE))
