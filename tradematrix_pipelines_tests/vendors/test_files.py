"""Candles from files: the real ones, and files that are broken in one place."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import COLUMNS, TS_DTYPE
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, InstrumentType, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import BadFile, Unavailable
from tradematrix_pipelines.vendors.files.client import FilesVendor
from tradematrix_pipelines.vendors.protocol import CandleRequest, Vendor

BY_NAME = {symbol.name: symbol for symbol in DEFAULT_SYMBOLS}
EURUSD, DAX = BY_NAME["EUR/USD"], BY_NAME["DAX"]
SPY = Symbol(name="SPY", calendar="XNYS", instrument=InstrumentType.ETF, tick_size=0.01, currency="USD")
HEADER = "ts,open,high,low,close,volume\n"


def ask(symbol: Symbol, timeframe: Timeframe, start: datetime, end: datetime) -> CandleRequest:
    return CandleRequest(symbol=symbol, timeframe=timeframe, start=start, end=end)


def minutes_of_a_day(symbol: Symbol = EURUSD) -> CandleRequest:
    return ask(symbol, Timeframe.M1, datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))


def test_sessions_of_real_files(shared_data: Path) -> None:
    vendor: Vendor = FilesVendor(shared_data / "market")
    answers = pd.read_csv(
        shared_data / "market" / "answers_sessions.csv", parse_dates=["session_open", "session_close"]
    )
    answers = answers[answers["symbol"].isin(["DAX", "EUR/USD"])]
    assert len(answers) > 10
    for row in answers.itertuples():
        start, end = row.session_open.to_pydatetime(), row.session_close.to_pydatetime()
        candles = vendor.fetch(ask(BY_NAME[row.symbol], Timeframe.M1, start, end)).candles
        assert len(candles) == row.bars
        seen = (candles["open"].iloc[0], candles["high"].max(), candles["low"].min(), candles["close"].iloc[-1])
        assert seen == (row.open, row.high, row.low, row.close)


def test_days_of_a_real_file(shared_data: Path) -> None:
    request = ask(SPY, Timeframe.D1, datetime(2016, 1, 4, tzinfo=UTC), datetime(2016, 1, 6, tzinfo=UTC))
    answer = FilesVendor(shared_data / "market").fetch(request)
    assert answer.candles["ts"].tolist() == [datetime(2016, 1, 4, tzinfo=UTC), datetime(2016, 1, 5, tzinfo=UTC)]
    assert answer.candles["close"].tolist() == [201.01, 201.35]
    assert (answer.source, answer.calls, answer.credits) == ("files", 1, 0)


@pytest.mark.parametrize(
    ("stamp", "day"),
    [
        ("2023-05-30", date(2023, 5, 30)),
        ("2023-05-30T00:00:00+02:00", date(2023, 5, 30)),
        ("2023-05-30 00:00:00-04:00", date(2023, 5, 30)),
        ("2023-05-30T00:00:00+0530", date(2023, 5, 30)),
        ("2023-05-30T00:00:00Z", date(2023, 5, 30)),
    ],
)
def test_a_daily_bar_has_the_date_of_its_stamp_in_the_zone_given(tmp_path: Path, stamp: str, day: date) -> None:
    (tmp_path / "SPY_1d.csv").write_text(HEADER + f"{stamp},1,1,1,1,\n")
    whole = ask(SPY, Timeframe.D1, datetime(2023, 5, 1, tzinfo=UTC), datetime(2023, 6, 30, tzinfo=UTC))
    [candle] = FilesVendor(tmp_path).fetch(whole).candles.itertuples()
    assert candle.ts == datetime(day.year, day.month, day.day, tzinfo=UTC)


def test_a_daily_bar_of_a_zoned_column_has_its_local_date(tmp_path: Path) -> None:
    local = pd.to_datetime(["2023-05-30", "2023-05-31"]).tz_localize("Europe/Berlin")
    pd.DataFrame({"ts": local, **dict.fromkeys(("open", "high", "low", "close"), 1.0)}).to_parquet(
        tmp_path / "SPY_1d.parquet"
    )
    whole = ask(SPY, Timeframe.D1, datetime(2023, 5, 1, tzinfo=UTC), datetime(2023, 6, 30, tzinfo=UTC))
    opens = FilesVendor(tmp_path).fetch(whole).candles["ts"].tolist()
    assert opens == [datetime(2023, 5, 30, tzinfo=UTC), datetime(2023, 5, 31, tzinfo=UTC)]


def test_a_daily_stamp_that_is_no_midnight_is_refused(tmp_path: Path) -> None:
    (tmp_path / "SPY_1d.csv").write_text(HEADER + "2023-05-30,1,1,1,1,\n2023-05-30T22:00:00Z,1,1,1,1,\n")
    whole = ask(SPY, Timeframe.D1, datetime(2023, 5, 1, tzinfo=UTC), datetime(2023, 6, 30, tzinfo=UTC))
    with pytest.raises(BadFile, match=r"line 3, column 'ts': '2023-05-30T22:00:00Z' is not a midnight in its zone"):
        FilesVendor(tmp_path).fetch(whole)


def test_parquet_reads_as_csv_does(tmp_path: Path) -> None:
    text = HEADER + "2026-03-02T10:00:00Z,1.1,1.3,1.0,1.2,\n2026-03-02T10:01:00+00:00,1.2,1.2,1.1,1.1,5\n"
    (tmp_path / "EUR-USD_1m.csv").write_text(text)
    from_csv = FilesVendor(tmp_path).fetch(minutes_of_a_day()).candles
    (tmp_path / "EUR-USD_1m.csv").unlink()
    from_csv.to_parquet(tmp_path / "EUR-USD_1m.parquet")
    from_parquet = FilesVendor(tmp_path).fetch(minutes_of_a_day()).candles
    pd.testing.assert_frame_equal(from_csv, from_parquet)
    assert list(from_csv.columns) == COLUMNS
    assert from_csv["ts"].dtype == TS_DTYPE
    assert from_csv["volume"].isna().tolist() == [True, False]


def test_the_window_is_half_open_and_order_and_duplicates_stay_the_files(tmp_path: Path) -> None:
    stamps = ["2026-03-03T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-02T09:00:00+09:00", "2026-03-01T23:59:00Z"]
    rows = [f"{stamp},{price},2,1,{price},0\n" for stamp, price in zip(stamps, (1.1, 1.2, 1.3, 1.4), strict=True)]
    (tmp_path / "EUR-USD_1m.csv").write_text(HEADER + "".join(rows))
    candles = FilesVendor(tmp_path).fetch(minutes_of_a_day()).candles
    assert candles["ts"].tolist() == [datetime(2026, 3, 2, tzinfo=UTC)] * 2
    assert candles["open"].tolist() == [1.2, 1.3]


def test_many_rows_of_one_instant_keep_their_order(tmp_path: Path) -> None:
    rows = [f"2026-03-02T10:0{9 - i % 10}:00Z,{i},1,1,1,\n" for i in range(500)]
    (tmp_path / "EUR-USD_1m.csv").write_text(HEADER + "".join(rows))
    candles = FilesVendor(tmp_path).fetch(minutes_of_a_day()).candles
    assert candles["ts"].is_monotonic_increasing
    assert candles["open"].tolist() == [float(i) for minute in range(10) for i in range(9 - minute, 500, 10)]


def test_impossible_prices_are_served_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "EUR-USD_1m.csv").write_text(HEADER + "2026-03-02T10:00:00Z,-1,0,5,,\n")
    (candle,) = FilesVendor(tmp_path).fetch(minutes_of_a_day()).candles.itertuples()
    assert (candle.open, candle.high, candle.low) == (-1.0, 0.0, 5.0)
    assert pd.isna(candle.close)


def test_volume_may_be_absent_and_other_columns_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "EUR-USD_1m.csv").write_text("low,note,ts,open,close,high\n1,x,2026-03-02T10:00:00Z,2,3,4\n")
    (candle,) = FilesVendor(tmp_path).fetch(minutes_of_a_day()).candles.itertuples()
    assert (candle.open, candle.high, candle.low, candle.close) == (2.0, 4.0, 1.0, 3.0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ts,open,high,low\n", r"line 1: no column 'close'"),
        (
            HEADER + "2026-03-02T10:00:00Z,1,1,1,1,\n2026-03-02T10:01:00Z,1,x,1,1,\n",
            r"line 3, column 'high': 'x' is no",
        ),
        (HEADER + "\n\n2026-03-02T10:00:00Z,1,1,1,1,\n\n2026-03-02T10:01:00Z,1,1,True,1,\n", r"line 6, column 'low'"),
        (HEADER + "2026-03-02T10:00:00Z,1,1,1,1,many\n", r"line 2, column 'volume': 'many'"),
        (HEADER + "2026-03-02T10:00:00,1,1,1,1,\n", r"line 2, column 'ts': '2026-03-02T10:00:00' has no time zone"),
        (HEADER + "2026-03-02,1,1,1,1,\n", r"line 2, column 'ts': '2026-03-02' has no time zone"),
        (HEADER + "2026-13-02T10:00:00Z,1,1,1,1,\n", r"line 2, column 'ts': '2026-13-02T10:00:00Z' is not an instant"),
        (HEADER + ",1,1,1,1,\n", r"line 2, column 'ts': '' is not an instant"),
        (HEADER + "2026-03-02T10:00:00Z,1,1,1,1,1,1,1\n", r"can't be read as CSV"),
        ("", r"can't be read as CSV"),
    ],
)
def test_broken_csv(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "EUR-USD_1m.csv").write_text(text)
    with pytest.raises(BadFile, match=why) as caught:
        FilesVendor(tmp_path).fetch(minutes_of_a_day())
    assert str(tmp_path / "EUR-USD_1m.csv") in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "EUR-USD_1m.csv").write_bytes(HEADER.encode() + b"\xff\xfe\x00,1,1,1,1,\n")
    with pytest.raises(BadFile):
        FilesVendor(tmp_path).fetch(minutes_of_a_day())


def test_broken_parquet(tmp_path: Path) -> None:
    path = tmp_path / "EUR-USD_1m.parquet"
    path.write_bytes(b"PAR1 but not really")
    with pytest.raises(BadFile, match="can't be read as Parquet"):
        FilesVendor(tmp_path).fetch(minutes_of_a_day())
    naive = {"ts": pd.to_datetime(["2026-03-02T10:00"]), "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0]}
    pd.DataFrame(naive).to_parquet(path)
    with pytest.raises(BadFile, match=r"row 1, column 'ts': .* has no time zone"):
        FilesVendor(tmp_path).fetch(minutes_of_a_day())


def test_a_folder_says_how_many_files_it_has(tmp_path: Path) -> None:
    with pytest.raises(BadFile):
        FilesVendor(tmp_path).check()
    (tmp_path / "EUR-USD_1m.csv").write_text(HEADER)
    assert "1" in FilesVendor(tmp_path).check()


def test_a_missing_file_is_named_with_its_folder(tmp_path: Path) -> None:
    vendor = FilesVendor(tmp_path)
    assert vendor.unavailable_reason(EURUSD, Timeframe.M1, date(2026, 3, 2))
    with pytest.raises(Unavailable, match=r"no EUR-USD_1m\.csv or EUR-USD_1m\.parquet in .*EUR/USD") as caught:
        vendor.fetch(minutes_of_a_day())
    assert str(tmp_path) in str(caught.value)


def test_a_symbol_may_have_a_name_of_its_own_at_files(tmp_path: Path) -> None:
    (tmp_path / "euro_1m.csv").write_text(HEADER + "2026-03-02T10:00:00Z,1,1,1,1,\n")
    euro = Symbol(
        name="EUR/USD",
        calendar="FX",
        instrument=InstrumentType.FOREX,
        tick_size=0.0001,
        currency="USD",
        vendor_symbols={"files": "euro"},
    )
    vendor = FilesVendor(tmp_path)
    assert vendor.unavailable_reason(euro, Timeframe.M1, date(2026, 3, 2)) is None
    assert vendor.unavailable_reason(euro, Timeframe.H1, date(2026, 3, 2))
    assert len(vendor.fetch(minutes_of_a_day(euro)).candles) == 1


def test_a_file_is_parsed_once_and_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "EUR-USD_1m.csv"
    path.write_text(HEADER + "2026-03-02T10:00:00Z,1,1,1,1,\n")
    vendor = FilesVendor(tmp_path)
    for _ in range(3):
        assert vendor.fetch(minutes_of_a_day()).candles["close"].tolist() == [1.0]
    assert vendor._parsed.cache_info().misses == 1
    stat = path.stat()
    path.write_text(HEADER + "2026-03-02T10:00:00Z,1,1,1,2,\n")  # of the same size
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert vendor.fetch(minutes_of_a_day()).candles["close"].tolist() == [2.0]
    vendor.close()
    assert vendor._parsed.cache_info().currsize == 0
