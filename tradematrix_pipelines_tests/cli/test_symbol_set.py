"""``tradematrix symbols set``, ``alerts touches``: what changes of a symbol, and what follows for stored sessions."""

import json
from collections.abc import Callable
from datetime import date

import pandas as pd
import pytest
from click.testing import Result

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.candles.covering import cover
from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines_tests.cli.conftest import NOW

Run = Callable[..., Result]
FRIDAY = date(2026, 11, 20)


def session_of(symbol: Symbol) -> Session:
    session = calendar_of(symbol).session(FRIDAY)
    assert session is not None
    return session


def store_with_hole(database: Database, symbol: Symbol, *, minutes: int) -> None:
    """Store Friday's minutes but for so many in the middle."""
    session = session_of(symbol)
    opens = session.bar_opens(Timeframe.M1)
    opens = pd.Series([*opens[:100], *opens[100 + minutes :]])
    prices = dict.fromkeys(("open", "high", "low", "close"), 1.13)
    candles = as_candles(pd.DataFrame({"ts": opens.dt.tz_localize("UTC"), **prices}))
    coverage = cover(
        opens.to_numpy(dtype="datetime64[us]"),
        timeframe=Timeframe.M1,
        session=session,
        now=NOW,
        gap_tolerance=symbol.gap_tolerance,
    )
    batch = SeriesBatch(symbol=symbol, timeframe=Timeframe.M1, candles=candles, coverage=(coverage,), source="files")
    write(database.engine, [batch], now=NOW)


def friday(database: Database, name: str) -> Coverage:
    [symbol] = find_symbols(database.engine, [name])
    [row] = read_coverage(database.engine, [symbol], [Timeframe.M1], FRIDAY, FRIDAY)
    return row.coverage


def test_stored_sessions_follow_the_gap_tolerance(run: Run, database: Database) -> None:
    [pair] = find_symbols(database.engine, ["EUR/USD"])
    store_with_hole(database, pair, minutes=20)
    assert friday(database, "EUR/USD").status is Status.PARTIAL
    result = run("symbols", "set", "eurusd", "--gap-tolerance", "30")
    assert result.exit_code == 0, result.output
    assert "EUR/USD: gap tolerance 15 → 30" in result.output
    assert "1 stored session follows" in result.output
    assert friday(database, "EUR/USD").status is Status.COMPLETE
    assert run("symbols", "set", "EUR/USD", "--gap-tolerance", "none").exit_code == 0
    assert friday(database, "EUR/USD").status is Status.PARTIAL


def test_stored_sessions_follow_the_calendar(run: Run, database: Database) -> None:
    [dax] = find_symbols(database.engine, ["DAX"])
    store_with_hole(database, dax, minutes=0)
    assert friday(database, "DAX").expected == 510
    result = run("symbols", "set", "DAX", "--calendar", "DE40")
    assert result.exit_code == 0, result.output
    coverage = friday(database, "DAX")
    [dax] = find_symbols(database.engine, ["DAX"])
    assert (coverage.opens_at, coverage.closes_at) == (session_of(dax).opens_at, session_of(dax).closes_at)
    assert coverage.received == 510, "candles stay"
    assert (coverage.expected or 0) > 510
    assert coverage.status is Status.PARTIAL


def test_what_is_not_about_sessions_touches_none(run: Run, database: Database) -> None:
    result = run(
        "symbols", "set", "DAX", "--price-range", "5000", "90000", "--alias", "Germany", "--tick-size", "0.1",
        "--vendor-symbol", "yahoo=DAX.DE", "--threshold", "wick=99", "--exchange", "none",
        "--level-kinds", "gap, previous_day",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    [dax] = find_symbols(database.engine, ["germany"])
    assert (dax.price_range, dax.tick_size, dax.exchange) == ((5000.0, 90000.0), 0.1, None)
    assert dict(dax.vendor_symbols) == {"twelve_data": "GDAXI", "yahoo": "DAX.DE"}
    assert dict(dax.thresholds) == {"wick": 99.0}
    assert dax.level_kinds == ("previous_day", "gap")
    assert run("symbols", "set", "DAX", "--threshold", "wick=none").exit_code == 0
    assert dict(find_symbols(database.engine, ["DAX"])[0].thresholds) == {}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("symbols set DAX", "say what is to change of DAX"),
        ("symbols set DAX --calendar XETX", "or XETR"),
        ("symbols set DAX --gap-tolerance -3", "write minutes, e.g. 15"),
        ("symbols set DAX --price-range 9 5", "the lowest believable price, then the highest"),
        ("symbols set DAX --tick-size 0", "must be greater than 0"),
        ("symbols set DAX --threshold nonsense=3", "nonsense"),
        ("symbols set DAX --vendor-symbol yahoo", "write it as name=value"),
        ("symbols set DAX --level-kinds gaps", "did you mean gap?"),
        ("symbols set NOPE --alias x", "unknown symbol 'NOPE'"),
        ("alerts touches DAX", "say --on or --off"),
        ("alerts touches DAX --level R9", "as in 'camarilla r3'"),
        ("alerts touches DAX --off --level R1", "--off is for all levels"),
    ],
)
def test_what_can_not_be_changes_nothing(run: Run, database: Database, arguments: str, says: str) -> None:
    before = find_symbols(database.engine, ["DAX"])
    result = run(*arguments.split())
    assert result.exit_code == 2, result.output
    assert says in result.output
    assert find_symbols(database.engine, ["DAX"]) == before


def test_touch_alerts_of_chosen_levels(run: Run, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEMATRIX_PIVOT_METHOD", "woodie")
    result = run("alerts", "touches", "dax", "--level", "PP", "--level", "classic R1", "--level", "high")
    assert "touch alerts of DAX are on for woodie pp, classic r1, y_high" in result.output
    [dax] = find_symbols(database.engine, ["DAX"])
    assert (dax.touch_alerts, dax.touch_levels) == (True, ("woodie pp", "classic r1", "y_high"))
    assert run("alerts", "touches", "DAX", "--on").exit_code == 0
    assert find_symbols(database.engine, ["DAX"])[0].touch_levels is None


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0, result.output
    assert "_TRADEMATRIX_COMPLETE" in result.output


def test_the_pivot_method_of_the_setting_is_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEMATRIX_PIVOT_METHOD", "camarilla")
    prices = ("--high", "110", "--low", "90", "--close", "100", "--json")
    assert json.loads(run("pivots", *prices).stdout)["r3"] == pytest.approx(105.5)
    assert json.loads(run("pivots", *prices, "--method", "classic").stdout)["r3"] == pytest.approx(130)
