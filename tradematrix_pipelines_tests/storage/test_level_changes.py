"""Which levels replaced others, and which candle of the session that they come from was revised in between."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from tradematrix_pipelines.alerts.changed_levels import LevelChange, RevisedCandle
from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.pivots import Method, Pivots
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_changes import read_level_changes
from tradematrix_pipelines.storage.levels import write_levels
from tradematrix_pipelines.storage.symbols import find_symbols

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
OPENS = datetime(2026, 11, 20, 8, tzinfo=UTC)
FIRST = datetime(2026, 11, 20, 17, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
USUAL = {0: 24_010.0, 1: 24_020.0, 2: 24_030.0}


def store(database: Database, timeframe: Timeframe, highs: Mapping[int, float], *, now: datetime, source: str) -> None:
    """Store Friday's session with one candle a minute that has this high."""
    [dax] = find_symbols(database.engine, ["DAX"])
    rows = [
        {"ts": OPENS + minute * MINUTE, "open": 24_000.0, "high": high, "low": 23_990.0, "close": 24_000.0}
        for minute, high in highs.items()
    ]
    coverage = Coverage(
        timeframe=timeframe, trade_date=FRIDAY, status=Status.COMPLETE, final=True, expected=len(rows),
        received=len(rows), source=source, opens_at=OPENS, closes_at=OPENS + timedelta(hours=8.5),
    )  # fmt: skip
    candles = as_candles(pd.DataFrame(rows))
    batch = SeriesBatch(symbol=dax, timeframe=timeframe, candles=candles, coverage=(coverage,), source=source)
    write(database.engine, [batch], now=now)


def publish(database: Database, high: float, *, now: datetime, source: date = FRIDAY) -> None:
    [dax] = find_symbols(database.engine, ["DAX"])
    daily = DailyLevels(
        trade_date=MONDAY, y_trade_date=source, y_open=24_000.0, y_high=high, y_low=23_990.0, y_close=24_000.0,
        prev_week_high=None, prev_week_low=None, atr_14=None,
    )  # fmt: skip
    write_levels(
        database.engine, daily=[(dax, daily)], pivots=[(dax, MONDAY, Pivots(Method.CLASSIC, high / 3))], now=now
    )


def changes(database: Database, *, since: datetime = FIRST) -> list[LevelChange]:
    return read_level_changes(database.engine, find_symbols(database.engine, ["DAX", "NDX"]), since=since)


def test_the_candle_that_changed_most_is_named(database: Database) -> None:
    for timeframe in (Timeframe.M1, Timeframe.D1):
        store(database, timeframe, USUAL if timeframe is Timeframe.M1 else {0: 24_030.0}, now=FIRST, source="files")
    publish(database, 24_030.0, now=FIRST + MINUTE)
    assert changes(database) == []
    store(database, Timeframe.M1, {0: 24_011.0, 1: 24_050.0, 2: 24_030.0}, now=FIRST + 2 * MINUTE, source="files")
    store(database, Timeframe.D1, {0: 24_050.0}, now=FIRST + 2 * MINUTE, source="files")
    publish(database, 24_050.0, now=FIRST + 3 * MINUTE)
    [change] = changes(database)
    assert (change.symbol, change.trade_date, change.changed_at) == ("DAX", MONDAY, FIRST + 3 * MINUTE)
    assert (change.old_source, change.new_source) == (FRIDAY, FRIDAY)
    assert next(iter(change.old)) == "y_open"
    assert (change.old["y_high"], change.new["y_high"]) == (24_030.0, 24_050.0)
    assert (change.old["classic pp"], change.new["classic pp"]) == (24_030.0 / 3, 24_050.0 / 3)
    assert change.candle == RevisedCandle(
        timeframe=Timeframe.M1, ts=OPENS + MINUTE, before="files", after="files", others=1
    )
    assert changes(database, since=FIRST + 4 * MINUTE) == []


def test_a_withdrawn_candle_and_another_vendor_are_distinguished(database: Database) -> None:
    store(database, Timeframe.M1, USUAL, now=FIRST, source="files")
    publish(database, 24_030.0, now=FIRST + MINUTE)
    store(database, Timeframe.M1, {0: 24_010.0, 1: 24_020.0}, now=FIRST + 2 * MINUTE, source="files")
    publish(database, 24_020.0, now=FIRST + 3 * MINUTE)
    store(database, Timeframe.M1, {0: 24_010.0, 1: 24_025.0}, now=FIRST + 4 * MINUTE, source="yahoo")
    publish(database, 24_025.0, now=FIRST + 5 * MINUTE)
    withdrawn, other = (change.candle for change in changes(database))
    assert withdrawn is not None
    assert other is not None
    assert (withdrawn.ts, withdrawn.before, withdrawn.after) == (OPENS + 2 * MINUTE, "files", None)
    assert (other.ts, other.before, other.after) == (OPENS + MINUTE, "files", "yahoo")


def test_levels_of_another_session_or_computed_anew_have_no_candle(database: Database) -> None:
    publish(database, 24_030.0, now=FIRST, source=date(2026, 11, 19))
    publish(database, 24_040.0, now=FIRST + MINUTE)
    publish(database, 24_050.0, now=FIRST + 2 * MINUTE)
    moved, anew = changes(database)
    assert (moved.old_source, moved.new_source, moved.candle) == (date(2026, 11, 19), FRIDAY, None)
    assert (anew.old_source, anew.new_source, anew.candle) == (FRIDAY, FRIDAY, None)


def test_changes_of_one_instant_are_one(database: Database) -> None:
    for high in (24_030.0, 24_040.0, 24_050.0):
        publish(database, high, now=FIRST)
    [change] = changes(database)
    assert (change.old["y_high"], change.new["y_high"]) == (24_030.0, 24_050.0)
