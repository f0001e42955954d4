"""How the page looks to eyes, and to a screen reader: nothing overlaps, is cut, or has no name."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tradematrix_pipelines_tests.board.page_fixtures import OpenMarket, Visitor

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: run make install")

from playwright.sync_api import Page, expect  # skipped above where it isn't there

pytestmark = pytest.mark.system

AXE = Path(__file__).parent / "axe" / "axe.min.js"
SIZES = ((1440, 900), (390, 844))
READY = {"": "tr[data-symbol] .rung", "#/DAX": ".gutter .label", "#/coverage": ".heat-map .day"}
TICK = 0.5
# Five levels within two points: one tick apart, and two that are equal.
CLOSE_TOGETHER = """
    UPDATE levels_daily AS l
    SET y_close = y_high - 0.5, y_open = y_high - 1, prev_week_high = y_high + 0.5, prev_week_low = y_high
    FROM market_symbols AS s WHERE s.id = l.symbol_id AND s.symbol = 'DAX' AND trade_date = '2026-11-20'
"""
BOXES = """() => [...document.querySelectorAll('.gutter .label')].map((label) => {
  const box = label.getBoundingClientRect();
  return { text: label.textContent, top: box.top, bottom: box.bottom, left: box.left, right: box.right };
})"""
CUT = """() => [...document.querySelectorAll('.label > *, .quotes td, .badge, .market, button')]
  .filter((element) => element.scrollWidth > element.clientWidth + 1
    && getComputedStyle(element).overflow !== 'visible')
  .map((element) => element.textContent)"""


def faults(page: Page) -> list[str]:
    """Return the serious faults of accessibility that axe-core reports, as a reader of the log needs them."""
    # Through Playwright's own world: the page's policy lets no script in.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    result: dict[str, Any] = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{fault['id']}: {fault['help']}: {fault['nodes'][0]['html'][:200]} {fault['nodes'][0]['failureSummary']}"
        for fault in result["violations"]
        if fault["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", READY)
def test_no_view_has_a_serious_fault_or_scrolls_sideways(visitor: Visitor, path: str, theme: str) -> None:
    for width, height in SIZES:
        with visitor.visit(path, width=width, height=height, theme=theme) as page:
            expect(page.locator(READY[path]).first).to_be_visible()
            expect(page.locator(".vendor, .incident-list").first).to_be_visible()
            assert faults(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(CUT) == []


def test_labels_of_levels_do_not_overlap_a_tick_apart(visitor: Visitor, market: OpenMarket) -> None:
    with market.connect() as connection:
        connection.execute(CLOSE_TOGETHER)
    for width, height in SIZES:
        with visitor.visit("#/DAX", width=width, height=height) as page:
            expect(page.locator(READY["#/DAX"]).first).to_be_visible()
            see_labels_apart(page, least=6)
            page.locator(".groups summary").click()
            for box in page.locator(".groups input").all():
                box.check()
            page.keyboard.press("Escape")
            page.get_by_role("button", name="1d", exact=True).click()
            see_labels_apart(page, least=12)
            for _ in range(8):
                page.keyboard.press("-")  # everything together: labels are shared
            see_labels_apart(page, least=12)


def see_labels_apart(page: Page, *, least: int) -> None:
    expect(page.locator(".gutter .label").nth(least - 1)).to_be_attached()
    page.wait_for_timeout(300)  # the scale's last frame
    boxes = sorted(page.evaluate(BOXES), key=lambda box: float(box["top"]))
    frame = page.locator(".gutter").bounding_box()
    assert frame is not None
    for above, below in pairwise(boxes):
        assert above["bottom"] <= below["top"] + 0.01, (above, below)
    assert all(
        frame["y"] - 0.01 <= box["top"] and box["bottom"] <= frame["y"] + frame["height"] + 0.01 for box in boxes
    )
    assert all(box["right"] <= frame["x"] + frame["width"] + 0.01 for box in boxes)
    assert page.evaluate(CUT) == []
