"""How a batch differs from what is stored, compared with a comparison row by row."""

import math
from datetime import UTC, datetime, timedelta

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.candles import copy_candles
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.differences import find_difference
from tradematrix_pipelines.storage.symbols import find_symbols

OPEN = datetime(2026, 11, 20, 8, tzinfo=UTC)
SOURCES = ("files", "twelve_data")
closes = st.sampled_from([1.1, 1.1000000000000003, 1.2])
volumes = st.sampled_from([None, 0.0, 7.0])
rows = st.dictionaries(st.integers(0, 8), st.tuples(closes, volumes), max_size=9)

Rows = dict[int, tuple[float, float | None]]


def frame(values: Rows) -> pd.DataFrame:
    ordered = sorted(values.items())
    ts = pd.to_datetime([OPEN + timedelta(minutes=minute) for minute, _ in ordered], utc=True)
    close = [row[0] for _, row in ordered]
    volume = [math.nan if row[1] is None else row[1] for _, row in ordered]
    prices = {"open": 1.15, "high": 1.3, "low": 1.0, "close": close}
    return as_candles(pd.DataFrame({"ts": ts, **prices, "volume": volume}))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=rows, came=rows.filter(bool), source=st.sampled_from(SOURCES))
def test_a_difference_is_that_of_the_rows(database: Database, stored: Rows, came: Rows, source: str) -> None:
    [symbol] = find_symbols(database.engine, ["DAX"])
    batch = SeriesBatch(symbol=symbol, timeframe=Timeframe.M1, candles=frame(came), source=source)
    with database.engine.connect() as connection:  # rolled back at its end
        connection.execute(text("TRUNCATE ohlc"))
        before = SeriesBatch(symbol=symbol, timeframe=Timeframe.M1, candles=frame(stored), source=SOURCES[0])
        copy_candles(connection, [before] if stored else [], table="ohlc", now=OPEN)
        driver = connection.connection.driver_connection
        assert driver is not None
        found = find_difference(driver, batch, first=OPEN, last=OPEN + timedelta(minutes=8))
    minutes = sorted(came)
    assert list(found.new) == [minute not in stored for minute in minutes]
    assert list(found.revised) == [minute in stored and stored[minute] != came[minute] for minute in minutes]
    renamed = [source != SOURCES[0] and stored.get(minute) == came[minute] for minute in minutes]
    assert list(found.renamed) == renamed
    missing = [OPEN + timedelta(minutes=minute) for minute in sorted(set(stored) - set(came))]
    assert [moment.replace(tzinfo=UTC) for moment in found.missing.astype(object)] == missing


def test_only_the_range_of_the_series_is_compared(database: Database) -> None:
    dax, ndx = find_symbols(database.engine, ["DAX", "NDX"])
    came = SeriesBatch(symbol=dax, timeframe=Timeframe.M1, candles=frame({3: (1.1, None)}), source="files")
    others = [
        SeriesBatch(symbol=symbol, timeframe=timeframe, candles=frame({minute: (1.2, None)}), source="files")
        for symbol, timeframe, minute in ((ndx, Timeframe.M1, 3), (dax, Timeframe.M5, 0), (dax, Timeframe.M1, 7))
    ]
    with database.engine.connect() as connection:
        copy_candles(connection, others, table="ohlc", now=OPEN)
        driver = connection.connection.driver_connection
        assert driver is not None
        found = find_difference(driver, came, first=OPEN, last=OPEN + timedelta(minutes=6))
    assert (found.new.tolist(), len(found.missing)) == ([True], 0)
    assert not found.changed.any()
