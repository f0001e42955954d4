"""A filled market and the board that serves it, over HTTP on loopback, and a browser: shared by a module's tests."""

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from tradematrix_pipelines.board.app import make_app
from tradematrix_pipelines.board.server import running
from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.limits import Limits
from tradematrix_pipelines_tests.board.page_fixtures import OpenMarket, Visitor, open_market
from tradematrix_pipelines_tests.board.served import Served
from tradematrix_pipelines_tests.browsing import OPTIONS, find_chromium

FIRST, LAST = "2026-11-10", "2026-11-20"
# The database is the only oracle: what is not there by itself is put there.
_ADDED = """
    INSERT INTO current_prices
    SELECT s.id, '2026-11-20', 25_100.26, 25_100.26 - l.y_close, 100 * (25_100.26 - l.y_close) / l.y_close,
        25_200.5, 25_000.125, '2026-11-20 16:30Z', 'simulator', '2026-11-20 16:31Z'
    FROM market_symbols AS s JOIN levels_daily AS l ON l.symbol_id = s.id AND l.trade_date = '2026-11-20'
    WHERE s.symbol = 'DAX';
    INSERT INTO level_touches
    SELECT l.trade_date, l.symbol_id, 'y_high', l.y_high, l.y_high + 0.25, '2026-11-20 10:01Z', '2026-11-20 10:02Z'
    FROM levels_daily AS l JOIN market_symbols AS s ON s.id = l.symbol_id
    WHERE s.symbol = 'DAX' AND l.trade_date = '2026-11-20';
    INSERT INTO incidents (key, kind, message, opened_at, opening_notified_at, closed_at)
    VALUES ('stale|DAX', 'stale_market', 'DAX has no bar', '2026-11-20 09:00Z', '2026-11-20 09:01Z', NULL),
        ('stale|NDX', 'stale_market', 'NDX has no bar', '2026-11-19 15:00Z', NULL, '2026-11-19 16:00Z');
    INSERT INTO vendor_credits (vendor, reserved_at, credits, purpose, settled)
    SELECT 'twelve_data', CAST(at AS timestamptz), credits, purpose, true
    FROM (VALUES ('2026-11-20 09:10Z', 3, 'live'), ('2026-11-20 09:50Z', 2, 'live'),
        ('2026-11-20 17:00Z', 7, 'backfill'), ('2026-11-19 17:00Z', 99, 'live')) AS booked (at, credits, purpose);
    UPDATE session_coverage SET status = 'partial', received = received - 9, longest_gap = 9
    FROM market_symbols AS s
    WHERE s.id = symbol_id AND s.symbol = 'DAX' AND trade_date = '2026-11-17' AND timeframe = '1m';
    UPDATE session_coverage SET verdict = 'doubtful', doubt = 'a spike', attempts = 9
    FROM market_symbols AS s WHERE s.id = symbol_id AND s.symbol = 'DAX' AND trade_date = '2026-11-18';
    INSERT INTO session_findings
    SELECT id, '1m', '2026-11-18', 99, 'wick', 'doubt', 7.5, 6, 'a spike of 7.5', '2026-11-18 09:00Z', NULL
    FROM market_symbols WHERE symbol = 'DAX';
"""


@pytest.fixture(scope="module")
def limits() -> Limits:
    """The board's limits, long enough for a busy machine."""
    return Limits(statement_seconds=20.0, wait_seconds=10.0)


@pytest.fixture(scope="module")
def served(module_installation: Callable[..., Settings], limits: Limits) -> Iterator[Served]:
    """Two weeks of DAX and EUR/USD, with a price, a touch, incidents, credits, a gap and a doubt; served."""
    settings = module_installation()
    filled = CliRunner().invoke(main, ["backfill", "DAX", "EUR/USD", "--from", FIRST, "--to", LAST])
    assert filled.exit_code == 0, filled.output
    # A vendor with a plan has credits to show; nothing is asked of it.
    settings = settings.model_copy(update={"twelve_data_key": SecretStr("a-key"), "vendor": "twelve_data"})
    with running(make_app(settings, limits=limits, dagster_url="http://127.0.0.1:3000")) as url:
        board = Served(url=url, settings=settings)
        with board.connect() as connection:
            connection.execute(_ADDED)
        yield board


@pytest.fixture(scope="module")
def market(module_installation: Callable[..., Settings]) -> Iterator[OpenMarket]:
    """A market in the middle of a session, and its board."""
    with open_market(module_installation) as opened:
        yield opened


@pytest.fixture(scope="module")
def visitor(market: OpenMarket) -> Iterator[Visitor]:
    """A browser that looks at the board."""
    from playwright.sync_api import expect, sync_playwright  # the modules that ask for it skip without Playwright

    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=OPTIONS)
        try:
            yield Visitor(browser=browser, market=market)
        finally:
            browser.close()
