"""A browser for the tests, and what it saw: a picture after each step, kept where a test fails."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tradematrix_pipelines_tests.browsing import OPTIONS, find_chromium

if TYPE_CHECKING:  # a folder's conftest is read wherever tests are collected, and Playwright may not be there
    from playwright.sync_api import Page, ViewportSize

_SIZE: "ViewportSize" = {"width": 1400, "height": 1000}
_PATIENCE_MS = 30_000
_failed = pytest.StashKey[bool]()

Shoot = Callable[[str], None]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note on the test whether it failed, for the fixtures that are torn down after it."""
    report = yield
    if call.when == "call":
        item.stash[_failed] = call.excinfo is not None
    return report


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the machine's browser."""
    return find_chromium()


@pytest.fixture
def page(chromium: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator["Page"]:
    """A page of a browser that knows nothing yet; where the test fails, its last state goes to the log."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=chromium, headless=True, args=OPTIONS, viewport=_SIZE
        )
        opened = browser.pages[0]
        opened.set_default_timeout(_PATIENCE_MS)
        try:
            yield opened
            if request.node.stash.get(_failed, False):
                opened.screenshot(path=_album(tmp_path) / "last.png")
                print(f"pictures of each step in {_album(tmp_path)}; the page said:\n{opened.inner_text('body')}")  # noqa: T201 - for the test's log
        finally:
            browser.close()


@pytest.fixture
def shoot(page: "Page", tmp_path: Path) -> Shoot:
    """Takes a picture of the page, named after the step that it ends."""
    taken: list[str] = []

    def take(step: str) -> None:
        taken.append(step)
        page.screenshot(path=_album(tmp_path) / f"{len(taken)} {step}.png")

    return take


def _album(folder: Path) -> Path:
    album = folder / "pictures"
    album.mkdir(exist_ok=True)
    return album
