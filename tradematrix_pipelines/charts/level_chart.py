"""The chart of a symbol's newest candles with the levels of one trade date.

Here: which levels are drawn, and how each kind looks. Not here: reading them (``storage.level_charts``).
"""

from collections.abc import Mapping, Sequence

from tradematrix_pipelines.charts.candlesticks import ChartCandle, ChartLevel, draw_candlesticks
from tradematrix_pipelines.charts.scene import Role, Scene
from tradematrix_pipelines.levels.daily import DISTANCES
from tradematrix_pipelines.levels.names import short_name

_KINDS = {"r": Role.RESISTANCE, "s": Role.SUPPORT, "p": Role.PIVOT}


def level_chart(
    candles: Sequence[ChartCandle],
    *,
    daily: Mapping[str, float | None],
    pivots: Mapping[str, float | None],
    last: float | None,
    title: str,
    digits: int,
) -> Scene:
    """Return the chart; a level that is ``None`` and one that is no price are left out.

    Args:
        daily: levels by the name of their column; ``pivots``: those of one method by name, ``pp``, ``r1`` …
        last: the newest price.
        digits: of prices, after the point.
    """
    drawn = [
        ChartLevel(name=short_name(name), price=price, role=Role.DAILY)
        for name, price in daily.items()
        if price is not None and name not in DISTANCES and name != "y_open"
    ]
    drawn += [
        ChartLevel(name=short_name(name), price=price, role=_KINDS[name[0]])
        for name, price in pivots.items()
        if price is not None
    ]
    if last is not None:
        drawn.append(ChartLevel(name="last", price=last, role=Role.LAST))
    return draw_candlesticks(candles, drawn, title=title, digits=digits)
