"""The day's levels: yesterday's prices, the previous week's range, and the average true range.

Here: the arithmetic on finished sessions. Not here: which sessions are complete enough to be used
(``history``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, get_args, get_type_hints

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # the table of levels is read by what shows no frame
    import pandas as pd

ATR_PERIOD = 14


@dataclass(frozen=True, slots=True)
class Level:
    """What is to be known of a daily level besides its number.

    Attributes:
        meaning: one line, for the table's column and for Dagster's.
        watched: whether it is recorded when the price first touches it.
        distance: whether it is a length in price units, not a price.
        optional: whether it may be ``None``; the type of the field says so.
    """

    meaning: str
    watched: bool = False
    distance: bool = False
    optional: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DailyLevels:
    """The levels to trade one session with, in price units: a field a level.

    The columns of the table and of ``tradematrix levels`` follow from the fields, and so do the levels to watch.

    Attributes:
        trade_date: the session they are for.
        y_trade_date: the last session before it; ``y_open`` to ``y_close`` are its prices.
    """

    trade_date: date
    y_trade_date: date
    y_open: Annotated[float, Level("open of the last session")]
    y_high: Annotated[float, Level("high of the last session", watched=True)]
    y_low: Annotated[float, Level("low of the last session", watched=True)]
    y_close: Annotated[float, Level("close of the last session", watched=True)]
    prev_week_high: Annotated[
        float | None, Level("highest high of the ISO week before; null where that week is not stored completely")
    ]
    prev_week_low: Annotated[
        float | None, Level("lowest low of the ISO week before; null where that week is not stored completely")
    ]
    atr_14: Annotated[float | None, Level("mean of 14 true ranges; null without 15 sessions in a row", distance=True)]


def _declared() -> Mapping[str, Level]:
    hints = get_type_hints(DailyLevels, include_extras=True)
    levels = {name: get_args(hint) for name, hint in hints.items() if hint is not date}
    return MappingProxyType(
        {name: replace(level, optional=type(None) in get_args(kind)) for name, (kind, level) in levels.items()}
    )


LEVELS = _declared()
"""The levels by name, in the order in which they are shown."""

DISTANCES = frozenset(name for name, level in LEVELS.items() if level.distance)
"""Those that are no prices."""


def daily_levels(bars: "pd.DataFrame", trade_date: date) -> DailyLevels:
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


def _previous_week(bars: "pd.DataFrame", trade_date: date) -> "pd.DataFrame":
    monday = trade_date - timedelta(days=trade_date.weekday())
    dates = bars["trade_date"]
    return bars[(dates >= monday - timedelta(days=7)) & (dates < monday)]


def _average_true_range(bars: "pd.DataFrame") -> float | None:
    """Return the arithmetic mean of the last 14 true ranges.

    This is the first value of the average true range (J. Welles Wilder, New Concepts in Technical Trading Systems,
    1978). Wilder smooths the following ones. A smoothed value depends on how much history is stored, this one does not.
    """
    if len(bars) <= ATR_PERIOD:
        return None
    high, low, close = (_column(bars, name) for name in ("high", "low", "close"))
    before = close[:-1]
    ranges = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    return float(ranges.mean())


def _column(bars: "pd.DataFrame", name: str) -> npt.NDArray[np.float64]:
    return bars[name].to_numpy(dtype=np.float64)[-ATR_PERIOD - 1 :]
