"""Symbols added by mistake, and symbols removed: with their partitions, with or without what is stored."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.tables import metadata

Run = Callable[..., Result]


def names(run: Run) -> list[str]:
    return [row["symbol"] for row in json.loads(run("symbols", "list", "--all", "--json").output)]


def partitions(settings: Settings) -> list[str]:
    with open_instance(settings) as instance:
        return list(instance.get_dynamic_partitions("symbols"))


def counts(database: Database, name: str) -> dict[str, int]:
    """Return the rows of a symbol in each table; the symbol must exist."""
    with database.engine.connect() as connection:
        symbol_id = connection.execute(text("SELECT id FROM market_symbols WHERE symbol = :name"), {"name": name})
        parameters = {"id": symbol_id.scalar_one()}
        return {
            table.name: connection.execute(
                text(f"SELECT count(*) FROM {table.name} WHERE symbol_id = :id"), parameters
            ).scalar_one()
            for table in metadata.sorted_tables
            if "symbol_id" in table.c
        }


@pytest.mark.parametrize("real", [True, False], ids=["Twelve Data", "the simulator"])
def test_a_mistyped_symbol_is_refused_unless_it_is_meant(
    run: Run, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, real: bool
) -> None:
    if not real:
        monkeypatch.delenv("TWELVE_DATA_API_KEY")
    result = run("symbols", "add", "ABC", "--calendar", "XNYS")
    assert result.exit_code == 2
    assert "the vendor knows no ABC" in result.output
    assert "--no-lookup" in result.output
    assert "ABC" not in names(run)
    assert run("symbols", "add", "ABC", "--calendar", "XNYS", "--no-lookup").exit_code == 0
    assert "ABC" in names(run)


@pytest.mark.parametrize(
    ("name", "calendar", "tolerance"),
    [("GBP/USD", "FX", 15), ("XAU/USD", "METALS", 20), ("AAPL", "XNYS", None), ("SPY", "XNYS", None)],
)
def test_calendar_and_tolerance_are_proposed(
    run: Run, simulator: Simulator, name: str, calendar: str, tolerance: int | None
) -> None:
    result = run("symbols", "add", name)
    assert result.exit_code == 0, result.output
    [added] = [row for row in json.loads(run("symbols", "list", "--json").output) if row["symbol"] == name]
    assert (added["calendar"], added["gap_tolerance"]) == (calendar, tolerance)
    assert f"calendar {calendar}" in result.output


def test_without_a_look_up_a_calendar_has_to_be_named(run: Run, simulator: Simulator) -> None:
    result = run("symbols", "add", "ABC", "--no-lookup")
    assert result.exit_code == 2
    assert "no session calendar is known of ABC: choose one with --calendar" in result.output
    assert "ABC" not in names(run)


def test_a_symbol_without_prices_is_removed_with_its_partitions(
    run: Run, simulator: Simulator, settings: Settings, database: Database
) -> None:
    assert run("symbols", "add", "ABC", "--calendar", "XNYS", "--no-lookup").exit_code == 0
    assert run("backfill", "ABC", "--from", "2026-11-20", "--to", "2026-11-20").exit_code == 1, "nobody knows it"
    assert counts(database, "ABC")["session_coverage"] == 5
    assert "ABC" in partitions(settings)
    result = run("symbols", "remove", "ABC")
    assert (result.exit_code, result.output) == (0, "removed ABC\n")
    assert "ABC" not in names(run)
    assert "ABC" not in partitions(settings)
    assert run("symbols", "remove", "ABC").exit_code == 2


def test_prices_go_only_with_purge_and_after_a_question(
    run: Run, simulator: Simulator, settings: Settings, database: Database
) -> None:
    assert run("backfill", "DAX", "NDX", "--from", "2026-11-19", "--to", "2026-11-20").exit_code == 0
    before, others = counts(database, "DAX"), counts(database, "NDX")
    assert before["ohlc"] == 2 * (510 + 102 + 34 + 9 + 1)
    result = run("symbols", "remove", "DAX")
    assert result.exit_code == 2
    assert f"DAX has {before['ohlc']:,} rows of ohlc" in result.output
    assert "tradematrix symbols remove DAX --purge" in result.output
    assert "tradematrix symbols deactivate DAX" in result.output
    refused = CliRunner().invoke(main, ["symbols", "remove", "DAX", "--purge"], input="n\n")
    assert refused.exit_code == 1
    assert counts(database, "DAX") == before
    assert CliRunner().invoke(main, ["symbols", "remove", "DAX", "--purge"], input="y\n").exit_code == 0
    assert "DAX" not in names(run)
    assert "DAX" not in partitions(settings)
    assert counts(database, "NDX") == others
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM ohlc WHERE symbol_id = 1")).scalar_one() == 0
    assert run("symbols", "remove", "NDX", "--purge", "--yes").exit_code == 0
    assert names(run) == ["DJI", "EUR/USD", "XAG/USD"]


def test_a_purge_is_all_or_nothing(run: Run, simulator: Simulator, database: Database) -> None:
    assert run("backfill", "DAX", "--from", "2026-11-20", "--to", "2026-11-20").exit_code == 0
    before = counts(database, "DAX")
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (symbol_id integer REFERENCES market_symbols (id))"))
        connection.execute(text("INSERT INTO notes VALUES (1)"))
    assert run("symbols", "remove", "DAX", "--purge", "--yes").exit_code == 1, "somebody else's table holds it"
    assert counts(database, "DAX") == before
