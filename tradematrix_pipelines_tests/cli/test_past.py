"""``--as-of`` and ``tradematrix log`` as a user types them: a day on which the vendor revises what it said."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.alerts.detectors import Incident, IncidentKind
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.incidents import record
from tradematrix_pipelines.storage.stamps import stamp
from tradematrix_pipelines_tests.cli.conftest import Preparing, invoke, simulating

Run = Callable[..., Result]
EVENING, LATER = "2026-11-20T23:00:00Z", "2026-11-20T23:30:00Z"
BETWEEN, BEFORE = "2026-11-20T23:15Z", "2026-11-20T22:59Z"


@pytest.fixture(scope="module")
def prepared(preparing: Preparing) -> Settings:
    """The DAX's Friday, whose official high was raised, and whose minutes were refreshed, half an hour later."""
    with preparing() as (settings, monkeypatch), simulating(monkeypatch):
        assert invoke("backfill", "DAX", "--from", "2026-11-20", "--to", "2026-11-20").exit_code == 0
        with Database.open(settings) as database, database.engine.begin() as connection:
            stamp(connection, datetime(2026, 11, 20, 23, 20, tzinfo=UTC))
            connection.execute(
                text("UPDATE ohlc SET high = high + 5 WHERE timeframe = '1d' AND ts = '2026-11-20 08:00+00'")
            )
            connection.execute(
                text("UPDATE ohlc SET close = open WHERE timeframe = '1h' AND ts = '2026-11-20 09:00+00'")
            )
        monkeypatch.setenv("TRADEMATRIX_CLOCK", LATER)
        result = invoke("backfill", "DAX", "--from", "2026-11-20", "--to", "2026-11-20")
        assert result.exit_code == 0, result.output
    return settings


@pytest.fixture
def revised(prepared: Settings, simulator: Simulator, database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The database of an installation with that day, at the later time."""
    del prepared, simulator
    monkeypatch.setenv("TRADEMATRIX_CLOCK", LATER)
    return database


def read(run: Run, *arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stdout
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def test_levels_are_those_that_were_published_then(run: Run, revised: Database) -> None:
    [before], [now] = read(run, "levels", "DAX", "--as-of", BETWEEN), read(run, "levels", "DAX")
    assert before["trade_date"] == now["trade_date"] == "2026-11-23"
    assert now["y_high"] == before["y_high"] + 5
    assert read(run, "levels", "DAX", "--as-of", LATER) == [now]
    assert read(run, "levels", "DAX", "--as-of", BEFORE) == []
    assert run("levels", "DAX", "--as-of", BEFORE).output == "DAX 2026-11-23: no levels were stored then\n"
    camarilla = ("levels", "DAX", "--method", "camarilla")
    assert read(run, *camarilla, "--as-of", BETWEEN)[0]["pp"] < read(run, *camarilla)[0]["pp"]


def test_pivot_points_are_those_that_were_published_then(run: Run, revised: Database) -> None:
    result = run("pivots", "DAX", "--method", "all", "--as-of", BETWEEN, "--json")
    before, now = json.loads(result.output), json.loads(run("pivots", "DAX", "--method", "all", "--json").output)
    assert list(before) == list(now) == ["classic", "fibonacci", "camarilla", "woodie", "demark"]
    [levels] = read(run, "levels", "DAX", "--as-of", BETWEEN)
    high, low, close = (levels[f"y_{name}"] for name in ("high", "low", "close"))
    assert before["classic"]["pp"] == pytest.approx((high + low + close) / 3)
    assert now["classic"]["pp"] == pytest.approx((high + 5 + low + close) / 3)
    assert list(json.loads(run("pivots", "DAX", "--json").output))[:3] == ["pp", "r1", "r2"]
    early = run("pivots", "DAX", "--as-of", BEFORE)
    assert (early.exit_code, early.output) == (
        1, "Error: no pivot points of DAX were stored then: see `tradematrix levels DAX`\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("DAX", "--high", "2"), "either SYMBOL, for its stored pivot points, or prices"),
        (("--high", "2"), "give --high, --low and --close, or a SYMBOL"),
        (("--high", "2", "--low", "1", "--close", "1", "--as-of", BETWEEN), "name the SYMBOL"),
    ],
)
def test_pivots_of_a_symbol_or_of_prices(run: Run, arguments: tuple[str, ...], says: str) -> None:
    result = run("pivots", *arguments)
    assert result.exit_code == 2
    assert says in result.output


def test_candles_are_those_that_were_stored_then(run: Run, revised: Database) -> None:
    hours = ("candles", "DAX", "--timeframe", "1h")
    before, now = read(run, *hours, "--as-of", BETWEEN), read(run, *hours)
    assert [row["ts"] for row in before if row not in now] == ["2026-11-20T09:00:00+00:00"]
    assert len(before) == len(now) == 9
    assert read(run, *hours, "--as-of", LATER) == now
    assert read(run, *hours, "--as-of", BEFORE) == []
    assert run(*hours, "--as-of", BEFORE).output == "no candles were stored then\n"


def test_coverage_is_what_was_known_then(run: Run, revised: Database) -> None:
    [now] = read(run, "coverage", "DAX", "--timeframe", "1m")
    [before] = read(run, "coverage", "DAX", "--timeframe", "1m", "--as-of", BETWEEN)
    assert before == {name: value for name, value in now.items() if name not in ("attempts", "next_attempt")}
    assert read(run, "coverage", "DAX", "--as-of", BEFORE) == []
    [judged] = read(run, "coverage", "DAX", "--timeframe", "1m", "--as-of", BETWEEN, "--verdicts")
    assert judged["verdict"] == "accepted"


@pytest.mark.parametrize(
    ("instant", "says"),
    [
        ("2026-11-20T08:00", "has no zone: write it as 2026-11-20T08:00Z"),
        ("yesterday", "'yesterday' is no instant: write it as 2026-11-20T08:00Z"),
        ("2026-11-20T23:01Z", "--as-of 2026-11-20T23:01Z is still to come: it is 2026-11-20T23:00Z"),
    ],
)
@pytest.mark.parametrize("command", [("levels",), ("candles", "DAX"), ("coverage",)])
def test_an_instant_that_says_nothing_is_bad_usage(run: Run, command: tuple[str, ...], instant: str, says: str) -> None:
    result = run(*command, "--as-of", instant)
    assert result.exit_code == 2
    assert says in result.output


def test_the_log_has_all_that_happened_in_order(run: Run, revised: Database) -> None:
    with revised.engine.connect() as connection:
        high = connection.execute(text("SELECT y_high FROM levels_daily WHERE symbol_id = 1")).scalar_one()
    kind = IncidentKind.STALE_MARKET
    stale = Incident(key="stale_market|DAX", kind=kind, message="DAX: no bar")
    for minute, current in ((21, [stale]), (22, [])):
        record(revised.engine, current, kinds=[kind], now=datetime(2026, 11, 20, 23, minute, tzinfo=UTC))
    result = run("log")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert all(len(line) <= 80 for line in lines), result.output
    assert lines[0] == "11-20 23:00 DAX      session  2026-11-20 complete: 1m 5m 15m 1h 1d"
    assert f"11-20 23:00 DAX      levels   2026-11-23 H {high - 5:.2f} L " in result.output
    assert "11-20 23:00 -        credits  twelve_data: 2 for backfill" in lines
    # Of 36 levels that the high is in, DeMark's S1 does not depend on it where the close is above the open.
    assert [line for line in lines if line > "11-20 23:01"] == [
        "11-20 23:20 DAX      candles  2026-11-20 2 revised: 1h 1d",
        "11-20 23:21 DAX      opened   stale market: DAX: no bar",
        "11-20 23:22 DAX      closed   stale market: DAX: no bar",
        f"11-20 23:30 DAX      changed  2026-11-23 y_high {high - 5:.2f} → {high:.2f}, 34 more",
    ]
    assert [row["event"] for row in read(run, "log", "--since", "2026-11-20T23:22Z")] == ["closed", "changed"]


def test_the_log_of_a_symbol_and_of_a_time(run: Run, revised: Database) -> None:
    assert {row["event"] for row in read(run, "log", "--symbol", "DAX")} == {"session", "levels", "candles", "changed"}
    assert read(run, "log", "--symbol", "NDX") == []
    [changed] = read(run, "log", "--since", "2026-11-20T23:25Z")
    assert (changed["at"], changed["event"], changed["trade_date"]) == (
        "2026-11-20T23:30:00+00:00", "changed", "2026-11-23",
    )  # fmt: skip
    assert changed["data"]["y_high"]["new"] == changed["data"]["y_high"]["old"] + 5
    assert run("log", "--since", "2026-11-21").output == "nothing happened since 2026-11-21 00:00 UTC\n"
    assert len(read(run, "log", "--since", "2026-11-20")) == len(read(run, "log"))
    assert run("log", "--since", "lately").exit_code == 2
    assert run("log", "--symbol", "FOO").exit_code == 2
