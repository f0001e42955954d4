"""A fallback at the command line: it serves what the vendor can't, is recorded as the source, and replaces nothing."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines_tests.quality.hand_made import walk

Run = Callable[..., Result]
PRICE = 24_000.0
"""Near the simulator's prices, and none of them."""


@pytest.fixture
def folder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of two of DAX's sessions, at prices that the simulator does not have, as the fallback."""
    del settings  # it clears the environment first
    days = []
    for number, day in enumerate((19, 20)):
        ts = pd.date_range(f"2026-11-{day}T08:00Z", periods=510, freq="1min").strftime("%Y-%m-%dT%H:%M:%SZ")
        days.append(walk(number, bars=510, start=PRICE).assign(ts=ts))
    minutes = pd.concat(days)
    folder = tmp_path / "files"
    folder.mkdir()
    minutes.to_csv(folder / "DAX_1m.csv", index=False)
    monkeypatch.setenv("TRADEMATRIX_FALLBACK_VENDORS", "files")
    monkeypatch.setenv("TRADEMATRIX_FILES_DIR", str(folder))
    return folder


@pytest.mark.usefixtures("folder")
def test_a_refresh_takes_no_revision_from_a_fallback(run: Run, simulator: Simulator, database: Database) -> None:
    one, both = ("DAX", "--from", "2026-11-19", "--timeframe", "1m"), ("--to", "2026-11-20")
    assert run("backfill", *one, "--to", "2026-11-19").exit_code == 0
    simulator.set_faults("gated")
    assert run("backfill", *one, *both, "--refresh").exit_code == 1
    stored = text("SELECT ts::date::text, source, count(*), max(abs(close - 24000)) < 100 FROM ohlc GROUP BY 1, 2")
    with database.engine.connect() as connection:
        sessions = {tuple(row) for row in connection.execute(stored)}
        revised = connection.execute(text("SELECT count(*) FROM ohlc_revisions")).scalar_one()
        covered = {
            tuple(row) for row in connection.execute(text("SELECT trade_date::text, source FROM session_coverage"))
        }
    assert sessions == {("2026-11-19", "twelve_data", 510, False), ("2026-11-20", "files", 510, True)}
    assert revised == 0
    assert covered == {("2026-11-19", "twelve_data"), ("2026-11-20", "files")}
