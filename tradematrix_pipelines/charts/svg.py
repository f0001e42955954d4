"""A scene as SVG. The classes of its parts are their roles, so that the page that it is in gives it its colours."""

from html import escape

from tradematrix_pipelines.charts.scene import Box, Line, Scene, Text


def to_svg(scene: Scene) -> str:
    """Return an ``<svg>`` element without a size of its own, as wide as the page gives it room."""
    parts = "".join(_element(part) for part in scene.parts)
    title = escape(scene.title)
    return (
        f'<svg class="chart" viewBox="0 0 {scene.width} {scene.height}" role="img" aria-label="{title}" '
        f'xmlns="http://www.w3.org/2000/svg">{parts}</svg>'
    )


def _element(part: Line | Box | Text) -> str:
    if isinstance(part, Line):
        dashed = " dashed" if part.dashed else ""
        points = f'x1="{part.x1:.1f}" y1="{part.y1:.1f}" x2="{part.x2:.1f}" y2="{part.y2:.1f}"'
        return f'<line class="{part.role}{dashed}" {points}/>'
    if isinstance(part, Box):
        size = f'x="{part.x:.1f}" y="{part.y:.1f}" width="{part.width:.1f}" height="{part.height:.1f}"'
        return f'<rect class="{part.role}" {size}/>'
    at = f'x="{part.x:.1f}" y="{part.y:.1f}" text-anchor="{part.anchor}" dominant-baseline="central"'
    return f'<text class="{part.role}" {at}>{escape(part.text)}</text>'
