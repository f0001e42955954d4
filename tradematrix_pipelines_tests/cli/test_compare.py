"""``tradematrix compare`` as a user types it: the old system's database beside ours, and ours beside ours."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click import unstyle
from click.testing import CliRunner, Result

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.postgres.embedded import ServerLease
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines_tests.old_system import FIRST, LAST, OldSystem, make_old_system


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=environment)


@pytest.fixture(scope="module")
def ours(module_installation: Callable[..., Settings]) -> Settings:
    """Five days of DAX and EUR/USD, from the simulator."""
    settings = module_installation()
    result = run("backfill", "DAX", "EUR/USD", "--from", str(FIRST), "--to", str(LAST), "--timeframe", "1m",
                 "--timeframe", "1d")  # fmt: skip
    assert result.exit_code == 0, result.output
    return settings


@pytest.fixture(scope="module")
def old(postgres: ServerLease) -> OldSystem:
    return make_old_system(postgres).fill(["DAX", "EUR/USD", "NDX"])


def compare(url: str, *arguments: str, code: int) -> dict[tuple[str, str | None], dict[str, Any]]:
    result = run("compare", "--with", url, *arguments, "--json")
    assert result.exit_code == code, result.output
    return {(row["symbol"], row["timeframe"]): row for row in json.loads(result.stdout)}


def test_berlins_clock_is_named_and_the_candles_are_equal(ours: Settings, old: OldSystem) -> None:
    rows = compare(old.url, code=1)
    counts = {
        key: (row["equal"], row["missing"], row["extra"], row["different"], row["shifted"]) for key, row in rows.items()
    }
    berlin = "+60m (Europe/Berlin)"
    assert counts == {
        ("DAX", "1m"): (2550, 0, 0, 0, berlin),
        ("DAX", "1d"): (5, 0, 0, 0, None),
        ("DAX", "levels"): (5, 0, 0, 0, None),
        ("EUR/USD", "1m"): (7200, 0, 0, 0, berlin),
        ("EUR/USD", "1d"): (5, 0, 0, 0, None),
        ("EUR/USD", "levels"): (5, 0, 0, 0, None),
        ("NDX", "1m"): (0, 1950, 0, 0, berlin),
        ("NDX", "1d"): (0, 5, 0, 0, None),
        ("NDX", "levels"): (0, 5, 0, 0, None),
    }
    assert rows["DAX", "1m"]["corrected_by"] == "Europe/Berlin"


def test_as_they_stand_the_hours_beside_the_session_are_outside(ours: Settings, old: OldSystem) -> None:
    row = compare(old.url, "DAX", "--timeframe", "1m", "--correct", "DAX=none", code=1)["DAX", "1m"]
    assert (row["outside"], row["extra"], row["shifted"]) == (5 * 60, 5 * 60, "+60m (Europe/Berlin)")
    assert row["different"] > 2000


def test_what_differs_is_found_and_measured(ours: Settings, postgres: ServerLease) -> None:
    old = make_old_system(postgres).fill(["DAX"], clock=None)
    of_dax = "symbol_id = %s::uuid AND timeframe = '1min'"
    old.execute(f"DELETE FROM ohlc WHERE {of_dax} AND ts = '2026-11-18 09:00+00'", old.ids["DAX"])
    old.execute(
        f"UPDATE ohlc SET high = high + 2.5, close = close + 2.5 WHERE {of_dax} AND ts = '2026-11-19 10:00+00'",
        old.ids["DAX"],
    )
    old.execute(
        f"UPDATE ohlc SET ts = '2026-11-20 17:00+00' WHERE {of_dax} AND ts = '2026-11-20 16:29+00'", old.ids["DAX"]
    )
    old.execute(f"UPDATE ohlc SET timeframe = '1M' WHERE {of_dax} AND ts = '2026-11-20 08:00+00'", old.ids["DAX"])
    old.execute("INSERT INTO market_symbols (vendor, symbol) VALUES ('twelve_data', 'CAC 40')")
    rows = compare(old.url, code=1)
    minutes = rows["DAX", "1m"]
    assert {name: minutes[name] for name in ("equal", "missing", "extra", "different", "largest", "at", "outside")} == {
        "equal": 2546, "missing": 0, "extra": 3, "different": 1, "largest": 2.5, "at": "2026-11-19T10:00:00+00:00",
        "outside": 1,
    }  # fmt: skip
    assert minutes["shifted"] is None
    assert (rows["DAX", "1M"]["theirs"], rows["DAX", "1M"]["equal"]) == (1, None)
    assert rows["CAC 40", None]["reason"].startswith("not a symbol here")
    assert compare(old.url, "DAX", "--timeframe", "1m", "--since", "2026-11-16", "--until", "2026-11-17", code=1)[
        "DAX", "1m"
    ]["equal"] == 1020  # fmt: skip
    assert compare(old.url, "DAX", "--ticks", "10", code=1)["DAX", "1m"]["different"] == 0


def test_levels_under_the_day_to_trade_with_them_are_recognized(ours: Settings, postgres: ServerLease) -> None:
    old = make_old_system(postgres).fill(["DAX"])
    # In two steps: each day is taken by the next row until that has moved.
    for days in ("CASE extract(isodow FROM trade_date) WHEN 5 THEN 103 ELSE 101 END", "-100"):
        old.execute(f"UPDATE levels_daily SET trade_date = trade_date + {days}")
    row = compare(old.url, "DAX", code=1)["DAX", "levels"]
    assert (row["equal"], row["missing"], row["different"]) == (5, 0, 0)
    assert "session to trade with them" in row["reason"]


def test_ours_beside_ours_is_equal(ours: Settings, postgres: ServerLease) -> None:
    assert ours.database_url is not None
    rows = compare(ours.database_url.get_secret_value(), code=0)
    assert {row["equal"] for row in rows.values()} == {2550, 7200, 5}
    assert not any(
        row[name] for row in rows.values() for name in ("missing", "extra", "different", "shifted", "reason")
    )


def test_the_table_fits_a_terminal(ours: Settings, old: OldSystem) -> None:
    shown = unstyle(run("compare", "--with", old.url, TTY_COMPATIBLE="1", COLUMNS="80").output)
    assert max(map(len, shown.splitlines())) <= 80
    lines = [line.split() for line in shown.splitlines()]
    assert lines[1] == ["symbol", "timeframe", "equal", "missing", "extra", "different", "shifted"]
    assert ["DAX", "1m", "2,550", "0", "0", "0", "+60m"] in lines
    assert "DAX: stamps there are off by +60m (Europe/Berlin); compared as Europe/Berlin" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--with", "sqlite:///x"], "--with is not the URL of a PostgreSQL database"),
        (["--with", "postgresql://me:hidden@127.0.0.1:1/x"], "can't use database 'x' on 127.0.0.1:1"),
        (["--with", "OLD", "DAXX"], "unknown symbol 'DAXX'"),
        (["--with", "OLD", "--correct", "Mars"], "'Mars' is no correction"),
        (["--with", "OLD", "--correct", "FOO=-60m"], "'FOO' is not a symbol here"),
        (["--with", "OLD", "--since", "2026-11-20", "--until", "2026-11-19"], "swap them"),
    ],
)
def test_bad_usage_is_one_line(ours: Settings, old: OldSystem, arguments: list[str], message: str) -> None:
    result = run("compare", *[old.url if one == "OLD" else one for one in arguments])
    assert result.exit_code in {1, 2}
    assert message in result.output
    assert "hidden" not in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_database_without_these_tables_is_named(ours: Settings, postgres: ServerLease) -> None:
    url = postgres.url("postgres").set(drivername="postgresql").render_as_string(hide_password=False)
    result = run("compare", "--with", url)
    assert result.exit_code == 2
    assert "database 'postgres' has no table market_symbols" in result.output


def test_stamps_without_a_zone_and_no_volume_are_read(ours: Settings, postgres: ServerLease) -> None:
    old = make_old_system(postgres).fill(["DAX"], clock=None)
    old.execute("ALTER TABLE ohlc ALTER ts TYPE timestamp USING ts AT TIME ZONE 'UTC', DROP COLUMN volume")
    old.execute("DROP TABLE levels_daily")
    rows = compare(old.url, "DAX", code=1)
    assert rows["DAX", "1m"]["equal"] == 2550
    assert rows["DAX", "levels"]["extra"] == 5
