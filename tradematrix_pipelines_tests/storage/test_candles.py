"""Writing candles: replays, revisions, neighbours, races, and what the table itself refuses."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd
import pytest
from sqlalchemy import text

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.candles import InterferingWriter, RefusedCandles, Written, write
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)


def candles(
    count: int, *, start: str = "2026-11-20T08:00Z", close: float = 1.13725, volume: float | None = 7
) -> pd.DataFrame:
    ts = pd.date_range(start, periods=count, freq="1min")
    row = {
        "open": 1.1371,
        "high": 1.2,
        "low": 1.1,
        "close": close,
        "volume": float("nan") if volume is None else volume,
    }
    return as_candles(pd.DataFrame({"ts": ts, **row}))


def batch(
    database: Database, frame: pd.DataFrame, *, symbol: str = "DAX", timeframe: Timeframe = Timeframe.M1
) -> SeriesBatch:
    [stored_symbol] = find_symbols(database.engine, [symbol])
    return SeriesBatch(symbol=stored_symbol, timeframe=timeframe, candles=frame, source="files")


def stored(database: Database, symbol: str = "DAX", timeframe: Timeframe = Timeframe.M1) -> pd.DataFrame:
    [stored_symbol] = find_symbols(database.engine, [symbol])
    first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    return database.candles.series(stored_symbol, timeframe, first, last)


def count(database: Database, table: str) -> int:
    with database.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_what_is_written_is_read_back_to_the_last_digit(database: Database) -> None:
    frame = pd.concat([candles(3), candles(2, start="2026-11-20T08:03Z", volume=None)], ignore_index=True)
    assert write(database.engine, [batch(database, frame)], now=NOW) == Written(inserted=5)
    pd.testing.assert_frame_equal(stored(database), frame)
    with database.engine.connect() as connection:
        text_of_price = connection.execute(text("SELECT DISTINCT close::text FROM ohlc")).scalar_one()
    assert text_of_price == "1.13725"


def test_an_identical_replay_changes_nothing_in_any_row(database: Database) -> None:
    written = batch(database, candles(500))
    write(database.engine, [written], now=NOW)
    with database.engine.connect() as connection:
        before = connection.execute(text("SELECT ts, xmin::text FROM ohlc ORDER BY ts")).all()
    assert write(database.engine, [written], now=NOW) == Written()
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT ts, xmin::text FROM ohlc ORDER BY ts")).all() == before
    assert count(database, "ohlc_revisions") == 0


def test_only_what_differs_is_revised_and_its_old_values_are_kept(database: Database) -> None:
    write(database.engine, [batch(database, candles(500))], now=NOW)
    changed = candles(510)
    changed.loc[7, "close"] = 1.15
    assert write(database.engine, [batch(database, changed)], now=NOW) == Written(inserted=10, revised=1)
    pd.testing.assert_frame_equal(stored(database), changed)
    with database.engine.connect() as connection:
        [old] = connection.execute(text("SELECT ts, close FROM ohlc_revisions")).all()
    assert (old.ts, old.close) == (changed["ts"][7], 1.13725)


def test_a_volume_that_comes_later_is_a_revision(database: Database) -> None:
    write(database.engine, [batch(database, candles(3, volume=None))], now=NOW)
    assert write(database.engine, [batch(database, candles(3))], now=NOW) == Written(revised=3)


def test_neighbours_in_time_symbol_and_timeframe_are_untouched(database: Database) -> None:
    for symbol, timeframe in (("DAX", Timeframe.M1), ("NDX", Timeframe.M1), ("DAX", Timeframe.M5)):
        write(database.engine, [batch(database, candles(60), symbol=symbol, timeframe=timeframe)], now=NOW)
    middle = candles(10, start="2026-11-20T08:20Z", close=1.12)
    assert write(database.engine, [batch(database, middle)], now=NOW) == Written(revised=10)
    expected = candles(60)
    expected.loc[20:29, "close"] = 1.12
    pd.testing.assert_frame_equal(stored(database), expected)
    pd.testing.assert_frame_equal(stored(database, "NDX"), candles(60))
    pd.testing.assert_frame_equal(stored(database, "DAX", Timeframe.M5), candles(60))


def test_several_series_are_one_transaction(database: Database) -> None:
    bad = candles(3)
    bad.loc[1, "high"] = 1.0
    with pytest.raises(RefusedCandles):
        write(database.engine, [batch(database, candles(3), symbol="NDX"), batch(database, bad)], now=NOW)
    assert count(database, "ohlc") == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("close", float("nan")),
        ("high", float("inf")),
        ("low", -1.0),
        ("low", 0.0),
        ("low", float("nan")),
        ("open", float("nan")),
        ("volume", -1.0),
        ("volume", float("inf")),
        ("high", 1.1),
    ],
)
@pytest.mark.parametrize("replay", [False, True])
def test_the_table_refuses_impossible_candles_by_itself(
    database: Database, column: str, value: float, *, replay: bool
) -> None:
    if replay:
        write(database.engine, [batch(database, candles(3))], now=NOW)
    bad = candles(3)
    bad.loc[1, column] = value
    with pytest.raises(RefusedCandles):
        write(database.engine, [batch(database, bad)], now=NOW)
    assert count(database, "ohlc") == (3 if replay else 0)


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 1, 1]])
def test_unsorted_or_doubled_candles_are_refused(database: Database, order: list[int]) -> None:
    frame = candles(3).iloc[order].reset_index(drop=True)
    with pytest.raises(ValueError, match="sorted by ts, each ts once"):
        write(database.engine, [batch(database, frame)], now=NOW)


def test_two_writers_on_one_series_both_succeed(database: Database) -> None:
    frames = [candles(3000, close=1.12), candles(3000, start="2026-11-20T09:00Z", close=1.15)]
    for _ in range(5):
        with database.engine.begin() as connection:
            connection.execute(text("TRUNCATE ohlc, ohlc_revisions"))
        errors = _at_once([batch(database, frame) for frame in frames], database)
        assert errors == []
        assert len(stored(database)) == 3060


def test_candles_that_others_delete_meanwhile_are_noticed_and_nothing_is_stored(database: Database) -> None:
    write(database.engine, [batch(database, candles(10))], now=NOW)
    more = batch(database, pd.concat([candles(10, close=1.15), candles(5, start="2026-11-20T08:10Z")]))
    with ThreadPoolExecutor(1) as pool, database.engine.connect() as other:
        other.execute(text("DELETE FROM ohlc WHERE ts = '2026-11-20T08:03Z'"))  # the writer sees it until the commit
        writing = pool.submit(write, database.engine, [more], now=NOW)
        _wait_for_lock(database)
        other.commit()
        with pytest.raises(InterferingWriter, match="others deleted 1 candles"):
            writing.result()
    assert (len(stored(database)), count(database, "ohlc_revisions")) == (9, 0)
    assert write(database.engine, [more], now=NOW) == Written(inserted=6, revised=9)


def _wait_for_lock(database: Database) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE ohlc%'"
    for _ in range(1000):
        with database.engine.connect() as connection:
            if connection.execute(text(waiting)).scalar_one():
                return
        time.sleep(0.02)
    pytest.fail("the writer waits for no row")


def _at_once(batches: Sequence[SeriesBatch], database: Database) -> list[Exception]:
    barrier, errors = threading.Barrier(len(batches)), []

    def run(one: SeriesBatch) -> None:
        barrier.wait()
        try:
            write(database.engine, [one], now=NOW)
        except Exception as error:  # noqa: BLE001 - whatever a thread raises is the test's result
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_rejections_are_kept_raw_and_once(database: Database) -> None:
    bad = candles(2).assign(reason="high is below open or close")
    bad.loc[0, "close"] = float("inf")
    bad.loc[1, "ts"] = pd.NaT
    written = replace(batch(database, candles(0)), rejected=bad)
    assert write(database.engine, [written], now=NOW).rejected == 2
    assert write(database.engine, [written], now=NOW).rejected == 0
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT ts, close, reason FROM rejected_candles ORDER BY id")).all()
    assert [(row.ts is None, row.close) for row in rows] == [(False, float("inf")), (True, 1.13725)]


def test_a_failed_attempt_keeps_what_is_known_and_says_why(database: Database) -> None:
    known = Coverage(
        timeframe=Timeframe.M1, trade_date=DAY, status=Status.PARTIAL, final=True,
        expected=510, received=500, longest_gap=10, source="files",
        opens_at=datetime(2026, 11, 20, 8, tzinfo=UTC), closes_at=datetime(2026, 11, 20, 16, 30, tzinfo=UTC),
    )  # fmt: skip
    one = replace(batch(database, candles(500)), coverage=(known,))
    write(database.engine, [one], now=NOW)
    failed = replace(known, status=Status.FAILED, received=0, longest_gap=510, error="the vendor is down")
    write(database.engine, [replace(one, candles=candles(0), coverage=(failed,))], now=NOW)
    [row] = read_coverage(database.engine, [one.symbol], [Timeframe.M1], DAY, DAY)
    assert row.attempts == 2
    assert row.coverage == replace(known, error="the vendor is down")
    assert "500 of 510 bars" in row.coverage.reason()
    assert "the vendor is down" in row.coverage.reason()


OPENS, CLOSES = datetime(2026, 11, 20, 8, tzinfo=UTC), datetime(2026, 11, 20, 16, 30, tzinfo=UTC)


def whole(
    database: Database, frame: pd.DataFrame, *, source: str, status: Status, error: str | None = None
) -> SeriesBatch:
    """Return the batch of DAX's session of DAY as ``source`` answered it."""
    coverage = Coverage(
        timeframe=Timeframe.M1, trade_date=DAY, status=status, final=True, expected=510, received=len(frame),
        source=source, error=error, opens_at=OPENS, closes_at=CLOSES,
    )  # fmt: skip
    return replace(batch(database, frame), coverage=(coverage,), source=source)


def sources(database: Database) -> set[str]:
    with database.engine.connect() as connection:
        return set(connection.execute(text("SELECT source FROM ohlc")).scalars())


def coverage_of(database: Database) -> Coverage:
    [dax] = find_symbols(database.engine, ["DAX"])
    [row] = read_coverage(database.engine, [dax], [Timeframe.M1], DAY, DAY)
    return row.coverage


def test_another_vendors_complete_session_leaves_nothing_of_the_first_ones(database: Database) -> None:
    incomplete = candles(500, close=1.15).drop(index=range(100, 110)).reset_index(drop=True)
    incomplete.loc[5, "high"] = 1.9  # a wrong high, of a minute that the second vendor does not have
    write(database.engine, [whole(database, incomplete, source="first", status=Status.PARTIAL)], now=NOW)
    complete = candles(510).drop(index=[5]).reset_index(drop=True)
    written = write(database.engine, [whole(database, complete, source="second", status=Status.COMPLETE)], now=NOW)
    assert (written.inserted, written.withdrawn) == (20, 1)
    pd.testing.assert_frame_equal(stored(database), complete)
    assert sources(database) == {"second"}
    with database.engine.connect() as connection:
        [gone] = connection.execute(text("SELECT ts, high, source FROM ohlc_revisions WHERE withdrawn")).all()
    assert (gone.ts, gone.high, gone.source) == (incomplete["ts"][5], 1.9, "first")


def test_rows_of_equal_values_take_the_vendor_of_their_session(database: Database) -> None:
    write(database.engine, [whole(database, candles(500), source="first", status=Status.PARTIAL)], now=NOW)
    write(database.engine, [whole(database, candles(510), source="second", status=Status.COMPLETE)], now=NOW)
    assert sources(database) == {"second"}
    assert count(database, "ohlc_revisions") == 0


def test_a_refresh_with_fewer_bars_withdraws_the_others(database: Database) -> None:
    write(database.engine, [whole(database, candles(510), source="files", status=Status.COMPLETE)], now=NOW)
    fewer = candles(510).drop(index=[0, 255, 509]).reset_index(drop=True)
    written = write(database.engine, [whole(database, fewer, source="files", status=Status.PARTIAL)], now=NOW)
    assert written == Written(withdrawn=3)
    assert len(stored(database)) == coverage_of(database).received == 507
    assert count(database, "ohlc_revisions") == 3


def test_the_sessions_beside_a_whole_one_are_untouched(database: Database) -> None:
    for start in ("2026-11-19T08:00Z", "2026-11-21T08:00Z"):
        write(database.engine, [batch(database, candles(60, start=start))], now=NOW)
    write(database.engine, [whole(database, candles(510), source="files", status=Status.COMPLETE)], now=NOW)
    write(database.engine, [whole(database, candles(300), source="files", status=Status.PARTIAL)], now=NOW)
    assert len(stored(database)) == 60 + 300 + 60


def test_a_live_pull_withdraws_nothing(database: Database) -> None:
    write(database.engine, [whole(database, candles(300), source="files", status=Status.PARTIAL)], now=NOW)
    pulled = whole(database, candles(30, start="2026-11-20T12:50Z"), source="other", status=Status.COMPLETE)
    assert write(database.engine, [replace(pulled, whole=False)], now=NOW) == Written(inserted=20)
    assert len(stored(database)) == 320


@pytest.mark.parametrize(
    ("frame", "source", "status", "error"),
    [
        (candles(0), "files", Status.FAILED, "the vendor is down"),
        (candles(0), "files", Status.MISSING, None),
        (candles(400), "second", Status.PARTIAL, None),
    ],
)
def test_a_worse_answer_changes_no_complete_session(
    database: Database, frame: pd.DataFrame, source: str, status: Status, error: str | None
) -> None:
    write(database.engine, [whole(database, candles(510), source="files", status=Status.COMPLETE)], now=NOW)
    before = coverage_of(database)
    written = write(database.engine, [whole(database, frame, source=source, status=status, error=error)], now=NOW)
    assert written == Written()
    assert len(stored(database)) == 510
    assert sources(database) == {"files"}
    after = coverage_of(database)
    assert replace(after, error=None) == before
    assert after.error is not None
    assert after.ok


def test_a_failed_close_keeps_the_live_minutes_and_restarts_its_attempts(database: Database) -> None:
    live = whole(database, candles(300), source="files", status=Status.COMPLETE)
    [so_far] = live.coverage
    live = replace(live, coverage=(replace(so_far, final=False, expected=300),), whole=False)
    for _ in range(9):
        write(database.engine, [live], now=NOW)
    failed = whole(database, candles(0), source="files", status=Status.FAILED, error="the vendor is down")
    write(database.engine, [failed], now=NOW)
    [row] = read_coverage(database.engine, [live.symbol], [Timeframe.M1], DAY, DAY)
    assert (row.coverage.status, row.coverage.final, row.coverage.received) == (Status.PARTIAL, True, 300)
    assert row.coverage.expected == 510
    assert row.attempts == 1
    assert len(stored(database)) == 300
