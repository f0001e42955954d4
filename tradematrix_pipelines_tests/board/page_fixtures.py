"""A market in the middle of a session, its board, and a browser that looks at it.

Here: what the tests of the page share. Not here: what they expect.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.rows import dict_row
from pydantic import SecretStr
from sqlalchemy import text

from tradematrix_pipelines.board.app import make_app
from tradematrix_pipelines.board.server import running
from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.defs.io_manager import PostgresIOManager
from tradematrix_pipelines.defs.live import pull_symbols
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.vendors.registry import open_vendors

if TYPE_CHECKING:  # Playwright may not be there
    from playwright.sync_api import Browser, Page

CLOCK, PULLED = "2026-11-20T14:03:00Z", "2026-11-20T14:00:00Z"
FIRST, LAST = "2026-11-03", "2026-11-20"
SYMBOLS = ("DAX", "EUR/USD")
DAGSTER = "http://127.0.0.1:3000"
RED, DOUBTFUL = "2026-11-17", "2026-11-18"
REASON = "9 minutes"

_ADDED = f"""
    INSERT INTO incidents (key, kind, message, opened_at, opening_notified_at)
    VALUES ('stale|DAX', 'stale_market', 'DAX has no bar since 09:00', '2026-11-20 09:00Z', '2026-11-20 09:01Z');
    INSERT INTO vendor_credits (vendor, reserved_at, credits, purpose, settled)
    VALUES ('twelve_data', '2026-11-20 09:10Z', 3, 'live', true),
        ('twelve_data', '2026-11-20 11:00Z', 7, 'backfill', true);
    UPDATE session_coverage SET status = 'partial', received = received - 9, longest_gap = 9
    FROM market_symbols AS s
    WHERE s.id = symbol_id AND s.symbol = 'DAX' AND trade_date = '{RED}' AND timeframe = '1m';
    UPDATE session_coverage SET verdict = 'doubtful', doubt = 'a spike'
    FROM market_symbols AS s WHERE s.id = symbol_id AND s.symbol = 'DAX' AND trade_date = '{DOUBTFUL}';
    INSERT INTO session_findings
    SELECT id, '1m', '{DOUBTFUL}', 99, 'wick', 'doubt', 7.5, 6, 'a wick of 7.5', '2026-11-18 09:00Z', NULL
    FROM market_symbols WHERE symbol = 'DAX';
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenMarket:
    """A running board, and the database behind it."""

    url: str
    settings: Settings

    def rows(self, query: str, *terms: object) -> list[dict[str, Any]]:
        """Return what the tables hold."""
        with self.connect() as connection:
            return connection.execute(query, terms).fetchall()  # type: ignore[arg-type]  # a test's own SQL

    def connect(self) -> "psycopg.Connection[dict[str, Any]]":
        """Return a connection of the test's own."""
        assert self.settings.database_url is not None
        return psycopg.connect(self.settings.database_url.get_secret_value(), row_factory=dict_row, autocommit=True)


def settings_at(instant: str) -> Settings:
    """Return the environment's settings with the clock at an instant."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEMATRIX_CLOCK", instant)
        return load_settings()


def pull(at: str) -> None:
    """Pull the open sessions of the environment's installation, as its daemon does at that instant."""
    settings = settings_at(at)
    with (
        Database.open(settings) as database,
        open_vendors(settings, ledger=open_ledger(database.engine, settings)) as vendors,
    ):
        symbols = find_symbols(database.engine, SYMBOLS)
        pulled = pull_symbols(database, vendors, PostgresIOManager(database=database), symbols)
    assert [one.error for one in pulled] == [None] * len(SYMBOLS)


@contextmanager
def open_market(make_installation: Callable[..., Settings]) -> Iterator[OpenMarket]:
    """Fill two of five symbols, pull their open sessions, add what is amiss, and serve the board."""
    make_installation(TRADEMATRIX_CLOCK=PULLED)
    filled = CliRunner().invoke(main, ["backfill", *SYMBOLS, "--from", FIRST, "--to", LAST])
    assert filled.exit_code == 0, filled.output
    with Database.open(settings_at(PULLED)) as database, database.engine.begin() as connection:
        connection.execute(text("UPDATE market_symbols SET touch_alerts = true"))
    pull(PULLED)
    # A vendor with a plan has credits to show; nothing is asked of it.
    settings = settings_at(CLOCK).model_copy(update={"twelve_data_key": SecretStr("a-key"), "vendor": "twelve_data"})
    with running(make_app(settings, dagster_url=DAGSTER)) as url:
        market = OpenMarket(url=url, settings=settings)
        with market.connect() as connection:
            connection.execute(_ADDED)
        yield market


@dataclass(kw_only=True, slots=True)
class Visitor:
    """A browser at the board, and what it must not see: errors, and requests to anybody else."""

    browser: "Browser"
    market: OpenMarket
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    @contextmanager
    def visit(self, path: str = "", *, width: int = 1440, height: int = 900, theme: str = "light") -> Iterator["Page"]:
        """Open a view, and check at the end that it logged no error and asked nobody else."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,  # type: ignore[arg-type]  # light or dark
            timezone_id="Europe/Berlin",
            locale="en-GB",
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.set_default_timeout(20_000)
        own = urlsplit(self.market.url).netloc
        context.route(lambda url: urlsplit(url).netloc != own, lambda route: route.abort())
        page.on("console", lambda message: message.type in {"error", "warning"} and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(f"{error}"))
        page.on("request", lambda request: urlsplit(request.url).netloc == own or self.strangers.append(request.url))
        try:
            page.goto(f"{self.market.url}/{path}")
            yield page
            assert self.errors == []
            assert self.strangers == []
        finally:
            self.errors.clear()
            self.strangers.clear()
            context.close()
