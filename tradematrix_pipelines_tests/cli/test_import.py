"""``tradematrix import`` as a user types it: the old system's three symbols and five days, brought over."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import numpy as np
import pytest
from click import unstyle
from click.testing import CliRunner, Result
from sqlalchemy import make_url, text

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.moving.stamps import Correction
from tradematrix_pipelines.postgres.embedded import ServerLease
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.other_database import OtherDatabase
from tradematrix_pipelines.storage.other_vendor import OtherVendor
from tradematrix_pipelines.storage.pairing import pair_symbols
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines_tests.old_system import OldSystem, make_old_system

BERLIN = ("--correct", "Europe/Berlin")


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=environment)


def read(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def ask(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture(scope="module")
def old(postgres: ServerLease) -> OldSystem:
    return make_old_system(postgres).fill(["DAX", "EUR/USD", "NDX"])


@pytest.fixture(scope="module")
def here(module_installation: Callable[..., Settings]) -> Settings:
    """An installation without a candle."""
    return module_installation()


@pytest.fixture(scope="module")
def looked(here: Settings, old: OldSystem) -> tuple[Result, Result]:
    """What is shown before anything is brought over, and the refusal where nothing is said of the stamps."""
    look = run("import", "--from", old.url, TTY_COMPATIBLE="1", COLUMNS="80", NO_COLOR="1")
    return look, run("import", "--from", old.url, "--yes")


@pytest.fixture(scope="module")
def brought(here: Settings, old: OldSystem, looked: tuple[Result, Result]) -> Iterator[Database]:
    """All of it, brought over in two steps: the first is two days of the DAX."""
    with Database.open(here) as database:
        assert ask(database, "SELECT count(*) FROM session_coverage") == [(0,)], "a look changed something"
        for arguments in (("DAX", "--until", "2026-11-17"), ()):
            result = run("import", "--from", old.url, *BERLIN, *arguments, "--yes")
            assert result.exit_code == 0, result.output
        yield database


def test_a_look_names_the_shift_and_what_to_type(looked: tuple[Result, Result]) -> None:
    shown = unstyle(looked[0].output)
    assert looked[0].exit_code == 0
    assert max(map(len, shown.splitlines())) <= 80
    lines = [line.split() for line in shown.splitlines()]
    assert ["DAX", "1m", "2,550", "2026-11-16", "2026-11-20", "300", "+60m"] in lines
    assert ["EUR/USD", "1d", "5", "2026-11-16", "2026-11-20", "0", "-"] in lines
    assert "--correct Europe/Berlin, or --correct none" in " ".join(shown.split())


def test_nothing_is_corrected_without_a_word(looked: tuple[Result, Result]) -> None:
    assert looked[1].exit_code == 2
    assert "stamps of DAX, EUR/USD, NDX are off: say with --correct" in looked[1].output


def test_candles_come_in_at_their_instants(brought: Database, old: OldSystem) -> None:
    stored = ask(
        brought,
        "SELECT s.symbol, o.ts, o.open::numeric, o.close::numeric FROM ohlc AS o "
        "JOIN market_symbols AS s ON s.id = o.symbol_id WHERE timeframe = '1m' ORDER BY 1, 2",
    )
    # PostgreSQL's own zones: the stamp, shown by Berlin's clock, is the instant.
    there = old.execute(
        "SELECT s.symbol, (ts AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Berlin', open, close FROM ohlc "
        "JOIN market_symbols AS s ON s.id = symbol_id WHERE timeframe = '1min' ORDER BY 1, 2"
    )
    assert len(stored) == 2550 + 1950 + 7200
    assert stored == there
    assert ask(
        brought, "SELECT min(ts) FROM ohlc JOIN market_symbols AS s ON s.id = symbol_id WHERE symbol = 'DAX'"
    ) == [(datetime(2026, 11, 16, 8, 0, tzinfo=UTC),)]


def test_they_are_screened_and_judged_like_fetched_ones(brought: Database) -> None:
    assert ask(
        brought,
        "SELECT status::text, final, verdict::text, source, count(*) FROM session_coverage GROUP BY 1, 2, 3, 4",
    ) == [("complete", True, "accepted", "import", 3 * 5 * 5)]
    # A volume of 0 was none.
    assert ask(brought, "SELECT count(volume) > 0, bool_or(volume = 0) FROM ohlc") == [(True, False)]


def test_levels_follow_and_equal_the_old_ones(brought: Database, old: OldSystem) -> None:
    query = (
        "SELECT s.symbol, {day}, y_high::numeric, y_low::numeric, y_close::numeric FROM levels_daily "
        "JOIN market_symbols AS s ON s.id = symbol_id ORDER BY 1, 2"
    )
    stored = ask(brought, query.format(day="y_trade_date"))
    assert len(stored) == 15
    assert stored == old.execute(query.format(day="trade_date"))


def test_dagster_shows_them_as_materialized(brought: Database, here: Settings) -> None:
    with open_instance(here) as instance:
        for timeframe in Timeframe:
            partitions = instance.get_materialized_partitions(dg.AssetKey(f"ohlc_{timeframe}"))
            assert len(partitions) == 15
            assert "2026-11-18|EUR/USD" in partitions


def test_again_there_is_nothing_to_bring_over(brought: Database, old: OldSystem) -> None:
    result = run("import", "--from", old.url, *BERLIN, "--yes")
    assert (result.exit_code, "nothing to bring over" in result.output) == (0, True)
    assert {row["shifted"] for row in read("import", "--from", old.url) if row["timeframe"] == "1m"} == {
        "+60m (Europe/Berlin)"
    }


def test_what_comes_over_equals_what_is_there(brought: Database, old: OldSystem) -> None:
    result = run("compare", "--with", old.url, "--timeframe", "1m", "--timeframe", "1d", "--json")
    for row in json.loads(result.stdout):
        assert (row["missing"], row["extra"], row["different"]) == (0, 0, 0), row


def test_what_is_not_ours_is_named(brought: Database, postgres: ServerLease) -> None:
    other = make_old_system(postgres).fill(["DAX"], clock=None)
    other.execute("UPDATE ohlc SET timeframe = '30m' WHERE ts = '2026-11-18 09:00+00'")
    other.execute("INSERT INTO market_symbols (vendor, symbol) VALUES ('yahoo', 'CAC 40')")
    rows = {(row["symbol"], row.get("timeframe")): row for row in read("import", "--from", other.url)}
    assert rows["DAX", "30m"]["reason"] == "its timeframe is none of ours"
    assert rows["CAC 40", None]["reason"].startswith("not a symbol here")
    shown = run("import", "--from", other.url).output
    assert "left out: DAX: 1 candles 30m" in shown
    assert "left out: CAC 40: 0 candles" in shown


def test_a_database_of_ours_and_a_simulated_one_are_refused(
    brought: Database, here: Settings, old: OldSystem, postgres: ServerLease
) -> None:
    assert here.database_url is not None
    result = run("import", "--from", here.database_url.get_secret_value(), "--yes")
    assert (result.exit_code, "restore a backup of it instead" in result.output) == (2, True)
    with brought.engine.begin() as connection:
        connection.execute(text("UPDATE session_coverage SET source = 'simulator'"))
    try:
        result = run("import", "--from", old.url, *BERLIN, "--yes")
    finally:
        with brought.engine.begin() as connection:
            connection.execute(text("UPDATE session_coverage SET source = 'import'"))
    assert (result.exit_code, "holds simulated prices" in result.output) == (2, True)


def test_forming_candles_are_counted_and_left_out_on_demand(brought: Database, postgres: ServerLease) -> None:
    other = make_old_system(postgres).fill(["DAX"])
    # The old system stored them within the minute; the rest is said to be stored much later.
    other.execute("UPDATE ohlc SET created_at = '2026-11-18 08:00:20+00' WHERE ts = '2026-11-18 09:00+00'")
    [minutes, _] = read("import", "--from", other.url, "DAX", *BERLIN)
    assert minutes["forming"] == 1
    [dax] = [symbol for symbol in read_symbols(brought.engine) if symbol.name == "DAX"]
    request = CandleRequest(
        symbol=dax,
        timeframe=Timeframe.M1,
        start=datetime(2026, 11, 18, 8, 0, tzinfo=UTC),
        end=datetime(2026, 11, 18, 8, 3, tzinfo=UTC),
    )
    corrections = {"DAX": Correction.parse("Europe/Berlin")}
    with OtherDatabase(make_url(other.url).set(drivername="postgresql+psycopg")) as opened:
        pairs = pair_symbols(opened, [dax]).pairs
        whole = OtherVendor(opened, pairs, corrections).fetch(request).candles
        closed = OtherVendor(opened, pairs, corrections, drop_forming=True).fetch(request).candles
    minute = np.timedelta64(1, "m")
    assert ((whole["ts"] - whole["ts"].iloc[0]) / minute).tolist() == [0, 1, 2]
    assert ((closed["ts"] - whole["ts"].iloc[0]) / minute).tolist() == [1, 2]
