"""What was stored at an instant: revisions, withdrawals, coverage, levels, and what is older than stamps."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import NullPool, create_engine, text

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.pivots import Method, Pivots
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.levels import read_levels, write_levels
from tradematrix_pipelines.storage.sessions import read_sessions
from tradematrix_pipelines.storage.symbols import count_stored, find_symbols, remove_symbol
from tradematrix_pipelines.storage.tables import levels_daily, pivot_levels

DAY, COMING = date(2026, 11, 20), date(2026, 11, 23)
OPENS, CLOSES = datetime(2026, 11, 20, 8, tzinfo=UTC), datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
FIRST = datetime(2026, 11, 20, 17, tzinfo=UTC)
MINUTE, MOMENT = timedelta(minutes=1), timedelta(microseconds=1)


def symbol(database: Database, name: str = "DAX") -> Symbol:
    return find_symbols(database.engine, [name])[0]


def minutes(count: int, *, close: float = 24_000.0) -> pd.DataFrame:
    ts = pd.date_range(OPENS, periods=count, freq="1min")
    row = {"open": 24_000.0, "high": 24_100.0, "low": 23_900.0, "close": close, "volume": 7.0}
    return as_candles(pd.DataFrame({"ts": ts, **row}))


def store(
    database: Database,
    frame: pd.DataFrame,
    *,
    now: datetime,
    status: Status = Status.COMPLETE,
    source: str = "files",
    error: str | None = None,
) -> None:
    """Store the whole session of DAY as a vendor answered it."""
    coverage = Coverage(
        timeframe=Timeframe.M1, trade_date=DAY, status=status, final=True, expected=510, received=len(frame),
        source=source, error=error, opens_at=OPENS, closes_at=CLOSES,
    )  # fmt: skip
    batch = SeriesBatch(
        symbol=symbol(database), timeframe=Timeframe.M1, candles=frame, coverage=(coverage,), source=source
    )
    write(database.engine, [batch], now=now)


def seen(database: Database, as_of: datetime | None = None) -> pd.DataFrame:
    return database.candles.series(symbol(database), Timeframe.M1, OPENS, CLOSES, as_of=as_of)


def covered(database: Database, as_of: datetime | None = None) -> list[Coverage]:
    rows = read_coverage(database.engine, [symbol(database)], [Timeframe.M1], DAY, DAY, as_of=as_of)
    return [row.coverage for row in rows]


def one(database: Database, query: str) -> object:
    with database.engine.connect() as connection:
        return connection.execute(text(query)).scalar_one()


def publish(database: Database, *, high: float, now: datetime) -> int:
    daily = DailyLevels(
        trade_date=COMING, y_trade_date=DAY, y_open=24_000.1, y_high=high, y_low=1.13725, y_close=24_050.3,
        prev_week_high=None, prev_week_low=None, atr_14=None,
    )  # fmt: skip
    of = symbol(database)
    pivots = [(of, COMING, Pivots(Method.CLASSIC, high / 3)), (of, COMING, Pivots(Method.WOODIE, 23_950.0))]
    return write_levels(database.engine, daily=[(of, daily)], pivots=pivots, now=now)


def test_a_candle_has_the_time_of_its_present_values(database: Database) -> None:
    store(database, minutes(3), now=FIRST)
    assert one(database, "SELECT min(stored_at) = max(stored_at) FROM ohlc") is True
    assert one(database, "SELECT max(stored_at) FROM ohlc") == FIRST
    revised = minutes(4)
    revised.loc[1, "close"] = 24_001.0
    store(database, revised, now=FIRST + MINUTE)
    with database.engine.connect() as connection:
        stamps = connection.execute(text("SELECT stored_at FROM ohlc ORDER BY ts")).scalars().all()
        [old] = connection.execute(text("SELECT stored_at, revised_at FROM ohlc_revisions")).all()
    assert stamps == [FIRST, FIRST + MINUTE, FIRST, FIRST + MINUTE]
    assert tuple(old) == (FIRST, FIRST + MINUTE)


def test_past_candles_are_those_of_their_time(database: Database) -> None:
    versions = [minutes(510), minutes(508, close=24_010.0), minutes(510, close=24_020.0)]
    times = [FIRST, FIRST + MINUTE, FIRST + 2 * MINUTE]
    for version, now in zip(versions, times, strict=True):
        store(database, version, now=now)
    assert seen(database, FIRST - MOMENT).empty
    for version, now in zip(versions, times, strict=True):
        for moment in (now, now + MINUTE - MOMENT):
            pd.testing.assert_frame_equal(seen(database, moment), version)
    newest = database.candles.series(symbol(database), Timeframe.M1, OPENS, CLOSES, newest=2, as_of=times[1])
    assert newest["ts"].tolist() == versions[1]["ts"].tolist()[-2:]
    for version, now in zip(versions, times, strict=True):
        sessions = read_sessions(database, [symbol(database)], Timeframe.M1, DAY, DAY, as_of=now)
        pd.testing.assert_frame_equal(sessions[list(version.columns)], version)
    assert read_sessions(database, [symbol(database)], Timeframe.M1, DAY, DAY, as_of=FIRST - MOMENT).empty


def test_writes_of_one_instant_leave_the_last(database: Database) -> None:
    for close in (24_000.0, 24_010.0, 24_020.0):
        store(database, minutes(5, close=close), now=FIRST)
    pd.testing.assert_frame_equal(seen(database, FIRST), minutes(5, close=24_020.0))
    assert one(database, "SELECT count(*) FROM ohlc_revisions") == 10
    assert [row.received for row in covered(database, FIRST)] == [5]


def test_a_clock_that_was_set_back_leaves_one_candle_an_instant(database: Database) -> None:
    store(database, minutes(2), now=FIRST)
    store(database, minutes(2, close=24_010.0), now=FIRST - MINUTE)
    store(database, minutes(1), now=FIRST + 2 * MINUTE)
    store(database, minutes(2), now=FIRST + MINUTE)
    for moment in (FIRST - MINUTE, FIRST, FIRST + MINUTE, FIRST + 2 * MINUTE):
        assert seen(database, moment)["ts"].is_unique
        assert len(covered(database, moment)) <= 1
    assert seen(database, FIRST)["close"].tolist() == [24_010.0, 24_010.0]


def test_another_vendors_same_values_are_no_new_version(database: Database) -> None:
    store(database, minutes(500), now=FIRST, status=Status.PARTIAL, source="first")
    store(database, minutes(510), now=FIRST + MINUTE, source="second")
    pd.testing.assert_frame_equal(seen(database, FIRST), minutes(500))
    assert [row.source for row in covered(database, FIRST)] == ["first"]
    assert one(database, "SELECT count(*) FROM ohlc_revisions") == 0


def test_what_psql_changes_is_kept_too(database: Database) -> None:
    store(database, minutes(2), now=FIRST)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE ohlc SET close = 24050 WHERE ts = :ts"), {"ts": OPENS})
        now = connection.execute(text("SELECT now()")).scalar_one()
    assert seen(database, FIRST)["close"].tolist() == [24_000.0, 24_000.0]
    assert seen(database, now)["close"].tolist() == [24_050.0, 24_000.0]


def test_past_coverage_is_that_of_its_time(database: Database) -> None:
    store(database, minutes(0), now=FIRST, status=Status.FAILED, error="the vendor is down")
    store(database, minutes(500), now=FIRST + MINUTE, status=Status.PARTIAL)
    store(database, minutes(0), now=FIRST + 2 * MINUTE, status=Status.FAILED, error="down again")
    store(database, minutes(510), now=FIRST + 3 * MINUTE)
    assert covered(database, FIRST - MOMENT) == []
    [failed], [partial], [kept], [complete] = (covered(database, FIRST + n * MINUTE) for n in range(4))
    assert (failed.status, failed.error, failed.opens_at) == (Status.FAILED, "the vendor is down", OPENS)
    assert (partial.status, partial.received, partial.error) == (Status.PARTIAL, 500, None)
    assert kept == replace(partial, error="down again")
    assert [complete] == covered(database)


def test_attempts_alone_add_no_version_of_coverage(database: Database) -> None:
    for attempt in range(5):
        store(database, minutes(0), now=FIRST + attempt * MINUTE, status=Status.FAILED, error="down")
    assert one(database, "SELECT attempts FROM session_coverage") == 5
    assert one(database, "SELECT count(*) FROM session_coverage_history") == 1


def test_published_levels_stay_and_an_unchanged_rerun_adds_none(database: Database) -> None:
    assert publish(database, high=24_123.1, now=FIRST) == 3
    assert publish(database, high=24_123.1, now=FIRST + MINUTE) == 0
    assert publish(database, high=24_125.6, now=FIRST + 2 * MINUTE) == 2
    with database.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT kind, published_at, replaced_at FROM levels_history ORDER BY kind, published_at")
        ).all()
    changed = FIRST + 2 * MINUTE
    assert [tuple(row) for row in rows] == [
        ("classic", FIRST, changed),
        ("classic", changed, None),
        ("daily", FIRST, changed),
        ("daily", changed, None),
        ("woodie", FIRST, None),
    ]
    [dax] = [symbol(database)]
    for table in (levels_daily, pivot_levels):
        assert read_levels(database.engine, table, [dax], COMING, COMING, as_of=FIRST - MOMENT).empty
        now = read_levels(database.engine, table, [dax], COMING, COMING)
        pd.testing.assert_frame_equal(read_levels(database.engine, table, [dax], COMING, COMING, as_of=changed), now)
    [before] = read_levels(database.engine, levels_daily, [dax], COMING, COMING, as_of=changed - MOMENT).to_dict(
        "records"
    )
    assert (before["y_high"], before["y_low"], before["y_trade_date"]) == (24_123.1, 1.13725, DAY)
    assert before["computed_at"] == FIRST
    pivots = read_levels(database.engine, pivot_levels, [dax], COMING, COMING, as_of=FIRST)
    assert pivots["pp"].tolist() == [24_123.1 / 3, 23_950.0]


def test_deleted_levels_were_there_until_then(database: Database) -> None:
    publish(database, high=24_123.1, now=FIRST)
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM levels_daily"))
    [dax] = [symbol(database)]
    assert len(read_levels(database.engine, levels_daily, [dax], COMING, COMING, as_of=FIRST)) == 1
    assert read_levels(database.engine, levels_daily, [dax], COMING, COMING, as_of=datetime.now(UTC)).empty


def test_a_purge_removes_the_past_too(database: Database) -> None:
    store(database, minutes(2), now=FIRST)
    store(database, minutes(2, close=24_010.0), now=FIRST + MINUTE)
    publish(database, high=24_123.1, now=FIRST)
    dax = symbol(database)
    assert count_stored(database.engine, dax)["levels_history"] == 3
    remove_symbol(database.engine, dax, purge=True)
    for table in ("levels_history", "session_coverage_history", "ohlc_revisions"):
        assert one(database, f"SELECT count(*) FROM {table}") == 0


@pytest.fixture
def older(settings: Settings) -> Settings:
    """An installation whose database is of an older version, with a candle that was revised twice."""
    dump = Path(__file__).parent / "dumps" / "0005.sql"
    with open_databases(settings) as databases:
        engine = create_engine(databases.market, poolclass=NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(dump.read_text().replace("%", "%%"))
        for close in ("close + 0.01", "close - 0.02"):
            with engine.begin() as connection:
                connection.exec_driver_sql("SET LOCAL search_path = public")
                connection.exec_driver_sql(
                    f"UPDATE ohlc SET close = {close}, high = high + 1, low = low - 1 "
                    "WHERE symbol_id = 1 AND timeframe = '1d' AND ts = '2026-11-19 08:00+00'"
                )
    return settings


def test_what_was_stored_before_is_its_first_version(older: Settings) -> None:
    with Database.open(older) as database:
        query = "SELECT revised_at FROM ohlc_revisions WHERE symbol_id = 1 AND timeframe = '1d' ORDER BY id"
        with database.engine.connect() as connection:
            first, second = connection.execute(text(query)).scalars()
        start, end = datetime(2026, 11, 19, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
        dax = symbol(database)
        highs = [
            database.candles.series(dax, Timeframe.D1, start, end, as_of=moment)["high"].tolist()
            for moment in (first - MOMENT, first, second)
        ]
        [original], [once], [twice] = highs
        assert (once, twice) == (original + 1, original + 2)
        published = one(database, "SELECT count(*) FROM levels_history")
        assert published == one(database, "SELECT (SELECT count(*) FROM levels_daily) + count(*) FROM pivot_levels")
        at = one(database, "SELECT max(computed_at) FROM levels_daily")
        assert isinstance(at, datetime)
        first_date, last_date = date(2026, 11, 1), date(2026, 12, 1)
        pd.testing.assert_frame_equal(
            read_levels(database.engine, levels_daily, [dax], first_date, last_date, as_of=at),
            read_levels(database.engine, levels_daily, [dax], first_date, last_date),
        )
        checked = one(database, "SELECT max(checked_at) FROM session_coverage")
        assert isinstance(checked, datetime)
        assert read_coverage(database.engine, [dax], list(Timeframe), first_date, last_date, as_of=checked) == (
            read_coverage(database.engine, [dax], list(Timeframe), first_date, last_date)
        )
