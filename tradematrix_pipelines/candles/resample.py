"""Coarser bars from finer ones, anchored at each session's open."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradematrix_pipelines.candles.frame import TS_DTYPE, VALUES, instants
from tradematrix_pipelines.candles.placement import Indices, Spans, spans
from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.markets.timeframes import Length, Timeframe

Column = npt.NDArray[np.float64]


def resample(
    minutes: pd.DataFrame,
    *,
    timeframe: Length,
    sessions: Sequence[Session],
    now: datetime,
    base: Timeframe = Timeframe.M1,
) -> pd.DataFrame:
    """Return the bars of a coarser timeframe that had closed at ``now``.

    A bar has the first open, the highest high, the lowest low, the last close, and the sum of the volumes that
    are given (NaN when none is). It opens on the grid that starts with its session, and the daily bar with the
    session; the session's close cuts the last one short. Rows outside the sessions don't count. A bar without
    any row is absent; ``coverage`` judges whether there are enough rows.

    Args:
        minutes: candles of ``base`` (``candles.frame``), any order, each ``ts`` once.
        timeframe: a multiple of ``base``.
        sessions: ascending.
        now: aware.
    """
    where = spans(sessions)
    ts = instants(minutes["ts"])
    columns = {name: minutes[name].to_numpy() for name in VALUES}
    known = _first_rows(ts, where, timeframe)
    if known is None:
        index = where.locate(ts, base)
        rows = _rows(ts, index)
        if rows is not None:
            ts, index, columns = ts[rows], index[rows], {name: column[rows] for name, column in columns.items()}
        opens = _bar_opens(ts, where, index, timeframe)
        first = np.flatnonzero(np.diff(opens, prepend=np.datetime64("NaT", "us")) != np.timedelta64(0, "us"))
        opens, index = opens[first], index[first]
    else:
        first, opens, index = known
    bars = _aggregate(columns, opens, first)
    closed = where.bar_closes(opens, index, timeframe) <= to_instant(now)
    return bars if closed.all() else bars[closed].reset_index(drop=True)


def _first_rows(ts: Instants, where: Spans, timeframe: Length) -> tuple[npt.NDArray[np.intp], Instants, Indices] | None:
    """Return each bar's first row, open and session, found by the grid; ``None`` where each row has to be looked at.

    That is so unless the rows are ascending, all inside sessions, and no session has a break.
    """
    times = ts.view(np.int64)
    if not len(times) or not (times[1:] > times[:-1]).all() or not np.isnat(where.break_starts).all():
        return None
    opens, closes, index = where.grid(timeframe)
    first, end = (np.searchsorted(times, edges.view(np.int64)) for edges in (opens, closes))
    filled = end > first
    first, end = first[filled], end[filled]
    if not len(first) or first[0] != 0 or end[-1] != len(ts) or (first[1:] != end[:-1]).any():
        return None
    return first, opens[filled], index[filled]


def _rows(ts: Instants, index: Indices) -> npt.NDArray[np.intp] | None:
    """Return the rows inside sessions, by time; ``None`` for all of them in their given order, which saves a copy."""
    inside = index >= 0
    if inside.all() and (ts[1:] > ts[:-1]).all():
        return None
    rows = np.flatnonzero(inside)
    return rows[np.argsort(ts[rows], kind="stable")]


def _bar_opens(ts: Instants, where: Spans, index: Indices, timeframe: Length) -> Instants:
    anchors = where.opens[index]
    if timeframe.minutes is None:
        return anchors
    return ts - (ts - anchors) % np.timedelta64(timeframe.minutes, "m")


def _aggregate(columns: dict[str, Column], opens: Instants, first: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Merge rows (sorted) into bars; ``first`` holds the position of each bar's first row."""
    times = pd.Series(opens).dt.tz_localize("UTC").astype(TS_DTYPE)
    if not len(first):
        return pd.DataFrame({"ts": times, **columns})
    last = np.append(first[1:], len(columns["close"])) - 1
    return pd.DataFrame(
        {
            "ts": times,
            "open": columns["open"][first],
            "high": np.maximum.reduceat(columns["high"], first),
            "low": np.minimum.reduceat(columns["low"], first),
            "close": columns["close"][last],
            "volume": _sums(columns["volume"], first),
        }
    )


def _sums(volumes: Column, first: npt.NDArray[np.intp]) -> Column:
    sums: Column = np.add.reduceat(volumes, first)
    if not np.isnan(sums).any():
        return sums
    given = ~np.isnan(volumes)
    sums = np.add.reduceat(np.where(given, volumes, 0.0), first)
    return np.where(np.logical_or.reduceat(given, first), sums, np.nan)
