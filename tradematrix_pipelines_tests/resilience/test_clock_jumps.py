"""The machine's clock is set hours forward and hours back in the middle of a backfill, while everything runs.

The vendor is another machine, whose clock is right.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines_tests.stack import environment, tradematrix, ui, vendor, wait_for
from tradematrix_pipelines_tests.stored import (
    STORED,
    asker,
    assert_sound,
    stored_in_peace,
    stored_of,
    three_weeks,
    weekdays,
)
from tradematrix_pipelines_tests.wrong_clocks import WrongClock

pytestmark = pytest.mark.kills

SYMBOLS = ("DAX", "NDX", "EUR/USD")
PLAN = "10"
"""Credits a minute. A backfill may spend eight of them, so that the clock is set while one of three weeks goes on."""

DAYS = three_weeks(36)
HOURS = 3600


def test_the_clock_is_set_forward_and_back(
    preparing: Callable[[], AbstractContextManager[tuple[Settings, pytest.MonkeyPatch]]],
    report: Callable[[str], None],
) -> None:
    peace = stored_in_peace(preparing, SYMBOLS, DAYS)
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True))
        home, clock = Path(folder) / "home", WrongClock(Path(folder))
        home.mkdir()
        simulator = stack.enter_context(vendor(home, "--plan", PLAN, "--fault", "slow=1"))
        env = environment(
            home,
            TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
            TWELVE_DATA_API_KEY="any",
            TWELVE_DATA_PLAN=PLAN,
        )
        tradematrix(env, "migrate")
        databases = stack.enter_context(open_databases(load_settings(env)))
        ask = asker(databases.market.render_as_string(hide_password=False))
        with ui({**env, **clock.environment}, home) as web:
            backfill = web.backfill(weekdays(DAYS), SYMBOLS)

            def stores_more_than(count: int) -> Callable[[], bool]:
                return lambda: ask(STORED, first=DAYS[0], last=DAYS[1])[0] > count

            wait_for("the first sessions", stores_more_than(0), seconds=180)
            for hours in (3, -3, 0):
                [before] = ask(STORED, first=DAYS[0], last=DAYS[1])
                clock.set(hours * HOURS)
                start = time.monotonic()
                wait_for("the next sessions", stores_more_than(before), seconds=240)
                report(f"clock {hours:+d} h: sessions again after {time.monotonic() - start:.0f} s")
            assert web.finish(backfill, seconds=400) == "COMPLETED_SUCCESS"
        assert stored_of(ask, SYMBOLS, DAYS) == peace
        assert_sound(ask, simulator)
