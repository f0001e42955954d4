"""A backfill that fills its share of the queue leaves room: a run that is no backfill starts at once. Real daemon."""

from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tradematrix_pipelines.defs.internals.run_tags import range_tags
from tradematrix_pipelines.defs.jobs import INGEST_CANDLES
from tradematrix_pipelines_tests.stack import environment, tradematrix, ui, vendor, wait_for

pytestmark = pytest.mark.system

SYMBOLS = ["DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"]
FIRST, LIVE = date(2026, 10, 12), date(2026, 11, 20)
DAYS = [FIRST + timedelta(days=7 * week + day) for week in range(5) for day in range(5)]
SHARE = 3
CLOCK = "2026-11-20T23:00:00Z"


def test_a_run_starts_at_once_however_long_a_backfill_queues() -> None:
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        home.mkdir()
        # The backfill's calls, several a symbol, take for ever; those of the live run, of a symbol of its own, don't.
        with vendor(home, "--fault", f"slow=25@{','.join(SYMBOLS)},GDAXI", clock=CLOCK) as simulator:
            env = environment(
                home,
                TRADEMATRIX_CLOCK=CLOCK,
                TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
                TWELVE_DATA_API_KEY="any",
                TWELVE_DATA_PLAN="unlimited",
            )
            tradematrix(env, "symbols", "add", "SPX", "--calendar", "XNYS")
            with ui(env, home) as web:
                backfill = web.backfill(DAYS, SYMBOLS)
                mine = {"dagster/backfill": backfill}
                wait_for(
                    "a backfill that fills its share",
                    lambda: len(web.runs(statuses=["STARTED"], tags=mine)) >= SHARE,
                    seconds=60,
                )
                run = web.run(INGEST_CANDLES, tags=range_tags("SPX", LIVE, LIVE))

                def ended() -> dict[str, object] | None:
                    found = {each["runId"]: each for each in web.runs(statuses=["SUCCESS", "FAILURE"])}
                    return found.get(run)

                live = wait_for("the live run", ended, seconds=60)
                waiting = web.runs(statuses=["QUEUED", "STARTED", "STARTING"], tags=mine)
                assert live["status"] == "SUCCESS"
                assert len(waiting) == len(SYMBOLS), "none of the backfill's runs had ended: it waited for none of them"
