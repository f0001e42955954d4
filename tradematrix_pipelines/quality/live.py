"""Which minutes of a running session have to wait: far out, and not confirmed by those after them.

Here: the rule on stored minutes. Not here: what they would move (``storage.price_updates``), nor the judgement of the
session once it is over (``judge``).
"""

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.quality.bars import Floats, Mask
from tradematrix_pipelines.quality.thresholds import DEFAULTS, Thresholds

CONFIRMING = 2
"""Minutes after a far one that have to stay on its side."""

_BEFORE = 30
"""Minutes before it that say what is usual."""
_LEAST_BEFORE = 5
_PART = 0.25


def waiting(minutes: pd.DataFrame, *, thresholds: Thresholds = DEFAULTS) -> Mask:
    """Return which minutes do not count, so far: a boolean for each.

    A minute is far out when its high or low is away from the last close by more than ``wick_live`` times the usual
    range of the minutes before it. It waits, with those after it, for two more minutes. Where both close at least a
    quarter as far out, it counts; otherwise it does not, and the others do.

    Args:
        minutes: one-minute candles of one session, ascending (``candles.frame``).
    """
    count = len(minutes)
    mask = np.zeros(count, dtype=bool)
    if count <= _LEAST_BEFORE:
        return mask
    opens, highs, lows, closes = np.log(minutes[PRICES].to_numpy(np.float64).T)
    before = np.concatenate([opens[:1], closes[:-1]])
    ranges = np.maximum(highs, before) - np.minimum(lows, before)
    reach = np.maximum(highs - before, before - lows)
    usual = _usual(ranges)
    far = np.flatnonzero(reach[_LEAST_BEFORE:] > thresholds.wick_live * usual[_LEAST_BEFORE:]) + _LEAST_BEFORE
    level, start = 0.0, int(far[0]) if len(far) else count
    for i in range(start, count):
        # The close before that counts: not one of a minute that is far out itself.
        level = level if mask[i - 1] else closes[i - 1]
        up = highs[i] - level >= level - lows[i]
        distance = highs[i] - level if up else lows[i] - level
        if abs(distance) <= thresholds.wick_live * usual[i]:
            continue
        after = closes[i + 1 : i + 1 + CONFIRMING]
        if len(after) < CONFIRMING:
            mask[i:] = True
            break
        mask[i] = not (np.sign(distance) * (after - level) >= _PART * abs(distance)).all()
    return mask


def _usual(ranges: Floats) -> Floats:
    """Return the median range of the minutes before each one; of at least one smallest step."""
    medians = pd.Series(ranges).rolling(_BEFORE, min_periods=_LEAST_BEFORE).median().shift()
    least = float(np.median(ranges))
    usual: Floats = np.maximum(medians.fillna(np.inf).to_numpy(), max(least, np.finfo(np.float64).eps))
    return usual
