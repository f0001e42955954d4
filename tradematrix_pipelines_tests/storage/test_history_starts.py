"""Where a vendor's series start is remembered, and forgotten with what it was asked for."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd
from sqlalchemy import text

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.history_starts import open_history
from tradematrix_pipelines.storage.symbols import find_symbols, remove_symbol

START = datetime(2021, 3, 1, 8, tzinfo=UTC)
M1 = Timeframe.M1


def test_an_answer_is_remembered_by_vendor_and_timeframe(database: Database) -> None:
    [dax, ndx] = find_symbols(database.engine, ["DAX", "NDX"])
    open_history(database.engine, dax, clock=database.clock).add("twelve_data", M1, START)
    history = open_history(database.engine, dax, clock=database.clock)
    assert history.starts == {("twelve_data", M1): START}
    assert open_history(database.engine, ndx, clock=database.clock).starts == {}
    assert open_history(database.engine, dax, clock=database.clock, ask_again=True).starts == {}
    history.add("twelve_data", M1, START.replace(year=2020))
    again = open_history(database.engine, dax, clock=database.clock)
    assert again.starts == {("twelve_data", M1): START.replace(year=2020)}


def test_another_name_at_the_vendor_is_asked_for_again(database: Database) -> None:
    [dax] = find_symbols(database.engine, ["DAX"])
    open_history(database.engine, dax, clock=database.clock).add("twelve_data", M1, START)
    renamed = replace(dax, vendor_symbols={"twelve_data": "DAX"})
    assert open_history(database.engine, renamed, clock=database.clock).starts == {}


def test_the_oldest_stored_session_counts_where_there_are_candles(database: Database) -> None:
    [dax] = find_symbols(database.engine, ["DAX"])
    ts = pd.DataFrame({"ts": [START], "open": 24_000.0, "high": 24_000.0, "low": 24_000.0, "close": 24_000.0})
    stored = _coverage(date(2021, 3, 1), Status.PARTIAL, received=1)
    failed = _coverage(date(2021, 2, 26), Status.FAILED, received=0)
    batch = SeriesBatch(
        symbol=dax, timeframe=M1, candles=as_candles(ts), coverage=(failed, stored), source="twelve_data"
    )
    write(database.engine, [batch], now=START)
    assert open_history(database.engine, dax, clock=database.clock).oldest == {M1: date(2021, 3, 1)}


def test_it_goes_with_the_symbol(database: Database) -> None:
    [dax] = find_symbols(database.engine, ["DAX"])
    open_history(database.engine, dax, clock=database.clock).add("twelve_data", M1, START)
    remove_symbol(database.engine, dax, purge=False)
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM history_starts")).scalar_one() == 0


def _coverage(day: date, status: Status, *, received: int) -> Coverage:
    opens_at = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    return Coverage(
        timeframe=M1, trade_date=day, status=status, final=True, expected=510, received=received, source="twelve_data",
        opens_at=opens_at, closes_at=opens_at.replace(hour=16, minute=30),
    )  # fmt: skip
