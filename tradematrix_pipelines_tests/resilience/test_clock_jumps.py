"""The system clock jumps by hours in the middle of a backfill, forward and back: nothing is lost, none is overspent."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines_tests.stack import ENDED, environment, ui, vendor, wait_for
from tradematrix_pipelines_tests.stored import asker, assert_sound, stored_in_peace, stored_of, three_weeks, weekdays
from tradematrix_pipelines_tests.wrong_clocks import off_by

SYMBOLS = ("DAX", "NDX", "DJI", "EUR/USD", "XAG/USD")
PLAN = "20"
JUMPS = ("+3600", "-3600", "+0")
SECONDS = 20.0
"""From one jump to the next."""

STORED = "SELECT count(*) FROM session_coverage WHERE timeframe = '1m' AND final"
_SHOWN = [sys.executable, "-c", "import time; print(time.time())"]


@pytest.mark.kills
def test_a_backfill_survives_a_clock_that_jumps(
    preparing: Callable[[], AbstractContextManager[tuple[Settings, pytest.MonkeyPatch]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    days = three_weeks(12)
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        home, offset = Path(folder) / "home", Path(folder) / "offset"
        home.mkdir()
        offset.write_text("+0")
        wrong = off_by(offset)
        # The vendor keeps its own time, and so does Postgres, which an environment of ours does not reach.
        with vendor(home, "--plan", PLAN, "--fault", "slow=1") as simulator:
            own = environment(
                home,
                TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
                TWELVE_DATA_API_KEY="any",
                TWELVE_DATA_PLAN=PLAN,
            )
            with open_databases(load_settings(own)) as databases, ui({**own, **wrong}, home) as web:
                ask = asker(databases.market.render_as_string(hide_password=False))
                launched = web.backfill(weekdays(days), SYMBOLS)
                wait_for("the middle of the backfill", lambda: ask(STORED)[0] > 0, seconds=240)
                for jump in JUMPS:
                    offset.write_text(jump)
                    shown = subprocess.run(_SHOWN, env={**os.environ, **wrong}, capture_output=True, check=True).stdout
                    assert abs(float(shown) - time.time() - float(jump)) < 30, "the clock has not jumped"
                    time.sleep(SECONDS)
                assert web.backfill_status(launched) not in ENDED, "too late to show anything"
                begun = time.monotonic()
                assert web.finish(launched, seconds=900) == "COMPLETED_SUCCESS"
                with capsys.disabled():
                    print(f"\nclock jumps: all stored {time.monotonic() - begun:.0f} s later")  # noqa: T201 - measured
                stored = stored_of(ask, SYMBOLS, days)
                assert_sound(ask, simulator)
                assert web.process.poll() is None, (home / "up.log").read_text()
    assert stored == stored_in_peace(preparing, SYMBOLS, days)
