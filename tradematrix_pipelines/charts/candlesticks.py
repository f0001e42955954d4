"""A candlestick chart with levels, as a scene: candles, axes, a line for each level, and its label beside it.

Here: where everything goes. Not here: drawing it (``svg``, ``png``), or which candles and levels there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from tradematrix_pipelines.charts.labels import spread
from tradematrix_pipelines.charts.scale import PriceScale, fit
from tradematrix_pipelines.charts.scene import Box, Line, Role, Scene, Text

WIDTH, HEIGHT = 900, 400
LABEL_HEIGHT: Final = 16.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 84.0, 176.0, 12.0, 26.0
_LEADER = 18.0
_BODY = 0.7
_MOST_TICKS, _TICK_ROOM = 8, 60.0
_THINNEST_BODY = 1.0

Part = Line | Box | Text


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartCandle:
    """A candle of the chart, in price units, and the session that it belongs to."""

    trade_date: date
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartLevel:
    """A horizontal line at a price."""

    name: str
    price: float
    role: Role


def draw_candlesticks(
    candles: Sequence[ChartCandle],
    levels: Sequence[ChartLevel],
    *,
    title: str,
    digits: int,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Scene:
    """Return the chart of candles, ascending, with those of the levels that are near enough to be seen beside them.

    Args:
        digits: of prices, after the point.

    Raises:
        ValueError: there are no candles.
    """
    if not candles:
        msg = "a chart needs at least one candle"
        raise ValueError(msg)
    scale = fit(
        [candle.low for candle in candles],
        [candle.high for candle in candles],
        [level.price for level in levels],
        top=_TOP,
        bottom=height - _BOTTOM,
    )
    shown = sorted((level for level in levels if scale.contains(level.price)), key=lambda level: -level.price)
    right = width - _RIGHT
    parts = [
        *_prices(scale, right, digits),
        *_dates(candles, scale, right),
        *_bodies(candles, scale, right),
        *_levels(shown, scale, right, digits),
    ]
    return Scene(width=width, height=height, title=title, parts=parts)


def _prices(scale: PriceScale, right: float, digits: int) -> Iterator[Part]:
    for price in scale.ticks(_MOST_TICKS):
        y = scale.y(price)
        yield Line(x1=_LEFT, y1=y, x2=right, y2=y, role=Role.GRID)
        yield Text(x=_LEFT - 8, y=y, text=f"{price:,.{digits}f}", role=Role.AXIS, anchor="end")


def _dates(candles: Sequence[ChartCandle], scale: PriceScale, right: float) -> Iterator[Part]:
    """Yield a line where a session begins, and its date where there is room for it."""
    step, free_from = (right - _LEFT) / len(candles), _LEFT
    for index, candle in enumerate(candles):
        if index and candle.trade_date == candles[index - 1].trade_date:
            continue
        x = _LEFT + index * step
        if x < free_from or x > right - _TICK_ROOM / 2:
            continue
        yield Line(x1=x, y1=scale.top, x2=x, y2=scale.bottom, role=Role.GRID)
        yield Text(x=x + 2, y=scale.bottom + 14, text=f"{candle.trade_date:%a %d %b}", role=Role.AXIS)
        free_from = x + _TICK_ROOM + 16


def _bodies(candles: Sequence[ChartCandle], scale: PriceScale, right: float) -> Iterator[Part]:
    step = (right - _LEFT) / len(candles)
    for index, candle in enumerate(candles):
        role = Role.UP if candle.close >= candle.open else Role.DOWN
        middle = _LEFT + (index + 0.5) * step
        yield Line(x1=middle, y1=scale.y(candle.high), x2=middle, y2=scale.y(candle.low), role=role)
        top, bottom = sorted((scale.y(candle.open), scale.y(candle.close)))
        size = max(_THINNEST_BODY, bottom - top)
        yield Box(x=middle - step * _BODY / 2, y=top, width=step * _BODY, height=size, role=role)


def _levels(levels: Sequence[ChartLevel], scale: PriceScale, right: float, digits: int) -> Iterator[Part]:
    wanted = [scale.y(level.price) for level in levels]
    middles = spread(wanted, height=LABEL_HEIGHT, top=scale.top - 8, bottom=scale.bottom + 8)
    for level, y, middle in zip(levels, wanted, middles, strict=True):
        yield Line(x1=_LEFT, y1=y, x2=right, y2=y, role=level.role, dashed=level.role is not Role.LAST)
        yield Line(x1=right, y1=y, x2=right + _LEADER, y2=middle, role=level.role)
        text = f"{level.name} {level.price:,.{digits}f}"
        yield Text(x=right + _LEADER + 4, y=middle, text=text, role=level.role)
