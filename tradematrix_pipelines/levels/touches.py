"""Which levels the price has touched, and when first.

Here: the rule, on a session's minutes. Not here: which levels are watched and where touches are stored
(``storage.touches``), or who is notified.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.markets.sessions import from_instant

if TYPE_CHECKING:  # see candles.frame
    import pandas as pd

_MINUTE = timedelta(minutes=1)
# A fraction of the level: far below every tick size, and above rounding errors of pivots (1.2000000000000002 for 1.2).
_MARGIN = 1e-9


@dataclass(frozen=True, slots=True)
class Touch:
    """The first touch of one level.

    Attributes:
        level: its name.
        level_price: the level, in price units.
        price: close of the minute that touched it.
        at: when that minute closed, aware, UTC.
    """

    level: str
    level_price: float
    price: float
    at: datetime


def find_touches(minutes: "pd.DataFrame", levels: Mapping[str, float], *, previous_close: float | None) -> list[Touch]:
    """Return the first touch of each level, in the order in which they happened; a level not touched is absent.

    A minute touches a level when

    - it traded there: low <= level <= high, both bounds included; or
    - the price jumped over it: the level lies between the close before the minute and the minute's range, neither
      included. The close before is that of the minute before in ``minutes``, however long ago, so a jump over
      missing minutes counts. A level that equals the close before is not touched by leaving it: the price has to
      come back. So a session that opens away from yesterday's close has not touched it.

    Prices that differ by less than a billionth are equal.

    Args:
        minutes: closed one-minute candles, shaped as ``candles.frame``.
        levels: finite prices by name.
        previous_close: the close before the first minute; with ``None``, the first minute can't jump over a level.
    """
    if minutes.empty or not levels:
        return []
    closes = minutes["close"].to_numpy(np.float64)
    before = np.concatenate([[np.nan if previous_close is None else previous_close], closes[:-1]])
    prices = np.fromiter(levels.values(), np.float64, len(levels))
    touched = _touched(minutes, before, prices)
    first = touched.argmax(axis=0)
    closed_at = instants(minutes["ts"])[first] + np.timedelta64(_MINUTE)
    names = list(levels)
    touches = [
        Touch(names[column], float(prices[column]), float(closes[row]), from_instant(closed_at[column]))
        for column, row in enumerate(first)
        if touched[row, column]
    ]
    return sorted(touches, key=lambda touch: touch.at)


def _touched(
    minutes: "pd.DataFrame", before: npt.NDArray[np.float64], levels: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Return whether each minute (rows) touches each level (columns)."""
    low, high = (minutes[name].to_numpy(np.float64)[:, np.newaxis] for name in ("low", "high"))
    before, margin = before[:, np.newaxis], levels * _MARGIN
    traded = (low - margin <= levels) & (levels <= high + margin)
    jumped_up = (before + margin < levels) & (levels < low)
    jumped_down = (high < levels) & (levels < before - margin)
    touched: npt.NDArray[np.bool_] = traded | jumped_up | jumped_down
    return touched
