"""Gaps in the minutes of a session that is still open: where the first is, and which coarser bars they make wrong.

A gap is a run of absent minutes that is longer than the symbol's gap tolerance; without a tolerance, any run. Minutes
in which the market may be closed are in none.
"""

from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.markets.sessions import Instants, Session, from_instant, to_instant
from tradematrix_pipelines.markets.timeframes import Timeframe

_MINUTE = np.timedelta64(1, "m")


def without_incomplete_bars(
    minutes: pd.DataFrame, *, timeframe: Timeframe, session: Session, now: datetime, gap_tolerance: int | None
) -> pd.DataFrame:
    """Return the minutes of those bars of a coarser timeframe that have no gap in them up to ``now``.

    A bar with a gap might have another high or low than the minutes that are there.

    Args:
        minutes: one-minute candles of ``session`` (``candles.frame``).
        timeframe: an intraday one, coarser than a minute.
    """
    opens = instants(minutes["ts"])
    absent = _gaps(opens, session, now, gap_tolerance)
    incomplete = np.isin(_bars(opens, session, timeframe), _bars(absent, session, timeframe))
    return minutes[~incomplete].reset_index(drop=True) if incomplete.any() else minutes


def first_gap(minutes: pd.DataFrame, *, session: Session, now: datetime, gap_tolerance: int | None) -> datetime | None:
    """Return the first minute of the first gap up to ``now``, aware, UTC; ``None`` = there is none."""
    absent = _gaps(instants(minutes["ts"]), session, now, gap_tolerance)
    return from_instant(absent[0]) if len(absent) else None


def _gaps(opens: Instants, session: Session, now: datetime, gap_tolerance: int | None) -> Instants:
    """Return the minutes that lie in gaps."""
    grid = session.bar_opens(Timeframe.M1)
    required = to_instant(session.required_from), min(to_instant(session.required_until), to_instant(now))
    grid = grid[(grid >= required[0]) & (grid + _MINUTE <= required[1])]
    return grid[_in_long_runs(~np.isin(grid, opens), longer_than=gap_tolerance or 0)]


def _bars(opens: Instants, session: Session, timeframe: Timeframe) -> npt.NDArray[np.int64]:
    """Return the number, within the session, of the bar that each minute belongs to."""
    numbers: npt.NDArray[np.int64] = (opens - to_instant(session.opens_at)) // np.timedelta64(
        timeframe.minutes or 1, "m"
    )
    return numbers


def _in_long_runs(flags: npt.NDArray[np.bool_], *, longer_than: int) -> npt.NDArray[np.bool_]:
    """Return ``flags`` without the runs of true ones that are not longer than ``longer_than``."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    kept = np.zeros(len(flags), dtype=np.bool_)
    for start, end in zip(starts, ends, strict=True):
        if end - start > longer_than:
            kept[start:end] = True
    return kept
