"""``tradematrix prices`` as a user types it."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.current_prices import update_current_price
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.levels import write_levels
from tradematrix_pipelines.storage.symbols import find_symbols

DAY = date(2026, 11, 20)
OPEN = datetime(2026, 11, 20, 8, tzinfo=UTC)


def pull(database: Database, name: str, price: float, *, y_close: float | None) -> None:
    """Store one minute and the current price that follows from it."""
    [symbol] = find_symbols(database.engine, [name])
    frame = pd.DataFrame({"ts": [OPEN], "open": price, "high": price * 1.01, "low": price, "close": price})
    batch = SeriesBatch(symbol=symbol, timeframe=Timeframe.M1, candles=as_candles(frame), source="files")
    write(database.engine, [batch], now=OPEN)
    if y_close is not None:
        daily = DailyLevels(
            trade_date=DAY, y_trade_date=date(2026, 11, 19), y_open=y_close, y_high=y_close, y_low=y_close,
            y_close=y_close, prev_week_high=None, prev_week_low=None, atr_14=None,
        )  # fmt: skip
        write_levels(database.engine, daily=[(symbol, daily)], now=OPEN)
    session = get_calendar(symbol.calendar).session(DAY)
    assert session is not None
    update_current_price(database.engine, symbol, session, now=OPEN.replace(minute=1))


def test_prices_as_a_table_and_as_json(run: Callable[..., Result], database: Database) -> None:
    assert run("prices").output == "no price yet: live pulls fetch them while `tradematrix up` runs\n"
    assert run("prices", "--json").output == "[]\n"
    pull(database, "EUR/USD", 1.15, y_close=1.16)
    pull(database, "DAX", 24_000, y_close=None)
    table = run("prices").output
    [dax, fx] = [line.replace("│", " ").split() for line in table.splitlines() if "2026-11-20" in line]
    assert dax == ["DAX", "2026-11-20", "24000.00", "-", "-", "24240.00", "24000.00", "2026-11-20", "08:01", "files"]
    assert fx[2:5] == ["1.15000", "-0.01000", "-0.86"]
    [row] = json.loads(run("prices", "EUR/USD", "--json").output)
    assert (row["symbol"], row["price"], row["at"]) == ("EUR/USD", 1.15, "2026-11-20T08:01:00+00:00")
    assert round(row["change"], 10) == -0.01
    assert run("prices", "FOO").exit_code == 2


def count(database: Database, table: str) -> int:
    with database.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_quotes_stand_beside_the_stored_prices(
    run: Callable[..., Result], database: Database, simulator: Simulator
) -> None:
    pull(database, "DAX", 24_000, y_close=None)
    before = [count(database, table) for table in ("ohlc", "current_prices", "session_coverage")]
    result = run("prices", "--live", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = {row["symbol"]: row for row in json.loads(result.stdout)}
    assert list(rows) == ["DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"]
    assert (rows["DAX"]["price"], rows["DAX"]["source"]) == (24_000, "files")
    assert (rows["NDX"]["price"], rows["NDX"]["at"], rows["NDX"]["source"]) == (None, None, None)
    dax = {name.removeprefix("live_"): value for name, value in rows["DAX"].items() if name.startswith("live_")}
    assert set(dax) == {
        "at", "source", "price", "open", "high", "low", "previous_close", "change", "change_percent", "volume",
    }  # fmt: skip
    assert (dax["at"], dax["source"]) == ("2026-11-20T23:00:00+00:00", "twelve_data")
    assert dax["low"] <= dax["open"] <= dax["high"]
    assert round(dax["price"] - dax["previous_close"], 5) == pytest.approx(dax["change"])
    assert rows["EUR/USD"]["live_volume"] is None
    assert (simulator.counts.calls, simulator.counts.credits) == (1, 5)
    assert [count(database, table) for table in ("ohlc", "current_prices", "session_coverage")] == before
    with database.engine.connect() as connection:
        booked = connection.execute(text("SELECT purpose, sum(credits) FROM vendor_credits GROUP BY purpose")).all()
    assert [tuple(row) for row in booked] == [("quote", 5)]


def test_quotes_as_a_table(run: Callable[..., Result], database: Database, simulator: Simulator) -> None:
    pull(database, "EUR/USD", 1.15, y_close=1.16)
    lines = [line.replace("│", " ").split() for line in run("prices", "EUR/USD", "DAX", "--live").stdout.splitlines()]
    [fx] = [line for line in lines if line[:1] == ["EUR/USD"]]
    assert fx[1:4] == ["1.15000", "2026-11-20", "08:01"]
    assert (fx[-4], fx[-3:]) == ("-", ["2026-11-20", "23:00", "twelve_data"])
    [dax] = [line for line in lines if line[:1] == ["DAX"]]
    assert dax[1:3] == ["-", "-"], "nothing is stored of it"
    assert simulator.counts.credits == 2


def test_a_symbol_without_a_quote_is_one_line(run: Callable[..., Result], simulator: Simulator) -> None:
    simulator.set_faults("gated@NDX")
    result = run("prices", "--live", "--json")
    assert result.exit_code == 0
    [line] = result.stderr.splitlines()
    assert line.startswith("NDX: NDX /quote is not in your Twelve Data plan")
    assert "NDX" not in {row["symbol"] for row in json.loads(result.stdout)}


def test_the_command_fails_where_no_symbol_has_a_quote(
    run: Callable[..., Result], database: Database, simulator: Simulator
) -> None:
    pull(database, "DAX", 24_000, y_close=None)
    simulator.set_faults("gated")
    result = run("prices", "--live", "--json")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 5
    assert [(row["price"], row["live_price"]) for row in json.loads(result.stdout)] == [(24_000, None)]


def test_another_instrument_has_no_quote(run: Callable[..., Result], database: Database, simulator: Simulator) -> None:
    del simulator
    with database.engine.begin() as connection:
        connection.execute(
            text("""UPDATE market_symbols SET vendor_symbols = '{"twelve_data": "DAX"}' WHERE symbol = 'DAX'""")
        )
    result = run("prices", "DAX", "--live")
    assert result.exit_code == 1
    assert "set the name of DAX at twelve_data to GDAXI" in result.stderr


def test_a_vendor_without_quotes_says_so(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEMATRIX_VENDOR", "files")
    monkeypatch.setenv("TRADEMATRIX_FILES_DIR", str(tmp_path))
    result = run("prices", "--live")
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: files has no quotes: set TRADEMATRIX_VENDOR")
