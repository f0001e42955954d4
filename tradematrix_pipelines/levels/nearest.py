"""Where a price stands among levels. Pure.

Here: which levels are nearest to it. Not here: which levels there are (``daily``, ``pivots``).
"""

from collections.abc import Mapping


def nearest_levels(levels: Mapping[str, float], price: float) -> tuple[str | None, str | None]:
    """Return the names of the nearest level above a price, or at it, and of the nearest below it."""
    above = {name: value for name, value in levels.items() if value >= price}
    below = {name: value for name, value in levels.items() if value < price}
    return min(above, key=above.__getitem__, default=None), max(below, key=below.__getitem__, default=None)
