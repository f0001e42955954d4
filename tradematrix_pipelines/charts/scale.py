"""From prices to pixels, and the prices that an axis names."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MARGIN = 0.04
_REACH = 0.6
"""How far outside the candles a level is drawn, in parts of their range: a farther one would flatten them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceScale:
    """Maps the prices ``low`` to ``high`` to the pixels ``bottom`` to ``top``."""

    low: float
    high: float
    top: float
    bottom: float

    def y(self, price: float) -> float:
        """Return the pixel of a price, downwards from the top."""
        return self.bottom - (price - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def contains(self, price: float) -> bool:
        """Whether a price is within the scale."""
        return self.low <= price <= self.high

    def ticks(self, most: int) -> list[float]:
        """Return round prices within the scale, ascending, not more than ``most``."""
        step = _round_step((self.high - self.low) / most)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [number * step for number in range(first, last + 1)][:most]


def fit(
    lows: Sequence[float], highs: Sequence[float], levels: Sequence[float], *, top: float, bottom: float
) -> PriceScale:
    """Return the scale that shows all candles, and the levels that are near enough to them."""
    low, high = min(lows), max(highs)
    reach = (high - low) * _REACH
    near = [price for price in levels if low - reach <= price <= high + reach]
    low, high = min(low, *near, low), max(high, *near, high)
    margin = (high - low) * _MARGIN or abs(high) * _MARGIN or 1.0
    return PriceScale(low=low - margin, high=high + margin, top=top, bottom=bottom)


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 2.5 and 5 times a power of ten that is not below ``least``."""
    power: float = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in _STEPS if factor * power >= least), 10 * power)
