"""Isolated bad ticks: bars far from the bars around them."""

import numpy as np
import numpy.typing as npt

Prices = npt.NDArray[np.float64]

_WIDTH = 5
_LEAST = 3


def jumps(closes: Prices, lows: Prices, highs: Prices, *, max_jump: float) -> npt.NDArray[np.bool_]:
    """Return which bars have a price further than ``max_jump`` from the median close around them.

    The median is that of five closes with the bar in the middle (of three or four at the ends); ``max_jump`` is a
    fraction of it. One or two bad bars among good ones stand out against it. A true change of level
    passes, however large: the bars on each side of it have the majority of their window on their own side, so the
    median changes level with them. Only at the very end, where no bar follows yet, a change of level looks like a
    bad tick; it passes once the bars after it are there.

    Args:
        closes: positive and finite, in order of time; so are lows and highs, which bound opens and closes.

    Returns:
        One flag a bar; all false for fewer than three bars, which have no majority.
    """
    if len(closes) < _LEAST:
        return np.zeros(len(closes), dtype=bool)
    medians = _rolling_medians(closes)
    # Prices near the largest float would overflow to infinity, which compares as it should.
    with np.errstate(over="ignore"):
        reach = max_jump * medians
        return (highs - medians > reach) | (medians - lows > reach)


def _rolling_medians(closes: Prices) -> Prices:
    # Halved, so that the mean of two huge closes in the middle of a window of four does not overflow.
    half, side = closes / 2, _WIDTH // 2
    medians = np.empty_like(half)
    if len(half) >= _WIDTH:
        medians[side:-side] = np.median(np.lib.stride_tricks.sliding_window_view(half, _WIDTH), axis=1)
    ends = {*range(min(side, len(half))), *range(max(len(half) - side, 0), len(half))}
    for i in ends:
        medians[i] = np.median(half[max(i - side, 0) : i + side + 1])
    return medians * 2
