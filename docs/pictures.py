"""Takes the pictures of the documentation: a demo of its own, the services on free ports, a browser that looks at them.

Run it with ``make pictures``; it takes some minutes. Prices are simulated and the clock stands still, so the pictures
change only where the pages do. Not here: what the pages show.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from sqlalchemy import text

from tradematrix_pipelines.defs.io_manager import PostgresIOManager
from tradematrix_pipelines.defs.live import pull_symbols
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.vendors.registry import open_vendors

FOLDER = Path(__file__).parent / "pictures"
MOST_BYTES = 200_000
_CLOCK = "2026-11-20T15:25:00Z"
_COMMAND = [sys.executable, "-c", "from tradematrix_pipelines.cli.main import main; main()"]
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
_DESK: ViewportSize = {"width": 1440, "height": 900}
_WIDE: ViewportSize = {"width": 2160, "height": 1350}
_SHEET: ViewportSize = {"width": 1080, "height": 1400}
_PHONE: ViewportSize = {"width": 390, "height": 844}
_READY_SECONDS = 180
# The simulator inside is without faults: what a reader is to see of a gap and of a doubt is written down here.
_AMISS = """
    UPDATE session_coverage SET status = 'partial', received = received - 23, longest_gap = 23, attempts = 4
    FROM market_symbols AS s
    WHERE s.id = symbol_id AND s.symbol = 'DAX' AND trade_date = '2026-11-17' AND timeframe = '1m';
    UPDATE session_coverage SET verdict = 'doubtful', doubt = 'one minute jumps away and back'
    FROM market_symbols AS s
    WHERE s.id = symbol_id AND s.symbol = 'DAX' AND trade_date = '2026-11-11' AND timeframe = '1m';
"""


def main() -> None:
    """Take all pictures into the folder beside this file."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        for name in [name for name in os.environ if name.startswith(("TRADEMATRIX_", "DAGSTER_", "TWELVE_DATA_"))]:
            del os.environ[name]
        os.environ |= {"TRADEMATRIX_HOME": folder, "TRADEMATRIX_CLOCK": _CLOCK, "TRADEMATRIX_AUTOMATION": "0"}
        subprocess.run([*_COMMAND, "demo", "--exit"], check=True)  # noqa: S603 - our own command
        _open_a_session(load_settings())
        with _services(Path(folder)) as (ui, board), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_OPTIONS)
            _take_board(browser, board)
            _take_dagster(browser, ui)
            _take_report(browser, Path(folder))
            browser.close()
    large = [path.name for path in FOLDER.glob("*.png") if path.stat().st_size > MOST_BYTES]
    if large:
        sys.exit(f"larger than {MOST_BYTES} bytes: {', '.join(large)}")


def _open_a_session(settings: Settings) -> None:
    """Pull the open sessions once, as the daemon would, with touches recorded; and let two days be amiss."""
    with (
        Database.open(settings) as database,
        open_vendors(settings, ledger=open_ledger(database.engine, settings)) as vendors,
    ):
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE market_symbols SET touch_alerts = true"))
            connection.execute(text(_AMISS))
        pull_symbols(database, vendors, PostgresIOManager(database=database), read_symbols(database.engine))


@contextmanager
def _services(home: Path) -> Iterator[tuple[str, str]]:
    """Run ``up`` until the block ends; yield the addresses of Dagster's UI and of the board."""
    port, board_port = _free_port(), _free_port()
    ports = ["--port", str(port), "--board-port", str(board_port)]
    with (home / "pictures.log").open("wb") as log:
        up = subprocess.Popen([*_COMMAND, "up", *ports], stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - the same
    ui, board = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{board_port}"
    try:
        for address in (f"{ui}/server_info", f"{board}/readyz"):
            _wait_for(address)
        yield ui, board
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(address, timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    sys.exit(f"{address} did not answer within {_READY_SECONDS} s")


@contextmanager
def _page(
    browser: Browser, address: str, *, size: ViewportSize = _DESK, theme: str = "light", scale: float = 1
) -> Iterator[Page]:
    context = browser.new_context(
        viewport=size,
        device_scale_factor=scale,
        color_scheme=theme,  # type: ignore[arg-type]  # light or dark
        timezone_id="Europe/Berlin",
        locale="en-GB",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


def _shoot(page: Page, name: str, *, of: str | None = None) -> None:
    path = FOLDER / f"{name}.png"
    if of is None:
        page.screenshot(path=path)
    else:
        page.locator(of).screenshot(path=path)
    sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")


def _take_board(browser: Browser, board: str) -> None:
    for theme, suffix in (("light", ""), ("dark", "-dark")):
        with _page(browser, board, theme=theme) as page:
            page.locator(".small-chart .closes").nth(4).wait_for()
            _shoot(page, f"board{suffix}")
        with _page(browser, f"{board}/#/DAX", theme=theme) as page:
            page.wait_for_selector(".gutter .label")
            page.wait_for_timeout(500)  # the chart's last frame
            _shoot(page, f"chart{suffix}")
    with _page(browser, f"{board}/#/DAX", size=_PHONE) as page:
        page.wait_for_selector(".gutter .label")
        page.wait_for_timeout(500)
        _shoot(page, "chart-phone")
    with _page(browser, f"{board}/#/coverage") as page:
        page.locator(".heat-map").nth(4).wait_for()
        page.locator('.coverage[data-symbol="DAX"] [data-date="2026-11-17"]').click()
        _shoot(page, "coverage")


def _take_dagster(browser: Browser, ui: str) -> None:
    groups = "asset-groups?expanded=global@global:candles,global@global:levels,global@global:reports"
    with _page(browser, f"{ui}/{groups}", size=_WIDE, scale=_DESK["width"] / _WIDE["width"]) as page:
        page.get_by_text("Hide navigation").click()
        page.reload()  # the graph fits the room that it has when it is first drawn
        page.get_by_text("daily_levels", exact=True).first.wait_for()
        page.get_by_text("Loading", exact=False).first.wait_for(state="hidden")
        for _ in range(4):
            page.locator('button:has([aria-label="zoom_out"])').click()
            page.wait_for_timeout(400)  # it zooms smoothly
        _shoot(page, "lineage")
    with _page(browser, f"{ui}/assets/daily_levels?view=partitions&partition=2026-11-20%7CDAX") as page:
        page.get_by_text("Materialized (", exact=False).first.wait_for()
        page.wait_for_timeout(3000)
        _shoot(page, "partition")
        page.get_by_text("[Show Markdown]").last.click()
        page.get_by_role("dialog").get_by_role("img").wait_for()
        page.wait_for_timeout(500)  # it opens smoothly
        _shoot(page, "levels-in-dagster", of='[role="dialog"]')


def _take_report(browser: Browser, folder: Path) -> None:
    path = folder / "report.html"
    subprocess.run([*_COMMAND, "report", "--output", str(path)], check=True)  # noqa: S603 - the same
    with _page(browser, path.as_uri(), size=_SHEET) as page:
        _shoot(page, "morning-report")


if __name__ == "__main__":
    main()
