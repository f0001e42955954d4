"""``tradematrix verify`` as a user types it: stored sessions beside what vendors say of them now."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.storage.verifications import read_drift, sample_sessions
from tradematrix_pipelines_tests.cli.conftest import Preparing, invoke, simulating

Run = Callable[..., Result]
FRIDAY = "2026-11-20"
NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)


def read(run: Run, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def ask(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def candles(database: Database) -> list[tuple[Any, ...]]:
    return ask(database, "SELECT symbol_id, timeframe, ts, open, high, low, close FROM ohlc ORDER BY 1, 2, 3")


@pytest.fixture(scope="module")
def prepared(preparing: Preparing) -> Settings:
    """Two sessions of DAX: minutes and official days."""
    frames = ("--timeframe", "1m", "--timeframe", "5m", "--timeframe", "1d")
    with preparing() as (settings, monkeypatch), simulating(monkeypatch):
        assert invoke("backfill", "DAX", "--from", "2026-11-19", "--to", FRIDAY, *frames).exit_code == 0
    return settings


@pytest.fixture
def stored(prepared: Settings, simulator: Simulator, database: Database) -> Database:
    """The database of an installation with those sessions."""
    del prepared, simulator
    return database


def test_what_a_vendor_still_says_is_exact_and_costs_credits_of_its_own_purpose(run: Run, stored: Database) -> None:
    rows = read(run, "verify")
    assert {(row["trade_date"], row["timeframe"], row["outcome"]) for row in rows} == {
        (day, timeframe, "exact") for day in ("2026-11-19", FRIDAY) for timeframe in ("1m", "1d")
    }, "not the 5m, which are made of the 1m"
    assert {row["bars"] for row in rows if row["timeframe"] == "1m"} == {510}
    assert ask(stored, "SELECT sum(credits) FROM vendor_credits WHERE purpose = 'verify'") == [(4,)]
    assert ask(stored, "SELECT DISTINCT outcome, own, vendor FROM verifications") == [("exact", True, "twelve_data")]


def test_a_revision_is_shown_and_taken_in_only_with_correct(
    run: Run, stored: Database, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = candles(stored)
    simulator.set_faults("revised=0.001@GDAXI")
    rows = read(run, "verify", "DAX", "--from", FRIDAY, code=1)
    [minutes] = [row for row in rows if row["timeframe"] == "1m"]
    assert (minutes["outcome"], minutes["at"]) == ("different", "2026-11-20T12:15:00+00:00")
    assert minutes["what"] in {"high", "close"}, "the fault raises both by the same"
    assert minutes["largest"] > 10
    assert candles(stored) == before, "nothing is changed"
    [drift] = read_drift(stored.engine, read_symbols(stored.engine), since=datetime(2026, 11, 1, tzinfo=UTC))
    assert (drift.symbol, drift.different, drift.largest) == ("DAX", 1, minutes["largest"])
    monkeypatch.setenv("TRADEMATRIX_CLOCK", "2026-11-20T23:10:00Z")
    rows = read(run, "verify", "DAX", "--from", FRIDAY, "--correct")
    assert [row["corrected"] for row in rows if row["timeframe"] == "1m"] == [True]
    assert candles(stored) != before
    assert {row["outcome"] for row in read(run, "verify", "DAX", "--from", FRIDAY)} == {"exact"}


def test_the_days_allowance_is_kept(run: Run, stored: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEMATRIX_VERIFY_CREDITS", "3")
    assert len(read(run, "verify", "--sample", "2")) == 2
    assert len(read(run, "verify")) == 1
    result = run("verify")
    assert result.exit_code == 1
    assert result.output.startswith(
        "Error: today's 3 credits for verification are spent: wait for midnight UTC, or raise"
    )
    assert len(ask(stored, "SELECT FROM verifications")) == 3, "each of another session"
    monkeypatch.setenv("TRADEMATRIX_VERIFY_CREDITS", "0")
    assert run("verify").exit_code == 2


def test_a_seed_names_a_sample(stored: Database) -> None:
    def sample(seed: str) -> list[tuple[str, str, date]]:
        chosen = sample_sessions(
            stored.engine, read_symbols(stored.engine), vendors=["twelve_data"], first=date(2026, 1, 1),
            last=date(2026, 12, 1), seed=seed, most=3, now=NOW,
        )  # fmt: skip
        return [(symbol.name, str(timeframe), day) for symbol, timeframe, day in chosen]

    assert sample("a") == sample("a")
    assert len({tuple(sample(seed)) for seed in "abcdefgh"}) > 2


@pytest.fixture
def second(stored: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files as another vendor, with Friday's minutes as they are stored."""
    folder = tmp_path / "prices"
    folder.mkdir()
    rows = ask(stored, f"SELECT ts, open, high, low, close FROM ohlc WHERE timeframe = '1m' AND ts > '{FRIDAY}'")
    write(folder, rows)
    monkeypatch.setenv("TRADEMATRIX_FILES_DIR", str(folder))
    monkeypatch.setenv("TRADEMATRIX_FALLBACK_VENDORS", "files")
    return folder


def write(folder: Path, rows: list[tuple[Any, ...]]) -> None:
    lines = [",".join([row[0].isoformat(), *map(str, row[1:])]) for row in rows]
    (folder / "DAX_1m.csv").write_text("\n".join(["ts,open,high,low,close", *lines, ""]))


def of_files(run: Run, *, code: int = 0) -> dict[str, Any]:
    rows = read(run, "verify", "DAX", "--from", FRIDAY, code=code)
    [row] = [row for row in rows if row["vendor"] == "files" and row["timeframe"] == "1m"]
    assert {row["outcome"] for row in rows if row["vendor"] == "twelve_data"} == {"exact"}
    return row


def test_a_second_vendor_is_asked_too_and_compared_by_session(run: Run, stored: Database, second: Path) -> None:
    assert of_files(run)["outcome"] == "exact"
    query = f"SELECT ts, open, high, low, close FROM ohlc WHERE timeframe = '1m' AND ts > '{FRIDAY}' ORDER BY ts"
    rows = ask(stored, query)
    lowest, highest = min(row[3] for row in rows), max(row[2] for row in rows)
    lifted = [(*row[:2], row[2] + (highest - lowest) / 2, *row[3:]) for row in rows]
    write(second, lifted)
    row = of_files(run, code=1)
    assert (row["outcome"], row["what"]) == ("different", "high")
    assert row["largest"] == pytest.approx((highest - lowest) / 2)
    write(second, rows[100:])
    row = of_files(run)
    assert row["outcome"] == "unavailable"
    assert row["reason"].startswith("files has not the whole session: 410 of 510 bars")


def test_a_vendor_that_fails_makes_its_session_unavailable(run: Run, stored: Database, simulator: Simulator) -> None:
    simulator.set_faults("unknown@GDAXI")
    rows = read(run, "verify", "DAX", "--from", FRIDAY)
    assert {row["outcome"] for row in rows} == {"unavailable"}
    assert all(row["reason"] for row in rows)


def test_nothing_stored_is_nothing_to_verify(run: Run, settings: Settings, simulator: Simulator) -> None:
    result = run("verify", "NDX")
    assert (result.exit_code, result.output) == (0, "no complete session is stored there\n")
    assert run("verify", "--from", "2026-11-20", "--to", "2026-11-19").exit_code == 2
