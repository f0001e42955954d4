"""A session's candles as arrays, and what detectors need of them, computed once.

Here: positions on the session's grid, log prices, ranges. Not here: anything that judges (the detectors), or that
outlives the session (``summary``).
"""

from datetime import datetime
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradematrix_pipelines.candles.frame import PRICES, instants
from tradematrix_pipelines.markets.sessions import Instants, Session, from_instant
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.fingerprints import Hashes, fingerprints

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]

_REACH = 15
"""Bars on each side that make a bar's usual range."""
_DECIMALS = 9
_NEAR_WHOLE = 1e-3
_MOST = 0.8


class SessionBars:
    """The candles of one session; all arrays have one element a bar, by time.

    Attributes:
        ts: opens of the bars, UTC, ``datetime64[us]``.
        slots: positions of the bars on the session's grid, from 0.
        expected: length of that grid.
        prices: one row each for open, high, low and close, float64.
        open, high, low, close: these rows.
        log_open, log_high, log_low, log_close: their natural logarithms.
    """

    def __init__(self, ts: Instants, prices: Floats, grid: Instants) -> None:
        """Take the bars that lie on ``grid`` (ascending); ``prices`` has the rows open, high, low and close."""
        slots = np.minimum(np.searchsorted(grid, ts), len(grid) - 1)
        on_grid = grid[slots] == ts
        self.ts: Instants = ts[on_grid]
        self.slots: Positions = slots[on_grid]
        self.grid = grid
        self.expected = len(grid)
        self.prices = prices[:, on_grid]
        self.open, self.high, self.low, self.close = self.prices
        self.log_open, self.log_high, self.log_low, self.log_close = np.log(self.prices)

    @classmethod
    def of(cls, candles: pd.DataFrame, session: Session, timeframe: Timeframe) -> Self:
        """Return those candles (``candles.frame``) that are bars of the session."""
        prices = np.stack([candles[name].to_numpy() for name in PRICES])
        return cls(instants(candles["ts"]), prices, session.bar_opens(timeframe))

    def __len__(self) -> int:
        return len(self.ts)

    def at(self, position: int) -> datetime:
        """Return the open of a bar, aware, UTC."""
        return from_instant(self.ts[position])

    @cached_property
    def true_ranges(self) -> Floats:
        """Log true range of each bar: its high and low, the close before included."""
        before = np.concatenate([self.log_open[:1], self.log_close[:-1]])
        ranges: Floats = np.maximum(self.log_high, before) - np.minimum(self.log_low, before)
        return ranges

    @cached_property
    def true_range(self) -> float:
        """Median of the log true ranges."""
        return float(np.median(self.true_ranges))

    @cached_property
    def returns(self) -> Floats:
        """Log returns from close to close, the first from the session's open."""
        return np.diff(self.log_close, prepend=self.log_open[:1])

    @cached_property
    def step(self) -> float:
        """The coarsest step that all prices are multiples of, in price units; 0 where they have no such step."""
        return price_step(self.prices.ravel())

    @cached_property
    def fingerprints(self) -> Hashes:
        """Hashes of each three bars in a row (``fingerprints.fingerprints``)."""
        return fingerprints(self.prices)

    @cached_property
    def log_step(self) -> float:
        """The price step as a part of the price."""
        return self.step / float(self.close[-1])

    @cached_property
    def least_range(self) -> float:
        """The smallest usual range of a bar: the session's median true range, one price step at least."""
        return max(self.true_range, self.log_step, np.finfo(np.float64).eps)

    def usual_range(self, position: int) -> float:
        """Return the usual log range of a bar there: the median true range around it, ``least_range`` at least."""
        around = self.true_ranges[max(position - _REACH, 0) : position + _REACH + 1]
        return max(float(np.median(around)), self.least_range)


def price_step(prices: Floats) -> float:
    """Return the step that most prices are multiples apart, in price units; 0 where there is none.

    A fifth may have more decimals than the others. Prices with more than nine have no step, and neither have equal
    ones.
    """
    for decimals in range(_DECIMALS + 1):
        scaled = prices * 10.0**decimals
        if not (np.abs(scaled) < 2**53).all():
            return 0.0
        ticks = np.rint(scaled)
        whole = np.abs(scaled - ticks) < _NEAR_WHOLE
        if np.count_nonzero(whole) >= _MOST * len(prices):
            ticks = ticks[whole].astype(np.int64)
            return float(np.gcd.reduce(ticks - ticks[0])) / 10.0**decimals
    return 0.0
