"""A scene as PNG, drawn by Pillow, with its own font: what it looks like depends on no font of the machine."""

import math
from io import BytesIO
from types import MappingProxyType

from PIL import Image, ImageDraw, ImageFont

from tradematrix_pipelines.charts.scene import Box, Line, Role, Scene, Text

_BACKGROUND = "#ffffff"
_COLOURS = MappingProxyType(
    {
        Role.GRID: "#e8ecf0",
        Role.AXIS: "#566170",
        Role.UP: "#0b7461",
        Role.DOWN: "#b53a1d",
        Role.DAILY: "#2b3440",
        Role.PIVOT: "#7b4aa0",
        Role.RESISTANCE: "#855a00",
        Role.SUPPORT: "#0b5cc4",
        Role.LAST: "#000000",
    }
)
_FONT_SIZE = 12.0
_ANCHORS = MappingProxyType({"start": "lm", "middle": "mm", "end": "rm"})
_DASH, _SPACE = 5.0, 3.0


def to_png(scene: Scene) -> bytes:
    """Return the scene on white; a few colours, so that it takes few bytes."""
    image = Image.new("RGB", (scene.width, scene.height), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(_FONT_SIZE)
    for part in scene.parts:
        if isinstance(part, Line):
            _draw_line(draw, part)
        elif isinstance(part, Box):
            corners = (round(part.x), round(part.y), round(part.x + part.width) - 1, round(part.y + part.height))
            draw.rectangle((*corners[:2], max(corners[0], corners[2]), corners[3]), fill=_COLOURS[part.role])
        else:
            _draw_text(draw, part, font)
    written = BytesIO()
    image.quantize(32).save(written, format="PNG", optimize=True)
    return written.getvalue()


def _draw_line(draw: ImageDraw.ImageDraw, line: Line) -> None:
    length = math.hypot(line.x2 - line.x1, line.y2 - line.y1)
    dash = _DASH if line.dashed else length
    start = 0.0
    while start < length:
        end = min(length, start + dash)
        points = [
            (line.x1 + (line.x2 - line.x1) * part / length, line.y1 + (line.y2 - line.y1) * part / length)
            for part in (start, end)
        ]
        draw.line(points, fill=_COLOURS[line.role], width=1)
        start = end + _SPACE


def _draw_text(draw: ImageDraw.ImageDraw, text: Text, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> None:
    draw.text((text.x, text.y), text.text, fill=_COLOURS[text.role], font=font, anchor=_ANCHORS[text.anchor])
