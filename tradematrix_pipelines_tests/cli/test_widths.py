"""Every table at 80, 120 and 200 columns, with long names and prices: no price is cut, nothing passes the edge."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import pytest
from click import unstyle
from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.cli.levels import show_levels
from tradematrix_pipelines.cli.output import price, show
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.pivots import Method, pivots
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.levels import write_levels
from tradematrix_pipelines.storage.symbols import add_symbols, find_symbols
from tradematrix_pipelines_tests.cli.conftest import NOW

Run = Callable[..., Result]

LONG = "BITCOIN-PERPETUAL/USDT"
PRICES = {"open_": 1234567.12345, "high": 1298765.43215, "low": 1201234.56785, "close": 1254321.98765}
FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)


@pytest.fixture(params=[80, 120, 200])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """A terminal of so many columns."""
    columns: int = request.param
    for name, value in {"TTY_COMPATIBLE": "1", "NO_COLOR": "1", "COLUMNS": str(columns)}.items():
        monkeypatch.setenv(name, value)
    return columns


@pytest.fixture
def long_symbol(database: Database) -> Symbol:
    """A symbol with a long name and long prices: levels for Monday, minutes of Friday."""
    [dax] = find_symbols(database.engine, ["DAX"])
    symbol = replace(dax, name=LONG, alias="A name of about forty characters, or so", tick_size=0.00001, id=None)
    add_symbols(database.engine, [replace(symbol, price_range=None, vendor_symbols={})], now=NOW)
    [symbol] = find_symbols(database.engine, [LONG])
    values = {"y_open": PRICES["open_"], "y_high": PRICES["high"], "y_low": PRICES["low"], "y_close": PRICES["close"]}
    daily = DailyLevels(
        trade_date=MONDAY,
        y_trade_date=FRIDAY,
        **values,
        prev_week_high=1310000.00005,
        prev_week_low=1190000.00005,
        atr_14=98765.43215,
    )
    points = [(symbol, MONDAY, pivots(method, **PRICES)) for method in Method]
    write_levels(database.engine, daily=[(symbol, daily)], pivots=points, now=NOW)
    _store_minutes(database, symbol)
    return symbol


def _store_minutes(database: Database, symbol: Symbol) -> None:
    session = calendar_of(symbol).session(FRIDAY)
    assert session is not None
    opens = session.bar_opens(Timeframe.M1)[:3]
    candles = as_candles(
        pd.DataFrame(
            {
                "ts": pd.Series(opens).dt.tz_localize("UTC"),
                "open": PRICES["open_"],
                "high": PRICES["high"],
                "low": PRICES["low"],
                "close": PRICES["close"],
                "volume": 1234567890.5,
            }
        )
    )
    coverage = Coverage(
        timeframe=Timeframe.M1,
        trade_date=FRIDAY,
        status=Status.PARTIAL,
        final=True,
        expected=510,
        received=3,
        opens_at=session.opens_at,
        closes_at=session.closes_at,
        error="the vendor answered with a long text about what it can't do for this instrument at this time of day",
    )
    batch = SeriesBatch(
        symbol=symbol, timeframe=Timeframe.M1, candles=candles, coverage=(coverage,), source="twelve_data"
    )
    write(database.engine, [batch], now=NOW)


COMMANDS = [
    ("levels", LONG, "--date", "2026-11-23"),
    ("levels", LONG, "--date", "2026-11-23", "--wide"),
    ("levels", LONG, "--date", "2026-11-24"),
    ("candles", LONG, "--timeframe", "1m"),
    ("coverage", LONG, "--from", "2026-11-20"),
    ("coverage", LONG, "--from", "2026-11-20", "--open"),
    ("prices",),
    ("symbols", "list"),
    ("symbols", "list", "--wide"),
    ("pivots", LONG, "--date", "2026-11-23", "--method", "all"),
    ("credits",),
    ("settings",),
    ("alerts", "list"),
    ("quarantine", "list"),
]


def test_no_value_is_cut(run: Run, long_symbol: Symbol, width: int) -> None:
    for arguments in COMMANDS:
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        lines = unstyle(result.output).splitlines()
        uncut = result.output.replace("--from …", "").replace("--reason …", "").replace("…*1200", "")
        assert "…" not in uncut, arguments
        assert [line for line in lines if len(line) > width] == [], "nothing passes the edge"
        if arguments[0] in {"levels", "candles"} and "2026-11-24" not in arguments:
            for value in (PRICES["high"], PRICES["low"], PRICES["close"]):
                assert price(value, long_symbol.tick_size) in result.output, arguments


def test_a_price_is_whole_in_the_narrowest_terminal(
    database: Database, long_symbol: Symbol, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"TTY_COMPATIBLE": "1", "NO_COLOR": "1", "COLUMNS": "20"}.items():
        monkeypatch.setenv(name, value)
    show_levels(database, [long_symbol], MONDAY, as_json=False)
    assert price(PRICES["close"], long_symbol.tick_size) in capsys.readouterr().out


ROWS = [{"symbol": "DAX", "price": "23512.50", "reason": "a long reason " * 12, "source": "twelve_data", "count": 3}]


@pytest.mark.usefixtures("width")
def test_optional_columns_go_before_a_value_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [row | {f"extra{n}": "x" * 30 for n in range(4)} for row in ROWS]
    show(rows, as_json=False, optional=("extra0", "extra1", "extra2", "extra3"))
    out = capsys.readouterr().out
    assert "23512.50" in out
    assert ("extra3" in out.splitlines()[0]) is ("not shown" not in out)


def test_a_pipe_gets_columns_without_boxes_and_colour(run: Run, long_symbol: Symbol) -> None:
    out = run("levels", LONG, "--date", "2026-11-23").stdout
    head, row = (line.split("\t") for line in out.splitlines())
    assert dict(zip(head, row, strict=True))["y_high"] == price(PRICES["high"], long_symbol.tick_size)
    assert out.isascii()


def test_simulated_prices_say_so_and_real_ones_do_not(run: Run, database: Database, long_symbol: Symbol) -> None:
    tables = [
        ("levels", LONG, "--date", "2026-11-23"),
        ("candles", LONG, "--timeframe", "1m"),
        ("pivots", LONG, "--date", "2026-11-23"),
    ]
    assert not any("SIMULATED" in run(*arguments).stdout for arguments in tables)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE session_coverage SET source = 'simulator'"))
    assert all(run(*arguments).stdout.startswith("# SIMULATED prices\n") for arguments in tables)
