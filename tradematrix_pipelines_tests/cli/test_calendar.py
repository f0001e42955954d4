"""``tradematrix calendar``: what a correction says, and what follows from it everywhere."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols
from tradematrix_pipelines_tests.cli.conftest import Preparing, invoke, simulating

Run = Callable[..., Result]

THURSDAY, FRIDAY, MONDAY = date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 23)
CLOSE = ("calendar", "close", "XETR", "2026-11-20", "--reason", "a burst pipe")
HOURS = ("calendar", "hours", "XETR", "2026-11-20", "--open", "09:00", "--close", "14:00", "--reason", "storm")
COVERAGE = "SELECT to_jsonb(c) FROM session_coverage c ORDER BY symbol_id, timeframe, trade_date"


def rows(database: Database, query: str) -> list[Any]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def of_friday(database: Database) -> dict[str, tuple[str, int, int]]:
    """Return status, expected and received of DAX' Friday, by timeframe."""
    query = (
        "SELECT timeframe::text, status::text, expected, received FROM session_coverage "
        "WHERE symbol_id = 1 AND trade_date = '2026-11-20' ORDER BY session_coverage.timeframe"
    )
    return {row[0]: row[1:] for row in rows(database, query)}


@pytest.fixture(scope="module")
def prepared(preparing: Preparing) -> Settings:
    """Three sessions of DAX."""
    with preparing() as (settings, monkeypatch), simulating(monkeypatch):
        assert invoke("backfill", "DAX", "--from", "2026-11-18", "--to", "2026-11-20").exit_code == 0
    return settings


@pytest.fixture
def stored(prepared: Settings, simulator: Simulator) -> Simulator:
    """The vendor of an installation with those sessions."""
    del prepared
    return simulator


def test_a_closed_day_is_closed_at_once_and_says_what_becomes_of_its_candles(
    run: Run, stored: Simulator, database: Database
) -> None:
    candles = rows(database, "SELECT * FROM ohlc ORDER BY symbol_id, timeframe, ts")
    done = run(*CLOSE)
    assert done.exit_code == 0, done.output
    assert done.output == (
        "2026-11-20 is a closed day of XETR now: DAX\n"
        "stored candles stay, and count no more: 656 of DAX\n"
        "levels of 2026-11-23 come from session 2026-11-19\n"
    )
    assert rows(database, "SELECT * FROM ohlc ORDER BY symbol_id, timeframe, ts") == candles
    assert of_friday(database) == dict.fromkeys(("1m", "5m", "15m", "1h", "1d"), ("closed", 0, 0))
    dax, ndx = find_symbols(database.engine, ["DAX", "NDX"])
    assert calendar_of(dax).session(FRIDAY) is None
    assert calendar_of(dax).next(THURSDAY).trade_date == MONDAY
    assert calendar_of(ndx).session(FRIDAY) is not None
    calls = stored.counts.calls
    assert run("retry").exit_code == 0
    assert stored.counts.calls == calls
    query = "SELECT y_trade_date::text FROM levels_daily WHERE trade_date = '2026-11-23'"
    assert rows(database, query) == [("2026-11-19",)], "levels bridge the day"
    assert run("backfill", "DAX", "--from", "2026-11-20", "--to", "2026-11-20").exit_code == 2, "no session"
    with database.engine.begin() as connection:  # the clock stands still
        connection.execute(text("UPDATE levels_daily SET computed_at = computed_at - interval '1 hour'"))
    assert run("calendar", "undo", "XETR", "2026-11-20").exit_code == 0
    assert run("retry").exit_code == 0
    assert rows(database, query) == [("2026-11-20",)], "and come from it again"


def test_undoing_a_closed_day_restores_what_was_known(run: Run, stored: Simulator, database: Database) -> None:
    before = rows(database, COVERAGE)
    assert run(*CLOSE).exit_code == 0
    assert rows(database, COVERAGE) != before
    undone = run("calendar", "undo", "XETR", "2026-11-20")
    assert (undone.exit_code, undone.output) == (0, "2026-11-20 of XETR is 08:00 to 16:30 UTC again: DAX\n")
    assert rows(database, COVERAGE) == before
    again = run("calendar", "undo", "XETR", "2026-11-20")
    assert again.exit_code == 2
    assert "no correction of 2026-11-20 is in force on XETR" in again.output


def test_atr_spans_a_closed_day(run: Run, simulator: Simulator, database: Database) -> None:
    """A session that never came breaks ATR for weeks; a closed day does not."""
    assert run("backfill", "DAX", "--from", "2026-10-20", "--to", "2026-11-20", "--timeframe", "1d").exit_code == 0
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM ohlc WHERE ts::date = '2026-11-17'"))
        connection.execute(
            text("UPDATE session_coverage SET status = 'missing', received = 0 WHERE trade_date = '2026-11-17'")
        )
        connection.execute(text("UPDATE levels_daily SET computed_at = computed_at - interval '1 hour'"))
        connection.execute(text("UPDATE levels_daily SET atr_14 = NULL WHERE trade_date > '2026-11-17'"))
    broken = "SELECT trade_date::text FROM levels_daily WHERE trade_date > '2026-11-17' AND atr_14 IS NULL ORDER BY 1"
    assert len(rows(database, broken)) == 4
    done = run("calendar", "close", "XETR", "2026-11-17", "--reason", "a strike")
    assert done.exit_code == 0, done.output
    assert "stored candles" not in done.output
    assert run("retry").exit_code == 0
    assert rows(database, broken) == []
    again = run("retry")
    assert again.output.strip() == "nothing to retry", again.output


def test_levels_that_a_correction_does_not_change_are_computed_again_once(
    run: Run, stored: Simulator, database: Database
) -> None:
    with database.engine.begin() as connection:  # the clock stands still
        connection.execute(text("UPDATE levels_daily SET computed_at = computed_at - interval '1 hour'"))
    early = ("calendar", "hours", "XETR", "2026-11-18", "--open", "09:00", "--close", "17:00", "--reason", "storm")
    assert run(*early).exit_code == 0
    levels = "SELECT to_jsonb(l) - 'computed_at' FROM levels_daily l ORDER BY trade_date"
    before = rows(database, levels)
    assert {row["trade_date"] for row in json.loads(run("retry", "--json").output)} == {
        "2026-11-19", "2026-11-20", "2026-11-23",
    }  # fmt: skip
    assert rows(database, levels) == before
    assert run("retry").output.strip() == "nothing to retry"


def test_other_hours_judge_what_is_stored(run: Run, stored: Simulator, database: Database) -> None:
    done = run(*HOURS, "--json")
    assert done.exit_code == 0, done.output
    [shown] = json.loads(done.output)
    assert (shown["opens_at"], shown["closes_at"]) == ("2026-11-20T08:00:00+00:00", "2026-11-20T13:00:00+00:00")
    assert of_friday(database) == {"1m": ("complete", 300, 300), "1d": ("complete", 1, 1)}
    calls = stored.counts.calls
    again = run("backfill", "DAX", "--from", "2026-11-20", "--to", "2026-11-20")
    assert stored.counts.calls == calls, "made of the stored minutes"
    assert "doubtful: official_day: " in again.stderr, "the vendor's day has hours that the session has not"
    assert of_friday(database)["1h"] == ("complete", 5, 5)
    assert run("calendar", "undo", "XETR", "2026-11-20").exit_code == 0
    assert of_friday(database) == {"1m": ("complete", 510, 510), "1d": ("complete", 1, 1)}


def test_a_day_that_is_made_of_minutes_follows_other_hours(run: Run, simulator: Simulator, database: Database) -> None:
    assert run("backfill", "EUR/USD", "--from", "2026-11-20", "--to", "2026-11-20").exit_code == 0
    early = ("calendar", "hours", "FX", "2026-11-20", "--open", "17:00", "--close", "14:00", "--reason", "early close")
    assert run(*early).exit_code == 0
    calls = simulator.counts.calls
    assert run("backfill", "EUR/USD", "--from", "2026-11-20", "--to", "2026-11-20").exit_code == 0
    assert simulator.counts.calls == calls
    [minute] = rows(database, "SELECT close FROM ohlc WHERE timeframe = '1m' AND ts = '2026-11-20 18:59+00'")
    assert rows(database, "SELECT close FROM ohlc WHERE timeframe = '1d'") == [minute]


def test_a_later_open_moves_the_official_day(run: Run, stored: Simulator, database: Database) -> None:
    later = ("calendar", "hours", "XETR", "2026-11-20", "--open", "10:30", "--close", "17:30", "--reason", "outage")
    assert run(*later).exit_code == 0
    days = "SELECT ts AT TIME ZONE 'UTC' FROM ohlc WHERE timeframe = '1d' AND ts >= '2026-11-20' ORDER BY ts"
    assert [str(at) for (at,) in rows(database, days)] == ["2026-11-20 09:30:00"]
    assert of_friday(database) == {"1m": ("complete", 420, 420), "1d": ("complete", 1, 1)}
    assert run("backfill", "DAX", "--from", "2026-11-20", "--to", "2026-11-20").exit_code == 0
    hours = "SELECT ts AT TIME ZONE 'UTC' FROM ohlc WHERE timeframe = '1h' AND ts >= '2026-11-20 09:30+00' ORDER BY ts"
    assert [str(at)[11:16] for (at,) in rows(database, hours)] == [f"{hour:02}:30" for hour in range(9, 16)]


def test_corrections_are_listed(run: Run, simulator: Simulator) -> None:
    assert run("calendar", "list").output.strip() == "no corrections, and no calendars of one's own"
    run(*CLOSE)
    run("calendar", "close", "XNYS", "2027-01-08", "--reason", "a funeral")
    listed = json.loads(run("calendar", "list", "--json").output)
    assert [(row["calendar"], row["trade_date"], row["kind"], row["reason"]) for row in listed] == [
        ("XETR", "2026-11-20", "closed", "a burst pipe"), ("XNYS", "2027-01-08", "closed", "a funeral"),
    ]  # fmt: skip
    run("calendar", "undo", "XETR", "2026-11-20")
    assert [row["calendar"] for row in json.loads(run("calendar", "list", "--json").output)] == ["XNYS"]
    assert len(json.loads(run("calendar", "list", "XETR", "--all", "--json").output)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("close", "XNYZ", "2026-11-20"), "or XNYS or"),
        (("close", "XETR", "2026-11-21"), "2026-11-21 is no session on calendar XETR: there is nothing to correct"),
        (("hours", "XETR", "2026-11-20", "--open", "noon", "--close", "13:00"), "'noon' is no time with its zone"),
        (("hours", "XETR", "2026-11-20", "--open", "9:00", "--close", "17:30"), "has these hours on calendar XETR"),
        (("hours", "FX", "2026-11-20", "--open", "16:00", "--close", "15:00"), "overlap session 2026-11-19 of FX"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(
    run: Run, database: Database, arguments: tuple[str, ...], message: str
) -> None:
    done = run("calendar", *arguments, "--reason", "a test")
    assert done.exit_code == 2
    assert message in done.output
    assert rows(database, "SELECT count(*) FROM calendar_corrections") == [(0,)]


def test_a_day_is_corrected_once(run: Run, simulator: Simulator) -> None:
    assert run(*CLOSE).exit_code == 0
    again = run(*HOURS)
    assert again.exit_code == 2
    assert "undo that first with `tradematrix calendar undo XETR 2026-11-20`" in again.output


DEFINE = ("calendar", "define", "GER40", "--open", "00:30 UTC", "--close", "22:00 Europe/Berlin")


def test_a_calendar_of_ones_own_is_a_symbols_calendar(run: Run, simulator: Simulator, database: Database) -> None:
    defined = run(*DEFINE, "--holidays", "XEUR", "--break", "17:30 Europe/Berlin", "18:00 Europe/Berlin")
    assert defined.exit_code == 0, defined.output
    assert "the next session is 2026-11-23 00:30 to 2026-11-23 21:00 UTC" in defined.output
    assert run("symbols", "add", "GER40", "--calendar", "GER40", "--no-lookup").exit_code == 0
    symbol = next(symbol for symbol in read_symbols(database.engine) if symbol.name == "GER40")
    assert (symbol.gap_tolerance, symbol.quotes_all_day) == (15, True)
    session = calendar_of(symbol).session(date(2026, 7, 1))
    assert session is not None
    times = (session.opens_at, session.break_starts_at, session.break_ends_at, session.closes_at)
    assert [f"{at:%H:%M}" for at in times if at] == ["00:30", "15:30", "16:00", "20:00"]
    assert calendar_of(symbol).session(date(2026, 12, 24)) is None, "a holiday of XEUR"
    assert run("calendar", "close", "GER40", "2026-11-25", "--reason", "maintenance").exit_code == 0
    assert calendar_of(find_symbols(database.engine, ["GER40"])[0]).session(date(2026, 11, 25)) is None
    assert [row["kind"] for row in json.loads(run("calendar", "list", "--json").output)] == ["closed", "defined"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("XETR", "--open", "00:30 UTC", "--close", "22:00 UTC"), "XETR is a calendar already"),
        (("ger 40", "--open", "00:30 UTC", "--close", "22:00 UTC"), "'ger 40' is no name for a calendar"),
        (("GER40", "--open", "00:30", "--close", "22:00 UTC"), "'00:30' is no time with its zone"),
        (("GER40", "--open", "00:30 UTC", "--close", "22:00 UTC", "--holidays", "XEURO"), "did you mean"),
        (
            ("GER40", "--open", "08:00 UTC", "--close", "20:00 UTC", "--break", "06:00 UTC", "07:00 UTC"),
            "the break does not lie between open and close",
        ),
    ],
)
def test_hours_that_make_no_calendar_are_refused(run: Run, arguments: tuple[str, ...], message: str) -> None:
    done = run("calendar", "define", *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_hours_by_which_sessions_are_stored_do_not_change(run: Run, simulator: Simulator, database: Database) -> None:
    assert run(*DEFINE).exit_code == 0
    assert run(*DEFINE, "--holidays", "XEUR").exit_code == 0, "nothing is stored yet"
    assert run("symbols", "add", "GER40", "--calendar", "GER40", "--no-lookup").exit_code == 0
    assert run("backfill", "GER40", "--from", "2026-11-20", "--to", "2026-11-20").exit_code == 1, "nobody knows it"
    again = run(*DEFINE)
    assert again.exit_code == 2
    assert "sessions of GER40 are stored by the hours of GER40" in again.output
