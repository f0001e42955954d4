"""``tradematrix import`` as a user types it: the old system's three symbols and five days, brought over."""

import json
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import dagster as dg
import numpy as np
import psycopg
import pytest
from click import unstyle
from click.testing import CliRunner, Result
from sqlalchemy import make_url, text

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.moving.stamps import Correction
from tradematrix_pipelines.postgres.embedded import ServerLease
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.legacy import missing_legacy_views
from tradematrix_pipelines.storage.other_database import OtherDatabase
from tradematrix_pipelines.storage.other_vendor import OtherVendor
from tradematrix_pipelines.storage.pairing import pair_symbols
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest
from tradematrix_pipelines.vendors.provenance import IMPORT
from tradematrix_pipelines_tests.conftest import NOW
from tradematrix_pipelines_tests.docs.blocks import PAGES, blocks
from tradematrix_pipelines_tests.old_system import OldSystem, make_old_system

BERLIN = ("--correct", "Europe/Berlin")
_DAX = "(SELECT id FROM market_symbols WHERE symbol = 'DAX')"


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


STATEMENTS = {
    "symbols": "SELECT id, vendor, symbol, active FROM market_symbols WHERE vendor = 'twelve_data' AND symbol = 'DAX'",
    "newest": "SELECT open, high, low, close FROM ohlc WHERE symbol_id = %(dax)s AND timeframe = %(minute)s "
    "ORDER BY ts DESC LIMIT 5",
    "typed": "SELECT max(high), min(low), count(*) FROM ohlc WHERE symbol_id = %(dax)s::uuid "
    "AND timeframe = %(minute)s::varchar",
    "days": "SELECT s.symbol, o.ts, o.close, o.volume >= 0 FROM ohlc AS o "
    "JOIN market_symbols AS s ON s.id = o.symbol_id WHERE o.timeframe = %(day)s "
    "AND s.symbol IN ('DAX', 'EUR/USD', 'NDX') AND o.ts >= '2026-11-17' ORDER BY 1, 2",
    "levels": "SELECT l.trade_date, s.symbol, y_high, y_low, y_close, round(pivot, 6), round(r1, 6), round(s2, 6) "
    "FROM levels_daily AS l JOIN market_symbols AS s ON s.id = l.symbol_id WHERE trade_date = '2026-11-18' ORDER BY 2",
    "created": "SELECT count(created_at), count(updated_at) FROM levels_daily WHERE symbol_id = %(dax)s",
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_old_readers_change_their_search_path_only(
    brought: Database, here: Settings, old: OldSystem, statement: str
) -> None:
    assert here.database_url is not None
    ours = here.database_url.get_secret_value()
    answers = []
    for url, minute, day in ((old.url, "1min", "1day"), (ours, "1m", "1d")):
        with psycopg.connect(url, options="-c search_path=legacy,public" if url == ours else "") as connection:
            terms = {"dax": old.ids["DAX"], "minute": minute, "day": day}
            answers.append(connection.execute(statement.encode(), terms).fetchall())
    assert answers[0]
    assert answers[1] == answers[0]


def test_the_views_have_the_old_columns(brought: Database, old: OldSystem) -> None:
    query = (
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = '{}' "
        "AND table_name IN ('market_symbols', 'ohlc', 'levels_daily') ORDER BY 1, 2"
    )
    assert ask(brought, query.format("legacy")) == old.execute(query.format("public"))


def test_a_price_has_the_old_columns(brought: Database) -> None:
    with brought.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO current_prices (symbol_id, trade_date, price, change, change_percent, session_high, "
                 "session_low, at, source, updated_at) SELECT id, '2026-11-18', 25000.5, 1.5, 0.006, 25001, 24000, "
                 "'2026-11-18 09:01+00', 'import', now() FROM market_symbols WHERE symbol = 'DAX'")
        )  # fmt: skip
    try:
        [row] = ask(
            brought,
            "SELECT symbol, price, previous_close = (SELECT y_close FROM legacy.levels_daily AS l "
            "WHERE l.symbol_id = p.symbol_id AND trade_date = '2026-11-17'), open = (SELECT open FROM legacy.ohlc AS o "
            "WHERE o.symbol_id = p.symbol_id AND timeframe = '1m' AND ts = '2026-11-18 08:00+00'), volume > 0, "
            "is_market_open, price_timestamp FROM legacy.current_prices_with_symbols AS p",
        )
    finally:
        with brought.engine.begin() as connection:
            connection.execute(text("DELETE FROM current_prices"))
    at = datetime(2026, 11, 18, 9, 1, tzinfo=UTC)
    assert row == ("DAX", Decimal("25000.5"), True, True, True, False, at)


def test_the_views_are_read_by_the_index(brought: Database, old: OldSystem) -> None:
    with brought.engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        plan = connection.execute(
            text("EXPLAIN SELECT * FROM legacy.ohlc WHERE symbol_id = :dax AND timeframe = '1m' AND ts > '2026-11-20'"),
            {"dax": old.ids["DAX"]},
        ).scalars()
        lines = list(plan)
    assert any("Index Cond" in line and "timeframe = value" in line and "ts >" in line for line in lines), lines


def test_ours_beside_its_own_legacy_views_is_equal(brought: Database, here: Settings) -> None:
    assert here.database_url is not None
    url = make_url(here.database_url.get_secret_value()).update_query_dict({"options": "-csearch_path=legacy"})
    result = run("compare", "--with", url.render_as_string(hide_password=False), "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert {row["timeframe"] for row in rows} == {*Timeframe, "levels"}
    assert all(row["equal"] for row in rows)


def test_tables_of_another_system_are_refused_in_one_line(
    here: Settings, old: OldSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", old.url)
    monkeypatch.setenv("TRADEMATRIX_DAGSTER_DATABASE_URL", f"{old.url}".replace("/old_", "/dagster_of_old_"))
    before = old.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1")
    for command in ("migrate", "coverage"):
        result = run(command)
        assert result.exit_code == 1
        assert "has tables of another system (levels_daily, market_symbols, ohlc): point " in result.output
        assert "tradematrix import --from URL" in result.output
        assert len(result.output.strip().splitlines()) == 1
    assert before == old.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
    )


def test_the_doctor_misses_the_views_only_where_they_matter(brought: Database) -> None:
    assert missing_legacy_views(brought.engine, IMPORT) is None
    with brought.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text("ALTER SCHEMA legacy RENAME TO elsewhere"))
        transaction.commit()
    try:
        advice = missing_legacy_views(brought.engine, IMPORT)
        assert advice is not None
        assert "then `tradematrix migrate`" in advice
        assert missing_legacy_views(brought.engine, "twelve_data") is None
        assert run("migrate").output.startswith("the views api.* and legacy.* are there now")
    finally:
        with brought.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA IF EXISTS elsewhere CASCADE"))


def test_an_other_database_that_refuses_or_goes_away_ends_it_in_one_line(
    brought: Database, postgres: ServerLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_old_system(postgres).fill(["NDX"])
    other.execute("DELETE FROM levels_daily")
    role = f"blind_{uuid4().hex[:8]}"
    other.execute(f"CREATE ROLE {role}")
    for command in ("import --from", "compare --with"):
        result = run(*command.split(), f"{other.url}&options=-crole%3D{role}")
        assert result.exit_code == 1
        assert "the other database refused: permission denied for table" in result.output
        assert "its user needs SELECT on market_symbols, ohlc and levels_daily" in result.output

    fetch = OtherVendor.fetch

    def after_it_is_gone(self: OtherVendor, request: CandleRequest) -> CandleAnswer:
        other.execute("ALTER TABLE ohlc RENAME TO gone")
        return fetch(self, request)

    monkeypatch.setattr(OtherVendor, "fetch", after_it_is_gone)
    with brought.engine.begin() as connection:
        connection.execute(text("DELETE FROM session_coverage WHERE trade_date = '2026-11-20' AND timeframe = '1m' AND "
                                "symbol_id = (SELECT id FROM market_symbols WHERE symbol = 'NDX')"))  # fmt: skip
    try:
        result = run("import", "--from", other.url, "NDX", *BERLIN, "--yes")
    finally:
        monkeypatch.undo()
        other.execute("ALTER TABLE gone RENAME TO ohlc")
    assert result.exit_code == 1
    assert 'failed: NDX: the other database refused: relation "ohlc" does not exist' in result.output
    assert ask(brought, "SELECT count(*) FROM session_coverage WHERE status = 'failed'") == [(0,)]
    assert run("import", "--from", other.url, "NDX", *BERLIN, "--yes").exit_code == 0


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


def test_what_the_page_shows_works(brought: Database, here: Settings, old: OldSystem) -> None:
    """docs/how-to/move-from-celery.md"""
    page = next(page for page in PAGES if page.name == "move-from-celery.md")
    shown = [block for block in blocks(page) if block.mark == "run by"]
    commands = [line for block in shown if block.language == "console" for line in block.text.splitlines()]
    assert len(commands) == 4
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "tradematrix"
        result = run(*(old.url if "old-host" in one else one for one in arguments))
        assert result.exit_code == (1 if arguments[0] == "compare" else 0), result.output
    [query] = [block.text for block in shown if block.language == "sql"]
    assert here.database_url is not None
    with psycopg.connect(here.database_url.get_secret_value()) as connection:
        cursor = connection.execute(query.encode())
        cursor.nextset()
        [levels] = cursor.fetchall()
    assert (
        levels[:4]
        == old.execute(
            "SELECT trade_date, y_high, y_low, y_close FROM levels_daily WHERE symbol_id = %s ORDER BY 1 DESC",
            old.ids["DAX"],
        )[0]
    )


@pytest.mark.parametrize("name", ["ohlc_1h", "daily_levels"])
def test_what_dagster_does_not_show_is_brought_over_again(
    brought: Database, here: Settings, old: OldSystem, name: str
) -> None:
    """As after a kill between a session's transaction and the run's events, or before its levels."""
    key = dg.AssetKey(name)
    with open_instance(here) as instance:
        instance.wipe_assets([key])
        assert not instance.get_materialized_partitions(key)
    result = run("import", "--from", old.url, "DAX", *BERLIN, "--yes")
    assert result.exit_code == 0, result.output
    with open_instance(here) as instance:
        shown = instance.get_materialized_partitions(key)
    assert {day for day in shown if day.endswith("|DAX")} >= {f"2026-11-{day}|DAX" for day in range(17, 21)}


def test_the_preferred_vendor_replaces_them_when_it_is_asked_again(
    brought: Database, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = "SELECT DISTINCT source FROM session_coverage WHERE trade_date = '2026-11-20' AND symbol_id = " + _DAX
    day = ("backfill", "DAX", "--from", "2026-11-20", "--to", "2026-11-20", "--timeframe", "1m")
    with Simulator(clock=FrozenClock(NOW)) as running:
        monkeypatch.setenv("TWELVE_DATA_API_KEY", "any")
        monkeypatch.setenv("TRADEMATRIX_TWELVE_DATA_URL", running.url)
        assert run(*day).exit_code == 0
        assert ask(brought, sources) == [("import",)]
        assert ask(brought, "SELECT count(*) FROM vendor_credits") == [(0,)], "what is complete was asked for"
        assert run(*day, "--refresh").exit_code == 0
    assert ask(brought, sources + " AND timeframe = '1m'") == [("twelve_data",)]
    # The prices are the same: no candle was revised.
    assert ask(brought, "SELECT count(*) FROM ohlc_revisions") == [(0,)]
