"""Files as people have them: exports of other programs, zones, stamps, and what can't be read in one way only."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.markets.zones import parse_wall_clock
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.vendors.errors import BadFile
from tradematrix_pipelines.vendors.files.client import FilesVendor
from tradematrix_pipelines.vendors.files.options import FileOptions, file_options
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines_tests.vendors.exports import EXPORTS, minutes, spreadsheet, tradingview_iso, write
from tradematrix_pipelines_tests.vendors.test_files import DAX

FIRST, LAST = date(2026, 11, 19), date(2026, 11, 20)
ALL = datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def read(path: Path, timeframe: Timeframe = Timeframe.M1, **options: Any) -> pd.DataFrame:
    """The candles of a file of the DAX, by the options of a folder."""
    if isinstance(zone := options.pop("zone", None), str):
        options["clock"] = parse_wall_clock(zone)
    vendor = FilesVendor(path.parent, FileOptions(**options))
    return vendor.fetch(CandleRequest(symbol=DAX, timeframe=timeframe, start=ALL[0], end=ALL[1])).candles


def refusal(path: Path, timeframe: Timeframe = Timeframe.M1, **options: Any) -> str:
    """Why a file is refused, in one line."""
    with pytest.raises(BadFile) as caught:
        read(path, timeframe, **options)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert len(message.splitlines()) == 1
    return message.removeprefix(str(path))


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_of_other_programs(tmp_path: Path, name: str) -> None:
    candles = minutes("XETR", FIRST, LAST)
    export, zone = EXPORTS[name]
    path = write(tmp_path / "DAX_1m.csv", export(candles))
    pd.testing.assert_frame_equal(read(path, zone=zone)[["ts", *PRICES]], candles[["ts", *PRICES]])


def test_volumes_of_metatrader_are_ticks(tmp_path: Path) -> None:
    path = write(tmp_path / "DAX_1m.csv", EXPORTS["MetaTrader 5"][0](minutes("XETR", LAST, LAST)))
    assert set(read(path, zone="UTC")["volume"]) == {7.0}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("export", [spreadsheet, tradingview_iso])
def test_spreadsheets_and_byte_order_marks(
    tmp_path: Path, export: Callable[[pd.DataFrame], str], encoding: str
) -> None:
    candles = minutes("XETR", FIRST, LAST)
    path = tmp_path / "DAX_1m.csv"
    path.write_text(export(candles), encoding=encoding)
    pd.testing.assert_frame_equal(read(path, zone="Europe/Berlin")[["ts", *PRICES]], candles[["ts", *PRICES]])


ROW = "1,4,0.5,2,9"
EIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "stamp"),
    [
        ("time,open,high,low,close,volume", "1795161600"),
        ("Timestamp,Open,High,Low,Close,Vol", "1795161600000"),
        ("unix,O,H,L,C,V", "1795161600000000"),
        ("DATETIME,OPEN,HIGH,LOW,CLOSE,VOLUME", "2026-11-20 08:00:00"),
        ("datetime, open, high, low, close, volume", "2026/11/20 8:00"),
        ("<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>", "2026.11.20 08:00:00"),
        ("Local time,Open,High,Low,Close,Volume", "20.11.2026 09:00:00.000 GMT+0100"),
        ("Date,Time,Open,High,Low,Close,Volume", "20261120,080000"),
        ("Date,Time,Open,High,Low,Close,Volume", "11/20/2026,08:00"),
        ("Date,Open,High,Low,Close,Volume", "2026-11-20T03:00:00-05:00"),
        ("Date,Open,High,Low,Close,Volume", "2026-11-20 09:00:00+01"),
        ("Date,Open,High,Low,Close,Volume", "2026-11-20 08:00:00 UTC"),
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_names_and_forms_of_times(tmp_path: Path, header: str, stamp: str, separator: str) -> None:
    text = f"{header}\n{stamp},{ROW}\n".replace(",", separator)
    [row] = read(write(tmp_path / "DAX_1m.csv", text), zone="UTC").to_numpy().tolist()
    assert row == [EIGHT, 1.0, 4.0, 0.5, 2.0, 9.0]


def test_the_zone_of_a_symbol_comes_before_the_zone_that_a_format_documents_and_that_before_the_folders(
    tmp_path: Path,
) -> None:
    export, _ = EXPORTS["HistData"]
    path = write(tmp_path / "DAX_1m.csv", export(minutes("XETR", LAST, LAST)))
    assert read(path, zone="Europe/Berlin")["ts"].iloc[0] == EIGHT
    own = file_options(load_settings({"TRADEMATRIX_FILES_ZONE": "Europe/Berlin, DAX = America/New_York+7"}))
    vendor = FilesVendor(tmp_path, own)
    request = CandleRequest(symbol=DAX, timeframe=Timeframe.M1, start=ALL[0], end=ALL[1])
    assert vendor.fetch(request).candles["ts"].iloc[0] == EIGHT - timedelta(hours=7)


def test_the_zone_of_a_file_may_be_summer_time_in_one_week_and_not_in_the_next(tmp_path: Path) -> None:
    """Europe's clocks change on 2026-03-29, New York's and those of most brokers on 2026-03-08."""
    candles = minutes("XETR", date(2026, 3, 2), date(2026, 4, 1))
    export, _ = EXPORTS["MetaTrader 4"]
    path = write(tmp_path / "DAX_1m.csv", export(candles))
    assert read(path, zone="America/New_York+7")["ts"].tolist() == candles["ts"].tolist()
    path = write(tmp_path / "berlin" / "DAX_1m.csv", spreadsheet(candles))
    assert read(path, zone="Europe/Berlin")["ts"].tolist() == candles["ts"].tolist()
    assert read(path, zone="Etc/GMT-1")["ts"].tolist() != candles["ts"].tolist()


@pytest.mark.parametrize(
    ("stamp", "zone", "says"),
    [
        ("2026-03-29 02:30", "Europe/Berlin", "is skipped by a clock in Europe/Berlin, where daylight saving begins"),
        ("2026-10-25 02:30", "Europe/Berlin", "is shown twice by a clock in Europe/Berlin, where daylight saving ends"),
        ("2026-03-08 09:30", "America/New_York+7", "is skipped by a clock in America/New_York+7"),
        ("2026-11-01 08:30", "America/New_York+7", "is shown twice by a clock in America/New_York+7"),
    ],
)
def test_a_local_time_that_a_clock_skips_or_shows_twice_is_refused(
    tmp_path: Path, stamp: str, zone: str, says: str
) -> None:
    path = write(tmp_path / "DAX_1m.csv", f"time,open,high,low,close\n2026-01-05 08:00,1,1,1,1\n{stamp},1,1,1,1\n")
    assert f": line 3, column 'time': '{stamp}' {says}" in refusal(path, zone=zone)
    assert len(read(path, zone="UTC")) == 2


def test_stamps_may_be_closes(tmp_path: Path) -> None:
    candles = minutes("XETR", LAST, LAST)
    path = write(tmp_path / "DAX_1m.csv", tradingview_iso(candles.assign(ts=candles["ts"] + pd.Timedelta("1min"))))
    assert read(path, stamps="close")["ts"].tolist() == candles["ts"].tolist()
    days = write(tmp_path / "DAX_1d.csv", "Date,Open,High,Low,Close\n2026-11-20,1,1,1,1\n")
    assert read(days, Timeframe.D1, stamps="close")["ts"].tolist() == [datetime(2026, 11, 20, tzinfo=UTC)]


@pytest.mark.parametrize("stamp", ["2026-11-20", "20261120", "2026.11.20", "20.11.2026", "11/20/2026", "1795132800"])
def test_daily_bars_need_no_zone(tmp_path: Path, stamp: str) -> None:
    path = write(tmp_path / "DAX_1d.csv", f"Date,Open,High,Low,Close,Volume\n{stamp},{ROW}\n")
    assert read(path, Timeframe.D1)["ts"].tolist() == [datetime(2026, 11, 20, tzinfo=UTC)]


def test_a_daily_unix_time_that_is_the_open_of_a_session_needs_the_zone_in_which_it_is_midnight(tmp_path: Path) -> None:
    path = write(tmp_path / "DAX_1d.csv", "time,open,high,low,close\n1795129200,1,1,1,1\n")  # midnight in Berlin
    assert "is not a midnight in its zone" in refusal(path, Timeframe.D1)
    assert read(path, Timeframe.D1, zone="Europe/Berlin")["ts"].tolist() == [datetime(2026, 11, 20, tzinfo=UTC)]


def test_whether_day_or_month_comes_first_is_what_the_rows_show_and_else_an_option(tmp_path: Path) -> None:
    head = "Date,Open,High,Low,Close\n"
    path = write(tmp_path / "DAX_1d.csv", head + "03.04.2026,1,1,1,1\n04.04.2026,1,1,1,1\n")
    assert refusal(path, Timeframe.D1) == (
        ": line 2, column 'Date': '03.04.2026' may have the day or the month first: "
        "set TRADEMATRIX_FILES_DATES to day or month"
    )
    assert read(path, Timeframe.D1, dates="day")["ts"].iloc[0] == datetime(2026, 4, 3, tzinfo=UTC)
    assert read(path, Timeframe.D1, dates="month")["ts"].iloc[0] == datetime(2026, 3, 4, tzinfo=UTC)
    path = write(tmp_path / "shown" / "DAX_1d.csv", head + "03/04/2026,1,1,1,1\n03/16/2026,1,1,1,1\n")
    assert read(path, Timeframe.D1)["ts"].iloc[0] == datetime(2026, 3, 4, tzinfo=UTC)
    assert "has the month first, and TRADEMATRIX_FILES_DATES is day" in refusal(path, Timeframe.D1, dates="day")
    path = write(tmp_path / "mixed" / "DAX_1d.csv", head + "16/04/2026,1,1,1,1\n04/17/2026,1,1,1,1\n")
    assert "line 3, column 'Date': '04/17/2026' has the month first, and other" in refusal(path, Timeframe.D1)


HEAD = "time,open,high,low,close,volume\n"
OK = "2026-11-20T08:00:00Z,1,1,1,1,\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "can't be read as CSV: it is empty"),
        ("\n \n", "can't be read as CSV: it is empty"),
        ("# only\n# comments\n", "can't be read as CSV: it is empty"),
        ("\0\1\2PNG" * 100, "can't be read as CSV: it is no text"),
        (HEAD + "2026-11-20T08:00:00,1,1,1,1,\n", "line 2, column 'time': '2026-11-20T08:00:00' has no time zone: set"),
        (
            HEAD + OK + "2026-11-20 08:01,1,1,1,1,\n",
            "line 3, column 'time': '2026-11-20 08:01' has no time zone, and o",
        ),
        (HEAD + OK + "2026-11-20 08:00:00 soon,1,1,1,1,\n", "line 3, column 'time'"),
        (HEAD + "# two\n\n" + OK + "2026-11-20T08:01:00Z,1,N/A,1,1,\n", "line 5, column 'high': 'N/A' is not a number"),
        (HEAD + OK + "1795161660,1,1,1,1,\n", "line 3, column 'time': '1795161660' is not an instant"),
        (HEAD + "1795161600,1,1,1,1,\n1795161660000,1,1,1,1,\n", "'1795161660000' is not unix time in s, as the first"),
        ("Date;Open;High;Low;Close\n2026-11-20T08:00:00Z;1,5;2,5;1,5;1.000,5\n", "column 'Close': '1.000,5' is not a"),
        ("Date;Open;High;Low;Close\n2026-11-20T08:00:00Z;1,5;2,5;1,5;1.000\n", "column 'Close': '1.000' is not a"),
        ("datetime,date,open,high,low,close\n", "columns 'date' and 'datetime' may both be 'ts'"),
        ("time,open,high,low,close,Close\n", "columns 'close' and 'Close' may both be 'close'"),
        (
            "time,open,high,low,last\n",
            "no column 'close'; a file of candles has ts, open, high, low, close, volume; this",
        ),
        (",".join(f"c{n}" for n in range(100)) + "\n", "this one has c0, c1, c2"),
        ("2026-11-20T08:00:00Z,1,1,1,1,\n", "line 1 has no names of columns"),
        ("<html><body>no prices here</body></html>\n", "no column 'ts'"),
    ],
)
def test_what_can_not_be_read_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    assert says in refusal(write(tmp_path / "DAX_1m.csv", text))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_folder_with_the_name_of_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"DAX_1m{suffix}"
    path.mkdir()
    assert "is a folder, not a file" in refusal(path)


def test_a_header_alone_is_no_candle(tmp_path: Path) -> None:
    assert read(write(tmp_path / "DAX_1m.csv", HEAD)).empty


def test_parquet_may_have_local_times_and_names_of_others(tmp_path: Path) -> None:
    local = pd.DatetimeIndex(["2026-11-20 09:00"], name="Date")
    pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), 1.0), index=local).to_parquet(
        tmp_path / "DAX_1m.parquet"
    )
    assert "has no time zone" in refusal(tmp_path / "DAX_1m.parquet")
    assert read(tmp_path / "DAX_1m.parquet", zone="Europe/Berlin")["ts"].tolist() == [EIGHT]
