"""``tradematrix prices`` as a user types it."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import pandas as pd
from click.testing import Result

from tradematrix_pipelines.candles.batch import SeriesBatch
from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.timeframes import Timeframe
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
