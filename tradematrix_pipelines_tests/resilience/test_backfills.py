"""Backfills as a person launches them in the UI, carried out by the real daemon: what they bring in, in which calls."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Engine, create_engine, text

from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines_tests.stack import Ui, Vendor, environment, ui, vendor

CLOCK = "2026-11-20T23:00:00Z"
DAYS = [date(2026, 11, 16) + timedelta(days=n) for n in range(3)]
INDICES, PAIRS = ["DAX", "NDX"], ["EUR/USD", "XAG/USD"]


@dataclass
class Installation:
    """What ``up`` runs, its vendor, and its database."""

    web: Ui
    simulator: Vendor
    engine: Engine

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
            TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
            TWELVE_DATA_API_KEY="any",
            TWELVE_DATA_PLAN="unlimited",
        )
        databases = stack.enter_context(open_databases(load_settings(env)))
        engine = create_engine(databases.market, pool_pre_ping=True)
        stack.callback(engine.dispose)
        web = stack.enter_context(ui(env, home))
        yield Installation(web=web, simulator=simulator, engine=engine)


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
