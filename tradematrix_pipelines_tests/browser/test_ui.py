"""What a person does in the web UI: look at the lineage, backfill, see what is red and why, and run it again."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tradematrix_pipelines.board.app import make_app
from tradematrix_pipelines.board.server import running
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines_tests.stack import ASSETS, Ui, Vendor, environment, ui, vendor

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: run make install")

from playwright.sync_api import Page, expect  # skipped above where it isn't there

pytestmark = pytest.mark.system

CLOCK = "2026-11-20T23:00:00Z"
HISTORY_START = "2026-11-17"
DATES, SYMBOL = "[2026-11-17...2026-11-19]", "EUR/USD"
RED = "2026-11-20|NDX"
FAILED = "failed, and did not materialize this asset"
REASON = "is not in your Twelve Data plan"
SLOW = 180_000
"""Milliseconds for what a daemon's rounds and a run's process have to end first."""
SHOWN = (*ASSETS, "level_outcomes")
"""Candles and levels, by trade date and symbol."""
ALL = (*SHOWN, "morning_report")
"""What the lineage has to materialize."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """The web UI over four sessions of history, and the vendor behind it."""

    web: Ui
    simulator: Vendor
    env: Mapping[str, str]

    def address(self, path: str) -> str:
        return f"{self.web.url}/{path}"


@pytest.fixture
def installation(chromium: str) -> Iterator[Installation]:
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        home.mkdir()
        with vendor(home, clock=CLOCK) as simulator:
            env = environment(
                home,
                TRADEMATRIX_CLOCK=CLOCK,
                TRADEMATRIX_AUTOMATION="0",  # what a person clicks is all that happens
                TRADEMATRIX_HISTORY_START=HISTORY_START,
                TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
                TWELVE_DATA_API_KEY="any",
                TWELVE_DATA_PLAN="unlimited",
            )
            with ui(env, home) as web:
                yield Installation(web=web, simulator=simulator, env=env)


def test_lineage_backfill_a_red_partition_and_its_re_execution(
    installation: Installation, page: Page, shoot: Callable[[str], None]
) -> None:
    see_the_lineage(installation, page)
    shoot("lineage")
    choose_partitions(page)
    shoot("backfill dialog")
    launch_a_backfill(page)
    shoot("backfill launched")
    see_it_succeed(page)
    shoot("backfill green")
    see_partitions(installation, page, failed=0, materialized=3)
    shoot("partitions green")

    installation.simulator.set_faults("gated@NDX")
    launch_a_run(installation, page)
    see_partitions(installation, page, failed=1, materialized=3)
    expect(page.get_by_text(FAILED)).to_be_visible()
    shoot("partition red")
    come_from_the_board(installation, page)
    see_why(page)
    shoot("run red")

    installation.simulator.set_faults()
    re_execute(page)
    shoot("run green")
    see_partitions(installation, page, failed=0, materialized=4)
    expect(page.get_by_text("twelve_data", exact=True)).to_be_visible()
    shoot("partition green")


def see_the_lineage(installation: Installation, page: Page) -> None:
    page.goto(installation.address("asset-groups"))
    node = page.locator("foreignObject")
    # With few pixels for each, the numbers of assets are left out.
    for group, assets in (("candles", 5), ("levels", len(SHOWN) - 5), ("reports", 1)):
        expect(node.filter(has_text=re.compile(rf"^{group}(\s*{assets})?$"))).to_be_visible()
    # As a click on each group leaves it; after the first click, the other one may be out of sight.
    page.goto(installation.address("asset-groups?expanded=global@global:candles,global@global:levels"))
    for name in (*SHOWN, "candles", "levels"):
        expect(node.get_by_text(name, exact=True)).to_be_visible()


def choose_partitions(page: Page) -> None:
    """Open the dialog, and choose three dates of one symbol in it."""
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Launch runs to materialize {len(ALL)} assets")
    dates = dialog.get_by_placeholder("ex: ")
    dates.fill(DATES)
    dates.press("Enter")
    dialog.get_by_text("Select a partition or create one").click()
    page.get_by_role("menuitem", name=SYMBOL).click()
    page.keyboard.press("Escape")
    # The pages have dates only: what is chosen are candles, and what follows from them.
    expect(dialog.get_by_text("materialize all partitions downstream of the selected partitions")).to_be_visible()


def launch_a_backfill(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Launch backfill").click()
    expect(page.get_by_text("Created backfill")).to_be_visible()
    page.get_by_text("View", exact=True).click()  # at once: the message goes away by itself
    expect(page.get_by_text("Partition selection")).to_be_visible()


def see_it_succeed(page: Page) -> None:
    # The column's head, and the backfill's status.
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(2, timeout=SLOW)
    expect(page.get_by_text("100% completed")).to_have_count(len(ALL))


def launch_a_run(installation: Installation, page: Page) -> None:
    """Materialize one partition from its page, and see its run fail."""
    page.goto(installation.address(f"assets/ohlc_1m?view=partitions&partition={RED}"))
    page.get_by_role("button", name="Materialize").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("1 partition", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Launch 1 run").click()
    page.get_by_text("View", exact=True).click()
    expect(page.get_by_text("Failure", exact=True)).to_be_visible(timeout=SLOW)


def come_from_the_board(installation: Installation, page: Page) -> None:
    """Go from the red day on the board to the partition that failed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in installation.env.items():
            patch.setenv(name, value)
        settings = load_settings()
    date, _, symbol = RED.partition("|")
    with running(make_app(settings, dagster_url=installation.web.url)) as board:
        page.goto(f"{board}/#/{symbol}")
        page.locator(f'[data-date="{date}"]').click()
        expect(page.locator(".day-details .reason")).to_contain_text(REASON)
        with page.expect_popup() as opened:
            page.get_by_role("link", name=f"{RED} in Dagster").click()
        expect(opened.value.get_by_text(FAILED)).to_be_visible()
        opened.value.close()
        page.goto(installation.address(f"assets/ohlc_1m?view=partitions&partition={RED}"))


def see_why(page: Page) -> None:
    """Go from the red partition to the run that failed."""
    page.get_by_text(FAILED).get_by_role("link").click()
    expect(page.get_by_text("Failure", exact=True)).to_be_visible()
    expect(page.get_by_text(REASON).first).to_be_visible()


def see_partitions(installation: Installation, page: Page, *, failed: int, materialized: int) -> None:
    page.goto(installation.address(f"assets/ohlc_1m?view=partitions&partition={RED}"))
    expect(page.get_by_text(f"Failed ({failed})")).to_be_visible()
    expect(page.get_by_text(f"Materialized ({materialized})")).to_be_visible()


def re_execute(page: Page) -> None:
    """Run the step that failed again, from the run's page, and see the new run succeed."""
    failed = page.url
    page.get_by_role("button", name="Re-execute all").locator("xpath=following::button[1]").click()
    page.get_by_role("menuitem", name="From failure").click()
    page.wait_for_url(lambda url: "/runs/" in url and url != failed)
    expect(page.get_by_text("Success", exact=True)).to_be_visible(timeout=SLOW)
