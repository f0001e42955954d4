"""``tradematrix quarantine`` as a user types it: what was rejected, and its way back."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click import unstyle
from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines_tests.cli.conftest import Preparing, invoke, simulating

Run = Callable[..., Result]
FRIDAY = "2026-11-20"
REFUSED = "its whole session can't be true"
RANGE = "a price is outside the symbol's price range"


def read(run: Run, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    rows: list[dict[str, Any]] = json.loads(result.output)
    return rows


def ask(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def execute(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(statement))


def coverage(database: Database) -> dict[str, tuple[Any, ...]]:
    rows = ask(
        database,
        "SELECT timeframe::text, status::text, verdict::text, received FROM session_coverage "
        f"WHERE trade_date = '{FRIDAY}' ORDER BY timeframe",
    )
    return {row[0]: row[1:] for row in rows}


def quarantined(database: Database) -> int:
    return int(ask(database, "SELECT count(*) FROM rejected_candles")[0][0])


@pytest.fixture(scope="module")
def prepared(preparing: Preparing) -> Settings:
    """Four days of DAX minutes, and a Friday of four times the price, refused as a whole."""
    minutes = ("--timeframe", "1m", "--timeframe", "5m")
    with preparing() as (settings, monkeypatch), simulating(monkeypatch) as simulator:
        assert invoke("backfill", "DAX", "--from", "2026-11-16", "--to", "2026-11-19", *minutes).exit_code == 0
        simulator.set_faults("scale=4@GDAXI")
        assert invoke("backfill", "DAX", "--from", FRIDAY, "--to", FRIDAY, *minutes).exit_code == 1
    return settings


@pytest.fixture
def refused(prepared: Settings, simulator: Simulator, database: Database) -> Database:
    """The database of an installation with those days, whose vendor is right again."""
    del prepared, simulator
    return database


def test_what_is_rejected_is_listed_by_session(run: Run, refused: Database) -> None:
    rows = read(run, "quarantine", "list")
    [minutes] = [row for row in rows if row["timeframe"] == "1m"]
    assert minutes == {
        "symbol": "DAX",
        "trade_date": FRIDAY,
        "timeframe": "1m",
        "reason": REFUSED,
        "source": "twelve_data",
        "bars": 510,
        "first": "2026-11-20T08:00:00+00:00",
        "last": "2026-11-20T16:29:00+00:00",
        "newest": "2026-11-20T23:00:00+00:00",
    }
    assert read(run, "quarantine", "list", "--symbol", "NDX") == []
    assert read(run, "quarantine", "list", "--since", "2026-11-21") == []
    assert run("quarantine", "list", "--symbol", "NDX").output == "nothing is in quarantine\n"


def test_tables_are_whole_at_80_columns(run: Run, refused: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TTY_COMPATIBLE": "1", "NO_COLOR": "1", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    listed, shown = (
        unstyle(run(*arguments).output) for arguments in (("quarantine", "list"), ("quarantine", "show", "DAX", FRIDAY))
    )
    assert shown.splitlines()[0].strip() == f"DAX {FRIDAY} 1m from twelve_data: {REFUSED}"
    assert "…" not in listed + shown
    assert max(map(len, (listed + shown).splitlines())) <= 80


def test_a_refused_session_comes_back_doubtful_with_its_coarser_bars_until_a_person_accepts_it(
    run: Run, refused: Database
) -> None:
    # Four times the price can't be true: it stays, until the symbol's threshold says that it can.
    rows = read(run, "quarantine", "release", "DAX", FRIDAY, code=1)
    assert {row["released"] for row in rows} == {0}
    assert set(rows[0]["stays"].values()) == {
        reason for row in rows for reason in row["stays"].values() if reason.startswith("its session still can't be tr")
    }
    assert coverage(refused)["1m"] == ("failed", "refused", 0)
    execute(
        refused, """UPDATE market_symbols SET thresholds = '{"scale_refused": 9, "scale_doubted": 8, "gap": 1e9}'"""
    )
    before = quarantined(refused)
    rows = read(run, "quarantine", "release", "DAX", FRIDAY)
    assert (rows[0]["timeframe"], rows[0]["released"], rows[0]["stay"], rows[0]["verdict"]) == (
        "1m",
        510,
        0,
        "doubtful",
    )
    assert coverage(refused) == {
        "1m": ("complete", "doubtful", 510),
        "5m": ("complete", "doubtful", 102),
        "15m": ("complete", "doubtful", 34),
        "1h": ("complete", "doubtful", 9),
    }
    assert quarantined(refused) == before - 510
    [finding] = ask(
        refused, f"SELECT severity FROM session_findings WHERE trade_date = '{FRIDAY}' AND kind = 'released'"
    )
    assert finding == ("doubt",)
    assert run("accept", "DAX", FRIDAY, "--reason", "a new contract").exit_code == 0
    assert coverage(refused)["1m"] == ("complete", "accepted", 510)


def test_a_refused_session_that_a_person_has_accepted_comes_back_accepted(run: Run, refused: Database) -> None:
    assert run("accept", "DAX", FRIDAY, "--reason", "a new contract").exit_code == 0
    rows = read(run, "quarantine", "release", "DAX", FRIDAY)
    assert (rows[0]["released"], rows[0]["verdict"]) == (510, "accepted")
    assert coverage(refused)["1m"] == ("complete", "accepted", 510)
    assert coverage(refused)["5m"] == ("complete", "accepted", 102)


def test_a_refused_official_day_comes_back_too(run: Run, simulator: Simulator, database: Database) -> None:
    days = ("--timeframe", "1d")
    assert run("backfill", "DAX", "--from", "2026-11-16", "--to", "2026-11-19", *days).exit_code == 0
    simulator.set_faults("scale=4@GDAXI")
    run("backfill", "DAX", "--from", FRIDAY, "--to", FRIDAY, *days)
    assert coverage(database)["1d"] == ("failed", "refused", 0)
    assert run("accept", "DAX", FRIDAY, "--reason", "a new contract").exit_code == 0
    [row] = read(run, "quarantine", "release", "DAX", FRIDAY)
    assert (row["timeframe"], row["released"], row["verdict"]) == ("1d", 1, "accepted")
    assert ask(database, f"SELECT ts::text FROM ohlc WHERE ts >= '{FRIDAY}'") == [("2026-11-20 08:00:00+00",)]


def test_a_bar_of_a_refused_session_is_not_released_alone(run: Run, refused: Database) -> None:
    bars = read(run, "quarantine", "show", "DAX", FRIDAY)
    result = run("quarantine", "release", str(bars[0]["id"]))
    again = f"`tradematrix quarantine release DAX {FRIDAY}`"
    says = f"is of a session that was refused as a whole: release all of it with {again}"
    assert (result.exit_code, result.output) == (2, f"Error: {bars[0]['id']} {says}\n")


@pytest.fixture
def narrow(run: Run, simulator: Simulator, settings: Settings, database: Database) -> Database:
    """A Friday of DAX minutes, of which the price range rejected the highest bars."""
    minutes = ("--timeframe", "1m", "--timeframe", "5m")
    assert run("backfill", "DAX", "--from", FRIDAY, "--to", FRIDAY, *minutes).exit_code == 0
    execute(
        database,
        "UPDATE market_symbols SET price_max = (SELECT max(high) - 0.01 FROM ohlc WHERE symbol_id = 1), price_min = 1 "
        "WHERE symbol = 'DAX'",
    )
    run("backfill", "DAX", "--from", FRIDAY, "--to", FRIDAY, *minutes, "--refresh")
    assert coverage(database)["1m"][0] == "partial"
    return database


def test_a_bar_that_is_sound_now_completes_its_session_and_the_coarser_ones(run: Run, narrow: Database) -> None:
    [bar] = [bar for bar in read(run, "quarantine", "show", "DAX", FRIDAY) if bar["timeframe"] == "1m"]
    assert bar["reason"] == RANGE
    [row] = read(run, "quarantine", "release", str(bar["id"]), code=1)
    assert row["stays"] == {str(bar["id"]): RANGE}, "the range is still the same"
    execute(narrow, "UPDATE market_symbols SET price_max = 1000000 WHERE symbol = 'DAX'")
    [row] = read(run, "quarantine", "release", str(bar["id"]))
    assert (row["released"], row["stays"], row["verdict"]) == (1, {}, "accepted")
    assert coverage(narrow)["1m"] == ("complete", "accepted", 510)
    assert coverage(narrow)["5m"] == ("complete", "accepted", 102)
    [stored] = ask(narrow, f"SELECT high, source FROM ohlc WHERE timeframe = '1m' AND ts = '{bar['ts']}'")
    assert stored == (bar["high"], "twelve_data")
    left = read(run, "quarantine", "show", "DAX", FRIDAY) if quarantined(narrow) else []
    assert [row for row in left if row["timeframe"] == "1m"] == []


def test_no_bar_replaces_a_stored_candle(run: Run, narrow: Database) -> None:
    execute(
        narrow,
        "INSERT INTO rejected_candles (symbol_id, timeframe, ts, open, high, low, close, reason, source, rejected_at) "
        "SELECT symbol_id, timeframe, ts, open, high + 1, low, close, 'another bar of the same time has other values', "
        "source, now() FROM ohlc WHERE timeframe = '1m' AND ts = '2026-11-20 10:00+00'",
    )
    [bar] = [bar for bar in read(run, "quarantine", "show", "DAX", FRIDAY) if bar["reason"].startswith("another")]
    [row] = read(run, "quarantine", "release", str(bar["id"]), code=1)
    assert row["stays"] == {str(bar["id"]): "a candle is stored for its time"}


def test_a_session_stays_from_one_vendor(run: Run, narrow: Database) -> None:
    execute(narrow, "UPDATE rejected_candles SET source = 'yahoo'")
    execute(narrow, "UPDATE market_symbols SET price_max = 1000000 WHERE symbol = 'DAX'")
    rows = read(run, "quarantine", "release", "DAX", FRIDAY, code=1)
    assert set(rows[0]["stays"].values()) == {
        "its session is stored from twelve_data, and a session is from one vendor"
    }


def test_dropping_needs_a_yes(run: Run, narrow: Database) -> None:
    before = quarantined(narrow)
    result = run("quarantine", "drop", "DAX", FRIDAY)
    assert (result.exit_code, result.output) == (
        2, f"Error: this deletes {before} rejected candles for good: add --yes\n",
    )  # fmt: skip
    assert quarantined(narrow) == before
    assert read(run, "quarantine", "drop", "DAX", FRIDAY, "--yes") == [{"dropped": before}]
    assert quarantined(narrow) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "DAX", FRIDAY), "nothing of DAX 2026-11-20 is in quarantine: see `tradematrix quarantine list"),
        (("release", "17"), "no rejected candle has the id 17"),
        (("drop", "DAX"), "give the ids of bars, or a symbol and a trade date"),
        (("release", "DAX", "today"), "'today' is no date"),
        (("show", "ABC", FRIDAY), "unknown symbol 'ABC'"),
    ],
)
def test_what_is_not_there_is_said(run: Run, settings: Settings, arguments: tuple[str, ...], says: str) -> None:
    result = run("quarantine", *arguments)
    assert result.exit_code == 2
    assert says in result.output


def test_a_bar_without_a_time_can_only_be_dropped(run: Run, database: Database) -> None:
    execute(
        database,
        "INSERT INTO rejected_candles (symbol_id, timeframe, reason, source, rejected_at) "
        "VALUES (1, '1m', 'it has no time', 'files', now())",
    )
    [group] = read(run, "quarantine", "list")
    assert (group["trade_date"], group["first"]) == (None, None)
    [(row_id,)] = ask(database, "SELECT id FROM rejected_candles")
    [row] = read(run, "quarantine", "release", str(row_id), code=1)
    assert row["stays"] == {str(row_id): "no session of its symbol's calendar is known at its time"}
    assert run("quarantine", "show", str(row_id)).exit_code == 0
