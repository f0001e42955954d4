"""Bars in the simulator: plain arrays, and coarser bars derived from minutes.

Here: pure array work. Not here: where minutes come from (``prices``, ``recorded``), or the faults applied to them
(``apply_faults``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.markets.sessions import Instants, Session
from tradematrix_pipelines.markets.timeframes import Timeframe

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars in ascending order.

    Attributes:
        ts: opens, UTC, ``datetime64[us]``; of a daily bar midnight of its trade date.
        ohlcv: one row a bar: open, high, low, close, volume (NaN where there is none).
    """

    ts: Instants
    ohlcv: Floats

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, rows: "slice | Mask | npt.NDArray[np.intp]") -> "Bars":
        return Bars(self.ts[rows], self.ohlcv[rows])


NO_BARS = Bars(np.empty(0, dtype="datetime64[us]"), np.empty((0, 5)))


def concat(parts: Sequence[Bars]) -> Bars:
    """Return the bars of all parts, one after the other."""
    if not parts:
        return NO_BARS
    return Bars(np.concatenate([part.ts for part in parts]), np.concatenate([part.ohlcv for part in parts]))


def aggregate(minutes: Bars, sessions: Sequence[Session], timeframe: Timeframe) -> Bars:
    """Return the bars of ``timeframe`` derived from ``minutes``, anchored at each session's open.

    A bar without a minute is absent; the last may have fewer minutes than its length.
    """
    if timeframe is Timeframe.M1 or not len(minutes):
        return minutes
    opens = np.concatenate([session.bar_opens(timeframe) for session in sessions])
    firsts = np.searchsorted(minutes.ts, opens)
    filled = firsts < np.append(firsts[1:], len(minutes))
    firsts, opens = firsts[filled], opens[filled]
    lasts = np.append(firsts[1:], len(minutes)) - 1
    ohlcv = minutes.ohlcv
    bars = np.column_stack(
        [
            ohlcv[firsts, OPEN],
            np.maximum.reduceat(ohlcv[:, HIGH], firsts),
            np.minimum.reduceat(ohlcv[:, LOW], firsts),
            ohlcv[lasts, CLOSE],
            np.add.reduceat(ohlcv[:, VOLUME], firsts),
        ]
    )
    if timeframe is Timeframe.D1:
        dates = np.array([session.trade_date for session in sessions], dtype="datetime64[us]")
        opens = dates[filled]
    return Bars(opens, bars)
