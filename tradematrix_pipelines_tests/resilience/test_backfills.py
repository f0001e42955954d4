"""Backfills as a person launches them in the UI, carried out by the real daemon: what they bring in, in which calls."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import pytest
from sqlalchemy import Engine, create_engine, text

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.run_tags import range_tags
from tradematrix_pipelines.defs.jobs import INGEST_CANDLES
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines_tests.stack import Ui, Vendor, environment, json_logs, ui, vendor, wait_for

pytestmark = pytest.mark.system

CLOCK = "2026-11-20T23:00:00Z"
DAYS = [date(2026, 11, 16) + timedelta(days=n) for n in range(3)]
INDICES, PAIRS = ["DAX", "NDX"], ["EUR/USD", "XAG/USD"]


@dataclass
class Installation:
    """What ``up`` runs, its vendor, and its database."""

    web: Ui
    simulator: Vendor
    engine: Engine
    settings: Settings

    def materialized(self, asset: str, symbol: str) -> set[str]:
        """Return the partitions of a symbol that Dagster shows as materialized."""
        # Dagster's storage finds its database by the environment.
        with pytest.MonkeyPatch.context() as environ:
            environ.setenv("TRADEMATRIX_HOME", str(self.settings.home))
            with open_instance(self.settings) as instance:
                keys = instance.get_materialized_partitions(dg.AssetKey(asset))
        return {key for key in keys if key.endswith(f"|{symbol}")}

    def ask(self, query: str) -> tuple[object, ...]:
        with self.engine.connect() as connection:
            return tuple(connection.execute(text(query)).one())


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True))
        home = Path(folder) / "home"
        home.mkdir()
        simulator = stack.enter_context(vendor(home, clock=CLOCK))
        env = environment(
            home,
            TRADEMATRIX_CLOCK=CLOCK,
            TRADEMATRIX_LOG_FORMAT="json",
            TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
            TWELVE_DATA_API_KEY="any",
            TWELVE_DATA_PLAN="unlimited",
        )
        settings = load_settings(env)
        databases = stack.enter_context(open_databases(settings))
        engine = create_engine(databases.market, pool_pre_ping=True)
        stack.callback(engine.dispose)
        web = stack.enter_context(ui(env, home))
        yield Installation(web=web, simulator=simulator, engine=engine, settings=settings)


def test_a_backfill_without_the_assets_between_brings_in_all_and_in_a_call_a_symbol(
    installation: Installation,
) -> None:
    before = installation.simulator.counts["calls"]
    assets = ["ohlc_1m", "ohlc_1d", "daily_levels", "pivot_points"]
    backfill = installation.web.backfill(DAYS, [*INDICES, *PAIRS], assets)
    assert installation.web.finish(backfill, seconds=240) == "COMPLETED_SUCCESS"
    days = "SELECT count(*) FROM session_coverage WHERE timeframe = '1d' AND status = 'complete' AND final"
    assert installation.ask(days) == (12,)
    assert installation.ask("SELECT count(*) FROM levels_daily") == (12,)
    assert installation.ask("SELECT count(DISTINCT (symbol_id, trade_date)) FROM pivot_levels") == (12,)
    runs = installation.web.runs(tags={"dagster/backfill": backfill})
    assert len(runs) == 8, "candles and levels of each symbol"
    # The minutes of a symbol's three sessions in one call, the indices' official days in another. By date, it would be
    # a call for each session: 12, and 6 official days.
    calls = installation.simulator.counts["calls"] - before
    assert calls == len(INDICES) + len(PAIRS) + len(INDICES)


def test_re_executing_from_asset_failure_does_what_is_incomplete(installation: Installation) -> None:
    web, simulator = installation.web, installation.simulator
    days = [date(2026, 10, 12), date(2026, 10, 13)]
    first = web.run("__ASSET_JOB", tags=range_tags("DJI", days[0], days[0]), assets=["ohlc_1m"])
    assert web.finish_run(first, seconds=60) == ("SUCCESS", ["ohlc"]), "without a step for its check"
    simulator.set_faults("gated@DJI")
    failed = web.run("__ASSET_JOB", tags=range_tags("DJI", *days), assets=["ohlc_1m"])
    assert web.finish_run(failed, seconds=60)[0] == "FAILURE"
    assert installation.materialized("ohlc_1m", "DJI") == {"2026-10-12|DJI"}
    simulator.set_faults()
    again = web.run_again(failed, "FROM_ASSET_FAILURE")
    assert web.finish_run(again, seconds=60) == ("SUCCESS", ["ohlc"])
    assert installation.materialized("ohlc_1m", "DJI") == {"2026-10-12|DJI", "2026-10-13|DJI"}


def test_a_run_that_takes_too_long_is_ended(installation: Installation) -> None:
    installation.simulator.set_faults("slow=60@DJI")
    day = date(2026, 9, 1)
    tags = {**range_tags("DJI", day, day), "dagster/max_runtime": "2", "dagster/max_retries": "0"}
    run = installation.web.run(INGEST_CANDLES, tags=tags)
    assert installation.web.finish_run(run, seconds=90)[0] == "FAILURE"
    installation.simulator.set_faults()


def test_a_backfill_that_is_cancelled_stays_so_and_shows_what_is_stored(installation: Installation) -> None:
    web, simulator, symbol = installation.web, installation.simulator, "EUR/USD"
    days = [date(2026, 8, 3) + timedelta(days=7 * week + day) for week in range(8) for day in range(5)]
    simulator.set_faults("slow=2")
    done = (
        "SELECT count(*) FROM session_coverage WHERE timeframe = '1m' AND status = 'complete' "
        "AND trade_date BETWEEN '2026-08-03' AND '2026-09-25'"
    )
    backfill = web.backfill(days, [symbol])
    wait_for("the middle of the backfill", lambda: 0 < int(str(installation.ask(done)[0])) < len(days), seconds=120)
    simulator.set_faults("slow=50")  # so that the rest is never in time, however long the cancelling takes
    web.cancel(backfill)
    assert web.finish(backfill, seconds=120) == "CANCELED"
    simulator.set_faults()
    [stored] = installation.ask(done)
    assert 0 < int(str(stored)) < len(days), "cancelled too late to show anything"
    first, last = f"{days[0]}|", f"{days[-1]}|~"
    for asset in ("ohlc_1m", "ohlc_5m", "ohlc_15m", "ohlc_1h", "ohlc_1d"):
        shown = {key for key in installation.materialized(asset, symbol) if first <= key <= last}
        assert len(shown) == stored, asset
    # Longer than the daemon's rounds of a backfill, of failed runs, and a step's first pause.
    time.sleep(30)
    assert web.backfill_status(backfill) == "CANCELED"
    assert {run["status"] for run in web.runs(tags={"dagster/backfill": backfill})} == {"CANCELED"}
    assert installation.ask(done) == (stored,)


def test_the_logs_of_all_that_are_json_without_what_is_for_debugging(installation: Installation) -> None:
    entries = json_logs(installation.settings.home)
    assert entries
    assert "debug" not in {str(entry.get("level", entry.get("levelname"))).lower() for entry in entries}
    assert not any("Started execution of run" in str(entry) for entry in entries)
