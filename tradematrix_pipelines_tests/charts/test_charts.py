"""Charts: the places of labels, the scale of prices, and what is drawn of candles and levels."""

import itertools
from datetime import date
from io import BytesIO
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tradematrix_pipelines.charts.candlesticks import LABEL_HEIGHT, ChartCandle, draw_candlesticks
from tradematrix_pipelines.charts.labels import spread
from tradematrix_pipelines.charts.level_chart import level_chart
from tradematrix_pipelines.charts.png import to_png
from tradematrix_pipelines.charts.scale import PriceScale, fit
from tradematrix_pipelines.charts.scene import Box, Line, Role, Scene, Text
from tradematrix_pipelines.charts.svg import to_svg

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)
CANDLES = [
    ChartCandle(trade_date=MONDAY, open=100, high=110, low=95, close=105),
    ChartCandle(trade_date=MONDAY, open=105, high=106, low=90, close=92),
    ChartCandle(trade_date=TUESDAY, open=92, high=101, low=92, close=100),
]


def drawn(**pivots: float) -> Scene:
    return level_chart(
        CANDLES,
        daily={"y_high": 110, "y_open": 100, "atr_14": 12, "prev_week_low": None},
        pivots=pivots,
        last=100,
        title="ABC, levels of 2026-11-18",
        digits=1,
    )


def texts(scene: Scene, role: Role) -> list[str]:
    return [part.text for part in scene.parts if isinstance(part, Text) and part.role is role]


@given(st.lists(st.floats(0, 400), max_size=40).map(sorted), st.floats(5, 30))
def test_labels_keep_their_order_and_never_overlap(wanted: list[float], height: float) -> None:
    middles = spread(wanted, height=height, top=10, bottom=390)
    room = min(height, 380 / max(1, len(wanted)))
    assert len(middles) == len(wanted)
    assert all(lower - upper >= room - 1e-6 for upper, lower in itertools.pairwise(middles))
    assert all(10 + room / 2 - 1e-6 <= middle <= 390 - room / 2 + 1e-6 for middle in middles)


def test_labels_with_room_stay_where_they_are_wanted_and_touching_ones_share_the_way() -> None:
    assert spread([50, 100, 200], height=16, top=0, bottom=400) == [50, 100, 200]
    assert spread([100, 104], height=16, top=0, bottom=400) == [94, 110]
    assert spread([2, 3], height=16, top=0, bottom=400) == [8, 24]
    assert spread([], height=16, top=0, bottom=400) == []


def test_the_scale_names_round_prices() -> None:
    scale = PriceScale(low=24_013.0, high=24_987.0, top=0, bottom=974)
    assert scale.ticks(5) == [24_200, 24_400, 24_600, 24_800]
    assert (scale.y(24_987.0), scale.y(24_013.0), scale.y(24_500.0)) == (0, 974, 487)
    assert PriceScale(low=1.1301, high=1.1399, top=0, bottom=1).ticks(4) == pytest.approx([1.1325, 1.135, 1.1375])


def test_a_far_level_does_not_flatten_the_candles_and_a_flat_market_has_a_scale() -> None:
    assert fit([90], [110], [121, 1000, 79], top=0, bottom=1).contains(121)
    assert not fit([90], [110], [121, 1000, 79], top=0, bottom=1).contains(1000)
    flat = fit([5.0], [5.0], [], top=0, bottom=10)
    assert (flat.y(5.0), len(flat.ticks(8)) > 0) == (5, True)


def test_a_chart_has_every_candle_every_near_level_and_their_labels() -> None:
    scene = drawn(pp=100.5, r1=115, s1=85, r3=400)
    assert texts(scene, Role.RESISTANCE) == ["R1 115.0"], "R3 is out of reach"
    assert texts(scene, Role.DAILY) == ["Y high 110.0"], "neither the open, nor a distance, nor what is null"
    assert texts(scene, Role.LAST) == ["last 100.0"]
    assert [text for text in texts(scene, Role.AXIS) if "Nov" in text] == ["Mon 16 Nov", "Tue 17 Nov"]
    bodies = [part for part in scene.parts if isinstance(part, Box)]
    assert [body.role for body in bodies] == [Role.UP, Role.DOWN, Role.UP]
    labels = sorted(
        part.y for part in scene.parts if isinstance(part, Text) and part.anchor == "start" and part.x > 700
    )
    assert len(labels) == 5
    assert all(below - above >= LABEL_HEIGHT - 1e-6 for above, below in itertools.pairwise(labels))
    # A wick reaches from high to low, a body from open to close, in the scale of the axis.
    wick = next(part for part in scene.parts if isinstance(part, Line) and part.role is Role.UP)
    assert (wick.y2 - wick.y1) / bodies[0].height == pytest.approx(15 / 5)


def test_without_candles_there_is_no_chart() -> None:
    with pytest.raises(ValueError, match="at least one candle"):
        draw_candlesticks([], [], title="", digits=1)


def test_svg_is_well_formed_whatever_the_title_says() -> None:
    scene = Scene(width=10, height=20, title='<b>"A&B"', parts=[Text(x=1, y=2, text="<script>", role=Role.AXIS)])
    root = ET.fromstring(to_svg(scene))
    assert (root.get("aria-label"), root.get("viewBox"), root.get("role")) == ('<b>"A&B"', "0 0 10 20", "img")
    assert [(child.tag.rpartition("}")[2], child.text) for child in root] == [("text", "<script>")]
    assert len(ET.fromstring(to_svg(drawn(pp=100.5)))) == len(drawn(pp=100.5).parts)


def test_the_picture_shows_the_scene_in_few_bytes() -> None:
    picture = to_png(drawn(pp=100.5, r1=115, s1=85))
    image = Image.open(BytesIO(picture)).convert("RGB")
    assert image.size == (900, 400)
    assert len(picture) < 20_000
    body = next(part for part in drawn().parts if isinstance(part, Box))
    scene = Scene(width=30, height=30, title="", parts=[Box(x=10, y=10, width=5, height=5, role=body.role)])
    box = Image.open(BytesIO(to_png(scene))).convert("RGB")
    assert (box.getpixel((12, 12)), box.getpixel((2, 2))) == ((11, 116, 97), (255, 255, 255))
