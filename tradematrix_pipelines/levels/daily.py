"""The day's levels: yesterday's prices, the previous week's range, and the average true range.

Here: the arithmetic on finished sessions. Not here: which sessions are complete enough to be used
(``history``).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

ATR_PERIOD = 14


@dataclass(frozen=True, kw_only=True, slots=True)
class DailyLevels:
    """The levels to trade one session with, in price units.

    Attributes:
        trade_date: the session they are for.
        y_trade_date: the last session before it; ``y_open`` to ``y_close`` are its prices.
        prev_week_high: highest high of the sessions of the ISO week before; ``None`` when there are none.
        prev_week_low: their lowest low.
        atr_14: mean of the last 14 true ranges; ``None`` with fewer than 15 sessions.
    """

    trade_date: date
    y_trade_date: date
    y_open: float
    y_high: float
    y_low: float
    y_close: float
    prev_week_high: float | None
    prev_week_low: float | None
    atr_14: float | None


def daily_levels(bars: pd.DataFrame, trade_date: date) -> DailyLevels:
    """Return the levels to trade ``trade_date`` with.

    Args:
        bars: one row a finished session: ``trade_date`` (``datetime.date``), open, high, low, close (float64),
            ascending, all before ``trade_date``. Two weeks and 15 sessions are enough.

    Raises:
        ValueError: there are no bars, or one is not before ``trade_date``.
    """
    if bars.empty:
        msg = f"no session before {trade_date}: its levels need at least one"
        raise ValueError(msg)
    last = bars.iloc[-1]
    if last["trade_date"] >= trade_date:
        msg = f"session {last['trade_date']} is not before {trade_date}: its prices can't be known by then"
        raise ValueError(msg)
    week = _previous_week(bars, trade_date)
    return DailyLevels(
        trade_date=trade_date,
        y_trade_date=last["trade_date"],
        y_open=float(last["open"]),
        y_high=float(last["high"]),
        y_low=float(last["low"]),
        y_close=float(last["close"]),
        prev_week_high=None if week.empty else float(week["high"].max()),
        prev_week_low=None if week.empty else float(week["low"].min()),
        atr_14=_average_true_range(bars),
    )


def _previous_week(bars: pd.DataFrame, trade_date: date) -> pd.DataFrame:
    monday = trade_date - timedelta(days=trade_date.weekday())
    dates = bars["trade_date"]
    return bars[(dates >= monday - timedelta(days=7)) & (dates < monday)]


def _average_true_range(bars: pd.DataFrame) -> float | None:
    """Return the arithmetic mean of the last 14 true ranges.

    This is the first value of the average true range (J. Welles Wilder, New Concepts in Technical Trading Systems,
    1978). Wilder smooths the following ones. A smoothed value depends on how much history is stored, this one does not.
    """
    if len(bars) <= ATR_PERIOD:
        return None
    high, low, close = (_column(bars, name) for name in ("high", "low", "close"))
    before = close[:-1]
    ranges = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    return float(ranges[-ATR_PERIOD:].mean())


def _column(bars: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    return bars[name].to_numpy(dtype=np.float64)[-ATR_PERIOD - 1 :]
