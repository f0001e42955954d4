"""The machine's browser, as the tests of web pages start it: of the web UI and of the board.

Here: where it is, and its options. Not here: what a test opens with it.
"""

import shutil

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# No word to its maker, no sandbox (root has none), and no way around the proxy of a machine that has one.
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-quic",
)


def find_chromium() -> str:
    """Return the path of a browser of the machine's own, as Playwright's would have to be downloaded; else skip."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(f"no browser found ({', '.join(_NAMES)}): on Debian, apt-get install chromium")
    return path
