"""A backfill larger than the day's credits: it stops, says when it goes on, and does so by itself. Real daemon."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import create_engine, text

from tradematrix_pipelines.clock import FastClock, SystemClock, format_clock
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines_tests.stack import environment, ui, vendor, wait_for

pytestmark = pytest.mark.system

OPEN = "SELECT count(*) FROM session_coverage WHERE status <> 'complete'"
LEVELS = "SELECT count(*) FROM levels_daily"


def test_it_stops_at_the_days_limit_and_goes_on_after_the_reset_by_itself() -> None:
    # A minute of the simulated evening takes a second. The minutes need three credits, one of them for the question
    # where the series starts, and so much does the plan give a day; the official days need two more.
    start = datetime(2026, 11, 19, 23, 0, tzinfo=UTC)
    clock = format_clock(FastClock(start=start, speed=60, origin=SystemClock().now()))
    with TemporaryDirectory(prefix="tradematrix-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        with vendor(home, "--plan", "100/3", clock=clock) as simulator:
            env = environment(
                home,
                TRADEMATRIX_CLOCK=clock,
                TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
                TWELVE_DATA_API_KEY="any",
                TWELVE_DATA_PLAN="100/3",
            )
            with open_databases(load_settings(env)) as databases:
                command = [sys.executable, "-c", "from tradematrix_pipelines.cli.main import main; main()", "backfill"]
                done = subprocess.run(
                    [*command, "DAX", "--from", "2026-11-05", "--to", "2026-11-18"],
                    env=env, capture_output=True, text=True, timeout=120, check=False,
                )  # fmt: skip
                assert done.returncode == 1, done.stdout + done.stderr
                assert "2026-11-20 00:00" in done.stderr
                engine = create_engine(databases.market)

                def count(query: str) -> int:
                    with engine.connect() as connection:
                        return int(connection.execute(text(query)).scalar_one())

                assert count(OPEN) == 10, "the official days wait"
                assert count("SELECT count(*) FROM ohlc WHERE timeframe = '1m'") == 10 * 510
                with ui(env, home):
                    wait_for("the rest of the sessions", lambda: count(OPEN) == 0, seconds=180)
                    wait_for("their levels", lambda: count(LEVELS) == 10, seconds=90)
                engine.dispose()
            assert simulator.counts["limited"] == 0, simulator.counts
            assert simulator.counts["credits"] == 5
