"""The board's page, as people use it: what it shows is what the tables hold, new prices come by themselves."""

import re
from datetime import UTC, datetime

import pytest

from tradematrix_pipelines_tests.board.page_fixtures import (
    DAGSTER,
    DOUBTFUL,
    RED,
    OpenMarket,
    Visitor,
    pull,
)

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: run make install")

from playwright.sync_api import Locator, Page, Request, Response, Route, expect  # skipped above where it isn't there

pytestmark = pytest.mark.system

DAILY = ("y_open", "y_high", "y_low", "y_close", "prev_week_high", "prev_week_low")
METHODS = ("classic", "fibonacci", "camarilla", "woodie", "demark")
OF_DAX = """FROM {} AS l JOIN market_symbols AS s ON s.id = l.symbol_id
    WHERE s.symbol = 'DAX' AND trade_date = '2026-11-20'"""
CELL = '[role="gridcell"][data-date="{}"]'
CLOSE = "SELECT price FROM current_prices AS p JOIN market_symbols AS s ON s.id = p.symbol_id WHERE s.symbol = %s"
STANDS = re.compile("The price is .* (above|below)")
PROBLEM = re.compile("does not answer")


def row(page: Page, symbol: str) -> Locator:
    return page.locator(f'tr[data-symbol="{symbol}"]')


def is_older(asked: Request | Response) -> bool:
    """Whether older minutes of the chart were asked for."""
    return "timeframe=1m" in asked.url and "to=" in asked.url


def show(page: Page, timeframe: str) -> None:
    """Choose the chart's timeframe, and wait until its candles are drawn."""
    with page.expect_response(re.compile(f"/candles.*timeframe={timeframe}&limit=600")) as answer:
        page.get_by_role("button", name=timeframe, exact=True).click()
    last = datetime.fromisoformat(answer.value.json()["candles"][-1]["ts"])
    expect(page.locator(".legend .when")).to_have_attribute("title", f"{last:%Y-%m-%d %H:%M} UTC")


def zoom_out(page: Page) -> None:
    for _ in range(14):
        page.keyboard.press("-")


def number(text: str) -> float:
    """Return the number that a person reads."""
    return float(text.replace(",", "").replace("\N{MINUS SIGN}", "-").replace("+", ""))


def choose_all_groups(page: Page) -> None:
    page.locator(".groups summary").click()
    for box in page.locator(".groups input").all():
        box.check()
    page.locator(".groups summary").click()


def shown_levels(page: Page) -> dict[str, str]:
    """Return the price that the table shows for each level, as it is written."""
    expect(page.locator("tr[data-level]").first).to_be_visible()
    return {
        str(line.get_attribute("data-level")): line.locator("td").first.inner_text()
        for line in page.locator("tr[data-level]").all()
    }


def test_every_symbol_is_on_the_board_with_the_price_of_the_table(visitor: Visitor, market: OpenMarket) -> None:
    with visitor.visit() as page:
        symbols = [line["symbol"] for line in market.rows("SELECT symbol FROM market_symbols WHERE active ORDER BY id")]
        expect(page.locator("tr[data-symbol]")).to_have_count(len(symbols))
        assert [line.get_attribute("data-symbol") for line in page.locator("tr[data-symbol]").all()] == symbols
        for symbol, digits in (("DAX", 2), ("EUR/USD", 5)):
            (stored,) = market.rows(CLOSE, symbol)
            expect(row(page, symbol).locator(".price .value")).to_have_text(f"{stored['price']:,.{digits}f}")
            expect(row(page, symbol).locator(".market")).to_contain_text("Open closes in")
            expect(row(page, symbol).locator(".ladder")).to_have_attribute(
                "aria-label", re.compile("The price is .* (above|below)")
            )
        expect(row(page, "DAX").locator(".price .simulated")).to_be_visible()
        expect(row(page, "NDX").locator(".price")).to_contain_text("no price yet")
        expect(row(page, "NDX").locator(".market")).to_contain_text("Closed opens 15:30")
        expect(page.locator(".provenance")).to_contain_text("SIMULATED")
        expect(page.locator(".incident-list li.open")).to_contain_text("DAX has no bar since 09:00")
        expect(page.locator(".vendor .numbers")).to_contain_text("10 of 800 today")
        expect(page.locator(".next li").first).to_be_visible()


def test_levels_equal_the_tables_to_the_tick_for_each_method(visitor: Visitor, market: OpenMarket) -> None:
    (daily,) = market.rows(f"SELECT l.* {OF_DAX.format('levels_daily')}")
    with visitor.visit("#/DAX") as page:
        for method in METHODS:
            page.locator(".choice select").first.select_option(method)
            expect(page.locator(f'tr[data-level="{method} pp"]')).to_be_visible()
            (pivots,) = market.rows(f"SELECT l.* {OF_DAX.format('pivot_levels')} AND method = %s", method)
            stored = {name: daily[name] for name in DAILY}
            stored |= {f"{method} {name}": pivots[name] for name in pivots if re.fullmatch(r"pp|[rs]\d", name)}
            written = {name: f"{value:,.2f}" for name, value in stored.items() if value is not None}
            assert shown_levels(page) == written
        choose_all_groups(page)
        expect(page.locator('tr[data-level="time_profile poc"]')).to_be_visible()
        book = market.rows(f"SELECT kind, name, price {OF_DAX.format('levels')} AND unit = 'price'")
        by_name = {f"{level['kind']} {level['name']}": f"{level['price']:,.2f}" for level in book}
        from_book = {name: text for name, text in shown_levels(page).items() if name in by_name}
        assert len(from_book) > 20
        assert from_book == {name: by_name[name] for name in from_book}
        prices = [number(text) for text in shown_levels(page).values()]
        assert prices == sorted(prices, reverse=True)


def test_a_new_minute_arrives_without_a_reload(visitor: Visitor, market: OpenMarket) -> None:
    with visitor.visit() as board, visitor.visit("#/DAX") as page:
        before = row(board, "DAX").locator(".price .value").inner_text()
        expect(page.locator(".stream")).to_have_attribute("data-state", "live")
        page.get_by_role("button", name="1m", exact=True).click()
        expect(page.locator(".legend .when")).to_contain_text("14:59")
        for opened in (board, page):
            opened.evaluate("window.untouched = true")
        pull("2026-11-20T14:02:00Z")
        (stored,) = market.rows(CLOSE, "DAX")
        text = f"{stored['price']:,.2f}"
        assert text != before
        expect(row(board, "DAX").locator(".price .value")).to_have_text(text)
        expect(page.locator(".last-price .value")).to_have_text(text)
        expect(page.locator(".legend .when")).to_contain_text("15:01")
        expect(page.locator(".legend .ohlc").last).to_have_text(f"C {text}")
        expect(page.locator("tr.last td").first).to_have_text(text)
        (level,) = market.rows(f"SELECT y_high {OF_DAX.format('levels_daily')}")
        distance = page.locator('tr[data-level="y_high"] td').nth(1).inner_text()
        assert number(distance) == pytest.approx(level["y_high"] - stored["price"], abs=0.0051)
        for opened in (board, page):
            assert opened.evaluate("window.untouched") is True


def test_a_red_day_explains_itself_and_leads_to_its_partition(visitor: Visitor) -> None:
    with visitor.visit("#/DAX") as page:
        cell = page.locator(CELL.format(RED))
        expect(cell).to_have_text("P")
        expect(cell).to_have_attribute("aria-label", re.compile(r"Tuesday 17 November 2026: partial\. .+"))
        details = page.locator(".day-details")
        # The newest day that is not in order is chosen at first; arrows go on from it.
        page.locator('[role="gridcell"][tabindex="0"]').focus()
        expect(details).to_contain_text("Wednesday 18 November 2026")
        expect(details).to_contain_text("a wick of 7.5")
        page.keyboard.press("ArrowUp")
        expect(cell).to_be_focused()
        expect(details).to_contain_text("Tuesday 17 November 2026")
        expect(details.locator(".reason")).not_to_be_empty()
        expect(details.locator(".command code")).to_contain_text("tradematrix")
        link = details.get_by_role("link", name=f"{RED}|DAX in Dagster")
        address = str(link.get_attribute("href"))
        assert address.startswith(f"{DAGSTER}/assets/ohlc_")
        assert address.replace("%7C", "|").endswith(f"partition={RED}|DAX")
        expect(page.locator(CELL.format(DOUBTFUL))).to_have_text("?")


def test_a_day_whose_minutes_were_pruned_says_so(visitor: Visitor, market: OpenMarket) -> None:
    pruned = "UPDATE session_coverage SET pruned_at = %s WHERE timeframe = '1m' AND trade_date = %s"
    with market.connect() as connection:
        connection.execute(pruned, ("2026-11-20T00:00:00Z", DOUBTFUL))
    try:
        with visitor.visit("#/DAX") as page:
            page.locator(CELL.format(DOUBTFUL)).click()
            series = page.locator(".day-details table.series")
            expect(series.locator("tr", has_text="1m")).to_contain_text("510 / 510, pruned")
            expect(series.locator("tr", has_text="1h")).not_to_contain_text("pruned")
    finally:
        with market.connect() as connection:
            connection.execute(pruned, (None, DOUBTFUL))


def test_touches_are_those_of_the_table(visitor: Visitor, market: OpenMarket) -> None:
    touches = market.rows(f"SELECT l.* {OF_DAX.format('level_touches')}")
    assert touches
    with visitor.visit("#/DAX") as page:
        for touch in touches:
            cell = page.locator(f'tr[data-level="{touch["level"]}"] .touched time')
            expect(cell).to_have_attribute(
                "title", re.compile(touch["at"].astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"))
            )


def test_views_have_addresses_and_the_back_button_returns(visitor: Visitor) -> None:
    with visitor.visit() as page:
        page.get_by_role("link", name="EUR/USD", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("EUR/USD")
        assert page.url.endswith("#/EUR%2FUSD")
        page.get_by_role("link", name="Coverage", exact=True).click()
        expect(page.locator(".heat-map")).to_have_count(5)
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("EUR/USD")
        page.go_back()
        expect(page.locator("tr[data-symbol]")).to_have_count(5)
        page.goto(f"{visitor.market.url}/#/GOLD")
        expect(page.locator(".empty-state")).to_contain_text("no active symbol GOLD")


def test_what_is_not_there_says_what_brings_it(visitor: Visitor) -> None:
    with visitor.visit("#/NDX") as page:
        expect(page.locator(".chart-note")).to_contain_text("No candles are stored yet.")
        expect(page.locator(".chart-note code")).to_have_text("tradematrix backfill NDX --last 20d")
        expect(page.locator(".levels-panel .warning").first).to_be_visible()


def test_choices_are_kept_and_the_chart_goes_back_in_time(visitor: Visitor) -> None:
    with visitor.visit("#/DAX") as page:
        page.get_by_role("button", name="15m", exact=True).click()
        page.locator(".choice select").first.select_option("camarilla")
        page.keyboard.press("t")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.reload()
        expect(page.get_by_role("button", name="15m", exact=True)).to_have_attribute("aria-pressed", "true")
        expect(page.locator('tr[data-level="camarilla pp"]')).to_be_visible()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        show(page, "1m")
        with page.expect_response(is_older):
            zoom_out(page)


def test_older_candles_come_for_the_timeframe_shown_whatever_was_awaited_before(visitor: Visitor) -> None:
    waiting: list[Route] = []

    def keep_the_first(route: Route) -> None:
        if waiting:
            route.continue_()
        else:
            waiting.append(route)

    with visitor.visit("#/DAX") as page:
        show(page, "1m")
        page.route(re.compile("[?&]to="), keep_the_first)
        with page.expect_request(is_older):
            zoom_out(page)
        show(page, "15m")
        show(page, "1m")
        with page.expect_response(is_older):
            zoom_out(page)
        with page.expect_event("requestfinished", lambda request: request == waiting[0].request):
            waiting[0].continue_()


def test_shortcuts_are_listed_and_can_be_switched_off(visitor: Visitor) -> None:
    with visitor.visit() as page:
        expect(page.locator("tr[data-symbol]")).to_have_count(5)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("1")
        expect(page.get_by_role("heading", level=1)).to_have_text("DAX")
        page.keyboard.press("j")
        expect(page.get_by_role("heading", level=1)).to_have_text("NDX")
        page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
        expect(dialog).to_be_visible()
        dialog.get_by_label("Single keys are shortcuts").uncheck()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        page.keyboard.press("u")
        expect(page.get_by_role("heading", level=1)).to_have_text("NDX")


def test_a_lost_connection_is_said_and_heals_by_itself(visitor: Visitor) -> None:
    with visitor.visit() as page:
        expect(page.locator(".stream")).to_have_attribute("data-state", "live")
        page.context.set_offline(True)
        page.get_by_role("link", name="DAX", exact=True).first.click()
        expect(page.locator(".trouble")).to_have_text(PROBLEM)
        page.context.set_offline(False)
        expect(page.locator(".trouble")).to_be_hidden()
        expect(page.locator("tr[data-level]").first).to_be_visible()
        visitor.errors.clear()  # the browser's own, of requests without a network


def test_morning_pages_are_listed_and_open(visitor: Visitor, market: OpenMarket) -> None:
    with visitor.visit() as page:
        expect(page.locator(".reports")).to_contain_text("None is made yet.")
    with market.connect() as connection:
        connection.execute("INSERT INTO morning_reports VALUES ('2026-11-20', '<h1>It is Friday</h1>', now())")
    with visitor.visit() as page:
        link = page.locator(".reports").get_by_role("link", name="Fri 20 Nov")
        with page.expect_popup() as opened:
            link.click()
        expect(opened.value.get_by_role("heading", name="It is Friday")).to_be_visible()
