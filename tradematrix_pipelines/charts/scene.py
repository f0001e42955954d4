"""What a chart consists of: lines, boxes and texts in pixels, each with a role that gives it its colour.

Here: the parts as values. Not here: where they go (``candlesticks``), or how they are drawn (``svg``, ``png``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """What a part stands for."""

    GRID = "grid"
    AXIS = "axis"
    UP = "up"
    DOWN = "down"
    DAILY = "daily"
    PIVOT = "pivot"
    RESISTANCE = "resistance"
    SUPPORT = "support"
    LAST = "last"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A straight line of one pixel."""

    x1: float
    y1: float
    x2: float
    y2: float
    role: Role
    dashed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A filled rectangle; ``x`` and ``y`` are its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A line of text; ``y`` is the middle of its height, ``x`` where its ``anchor`` lies."""

    x: float
    y: float
    text: str
    role: Role
    anchor: Literal["start", "middle", "end"] = "start"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A chart, ready to be drawn. Parts that come later cover earlier ones.

    Attributes:
        width: in pixels, as ``height``.
        title: what it shows, in one line, for who can't see it.
    """

    width: int
    height: int
    title: str
    parts: Sequence[Line | Box | Text]
