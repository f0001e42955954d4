"""``tradematrix files check`` as it is typed, and what it says to type next: files of others become sessions."""

import json
import shlex
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.markets.zones import parse_wall_clock
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines_tests.vendors.exports import EXPORTS, minutes, spreadsheet, tradingview, write

Run = Callable[..., Result]
FIRST, LAST = date(2026, 11, 9), date(2026, 11, 20)


@pytest.fixture
def check(settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """What ``files check --json`` says of a folder, where there is no database."""
    del settings
    monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    def checked(folder: Path, code: int = 0) -> list[dict[str, Any]]:
        result = run("files", "check", str(folder), "--json")
        assert result.exit_code == code, result.output
        rows: list[dict[str, Any]] = json.loads(result.stdout)
        return rows

    return checked


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_of_another_program_is_checked_and_backfilled_as_the_check_says(
    run: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    candles = minutes("XETR", FIRST, LAST)
    export, _ = EXPORTS[name]
    folder = write(tmp_path / "own" / "DAX_1m.csv", export(candles)).parent
    result = run("files", "check", str(folder))
    assert result.exit_code == 0, result.output
    header, values = (line.split("\t") for line in result.stdout.splitlines()[:2])
    row = dict(zip(header, values, strict=True))
    assert (row["format"], row["series"], row["rows"]) == (name, "DAX 1m", "5100")
    assert (row["calendar"], row["stamps"], row["inside"], row["complete"]) == ("XETR", "open", "100.0%", "10 of 10")
    assert (row["duplicates"], row["unsorted"], row["rejected"], row["tolerance"]) == ("0", "0", "0", "-")

    monkeypatch.chdir(tmp_path)
    lines = [line.strip() for line in result.stderr.splitlines()]
    [exports] = [line.removeprefix("export ") for line in lines if line.startswith("export ")]
    for variable, _, value in (pair.partition("=") for pair in shlex.split(exports)):
        monkeypatch.setenv(variable, value)
    [backfill] = [line for line in lines if line.startswith("tradematrix backfill")]
    assert backfill == "tradematrix backfill DAX --from 2026-11-09 --to 2026-11-20"
    done = run(*shlex.split(backfill)[1:])
    assert done.exit_code == 0, done.output
    with Database.open(settings) as database, database.engine.connect() as connection:
        stored = pd.DataFrame(
            map(
                tuple,
                connection.execute(
                    text(f"SELECT ts, {', '.join(PRICES)} FROM ohlc WHERE timeframe = '1m' ORDER BY ts")
                ),
            ),
            columns=["ts", *PRICES],
        )
        statuses = connection.execute(
            text("SELECT timeframe::text, count(*) FROM session_coverage WHERE status = 'complete' GROUP BY 1")
        )
        assert dict(map(tuple, statuses)) == dict.fromkeys(("1m", "5m", "15m", "1h", "1d"), 10)
    assert stored[PRICES].to_numpy().tolist() == candles[PRICES].to_numpy().tolist()
    assert pd.to_datetime(stored["ts"], utc=True).tolist() == candles["ts"].tolist()


def test_other_names_and_symbols_come_with_the_commands_for_them(check: Callable[..., Any], tmp_path: Path) -> None:
    histdata, _ = EXPORTS["HistData"]
    pair = minutes("FX", date(2026, 10, 12), LAST, start=1_000.0)
    gappy = pair.drop(index=[index for index in range(200, len(pair), 700) for index in range(index, index + 12)])
    path = write(tmp_path / "DAT_ASCII_GBPUSD_M1_2026.txt", histdata(gappy))
    [row] = check(tmp_path)
    assert (row["series"], row["zone"], row["calendar"], row["tolerance"]) == ("GBP/USD 1m", "Etc/GMT+5", "FX", 15)
    assert row["next"] == [
        f"mv -n {path} {tmp_path / 'GBP-USD_1m.csv'}",
        "tradematrix symbols add GBP/USD --no-lookup",
        "tradematrix backfill GBP/USD --from 2026-10-12 --to 2026-11-20",
    ]


@pytest.mark.parametrize(
    ("calendar", "zone"),
    [("XETR", "Europe/Berlin"), ("XNYS", "America/New_York"), ("FX", "America/New_York+7"), ("US500", "UTC")],
)
def test_zone_and_calendar_are_guessed_by_the_edges_of_sessions_in_weeks_in_which_clocks_change(
    check: Callable[..., Any], tmp_path: Path, calendar: str, zone: str
) -> None:
    candles = minutes(calendar, date(2026, 3, 2), date(2026, 4, 2))
    clock = parse_wall_clock(zone)
    local = candles["ts"].dt.tz_convert(clock.zone).dt.tz_localize(None) + pd.Timedelta(hours=clock.ahead)
    candles.assign(time=local.dt.strftime("%Y-%m-%d %H:%M")).drop(columns="ts").to_csv(
        tmp_path / "X_1m.csv", index=False
    )
    [row] = check(tmp_path)
    assert (row["calendar"], row["zone"], row["inside"], row["stamps"]) == (calendar, f"{zone}?", "100.0%", "open")
    assert row["detail"] == f"its times have no zone: {zone} fits best"


def test_zones_that_fit_as_well_are_named(check: Callable[..., Any], tmp_path: Path) -> None:
    """In November, Athens is seven hours ahead of New York."""
    export, _ = EXPORTS["MetaTrader 4"]
    write(tmp_path / "DAX_1m.csv", export(minutes("XETR", FIRST, LAST)))
    [row] = check(tmp_path)
    assert row["detail"] == "its times have no zone: America/New_York+7 fits best, as well as Europe/Athens"


def test_a_round_the_clock_market_does_not_show_its_zone(run: Run, check: Callable[..., Any], tmp_path: Path) -> None:
    export, _ = EXPORTS["MetaTrader 4"]
    write(tmp_path / "BTC-USD_1m.csv", export(minutes("24/7", date(2026, 11, 16), LAST)))
    [row] = check(tmp_path)
    assert (row["zone"], row["calendar"]) == ("?", "24/7")
    assert row["detail"] == "its times have no zone, and nothing shows which: ask its source"
    steps = run("files", "check", str(tmp_path)).stderr
    assert "TRADEMATRIX_FILES_ZONE='?'" in steps
    assert "TRADEMATRIX_WEEKENDS=1" in steps


def test_stamps_at_the_end_are_noticed(run: Run, check: Callable[..., Any], tmp_path: Path) -> None:
    candles = minutes("XETR", FIRST, LAST)
    write(tmp_path / "DAX_1m.csv", tradingview(candles.assign(ts=candles["ts"] + pd.Timedelta("1min"))))
    [row] = check(tmp_path)
    assert (row["stamps"], row["complete"], row["first"]) == ("close", "10 of 10", "2026-11-09T08:00:00+00:00")
    assert "TRADEMATRIX_FILES_STAMPS=close" in run("files", "check", str(tmp_path)).stderr


def test_a_zone_that_is_set_wrong_is_noticed(
    check: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "DAX_1m.csv", spreadsheet(minutes("XETR", FIRST, LAST)))
    monkeypatch.setenv("TRADEMATRIX_FILES_ZONE", "UTC")
    [row] = check(tmp_path)
    assert row["zone"] == "UTC"
    assert row["detail"].startswith("the bars fit one hour earlier: 9 of 9 pauses of the market")


def test_faults_are_counted(check: Callable[..., Any], tmp_path: Path) -> None:
    head, *rows = tradingview(minutes("XETR", FIRST, LAST)).splitlines()
    rows[10], rows[11] = rows[11], rows[10]
    rows.append(rows[20])
    rows.append(rows[30].replace(",24", ",25"))
    write(tmp_path / "DAX_1m.csv", "\n".join([head, *rows]) + "\n")
    [row] = check(tmp_path)
    assert (row["rows"], row["duplicates"], row["unsorted"], row["rejected"]) == (5102, 1, 2, 2)
    assert row["detail"].startswith("2 rows have the time of another row and other values; 2 rejected: another bar")
    assert row["complete"] == "9 of 10"


def test_daily_files_have_a_calendar_and_no_zone(check: Callable[..., Any], tmp_path: Path) -> None:
    days = pd.date_range("2026-01-02", "2026-11-20", freq="B")
    rows = "".join(
        f"{day:%Y-%m-%d},1,1,1,1,5\n" for day in days if (day.month, day.day) not in {(4, 3), (4, 6), (5, 1)}
    )
    write(tmp_path / "DAX.csv", f"Date,Open,High,Low,Close,Volume\n{rows}")
    [row] = check(tmp_path)
    assert (row["series"], row["calendar"], row["zone"]) == ("DAX 1d", "XETR", None)
    assert row["next"][0] == f"mv -n {tmp_path / 'DAX.csv'} {tmp_path / 'DAX_1d.csv'}"


def test_broken_files_have_one_clear_line_each(check: Callable[..., Any], tmp_path: Path) -> None:
    head = "time,open,high,low,close\n"
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "parquet.parquet").write_bytes(b"PAR1 but not really")
    texts = {
        "empty": "",
        "header": head,
        "columns": ",".join(f"c{number}" for number in range(100)) + "\n" + ",".join("1" * 100) + "\n",
        "zones": head + "2026-11-20T08:00:00Z,1,1,1,1\n2026-11-20 08:01,1,1,1,1\n",
        "texts": head + "2026-11-20T08:00:00Z,1,null,1,1\n",
        "order": head + "03.04.2026 08:00,1,1,1,1\n",
        "halves": head + "".join(f"2026-11-20T{8 + n // 2:02}:{n % 2 * 3}0:00Z,1,1,1,1\n" for n in range(10)),
        "one": head + "2026-11-20T08:00:00Z,1,1,1,1\n",
    }
    for name, content in texts.items():
        write(tmp_path / f"{name}.csv", content)
    details = {row["file"].partition(".")[0]: row["detail"] for row in check(tmp_path, code=1)}
    says = {
        "folder": "is a folder, not a file",
        "binary": "it is no text",
        "parquet": "can't be read as Parquet",
        "empty": "it is empty",
        "header": "has a first line with names, and no rows",
        "columns": "line 1: no column 'ts'",
        "zones": "line 3, column 'time': '2026-11-20 08:01' has no time zone, and other rows have one",
        "texts": "line 2, column 'high': 'null' is not a number",
        "order": "set TRADEMATRIX_FILES_DATES to day or month",
        "halves": "has bars that are 30 minutes apart",
        "one": "has one row, which does not show its timeframe",
    }
    assert details.keys() == says.keys()
    for name, detail in details.items():
        assert says[name] in detail
        assert len(detail.splitlines()) == 1


def test_a_folder_that_is_none_or_has_none_is_bad_usage(run: Run, settings: Settings, tmp_path: Path) -> None:
    del settings
    for folder, says in ((tmp_path / "nowhere", "is not a folder"), (tmp_path, "no CSV or Parquet file in")):
        result = run("files", "check", str(folder))
        assert (result.exit_code, says in result.output) == (2, True)


@pytest.fixture
def one_symbol(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files as the vendor, with one of the DAX alone."""
    del settings
    folder = write(tmp_path / "own" / "DAX_1m.csv", tradingview(minutes("XETR", LAST, LAST))).parent
    monkeypatch.setenv("TRADEMATRIX_VENDOR", "files")
    monkeypatch.setenv("TRADEMATRIX_FILES_DIR", str(folder))
    return folder


def test_a_missing_file_is_said_once_a_series(run: Run, one_symbol: Path) -> None:
    result = run("backfill", "NDX", "--from", "2026-11-16", "--to", "2026-11-20", "--timeframe", "1m")
    assert result.exit_code == 1
    missing = f"files has no 1m bars of its own: no NDX_1m.csv or NDX_1m.parquet in {one_symbol}"
    lines = [line for line in result.output.splitlines() if line.startswith(("failed", "…"))]
    assert lines == [f"failed: ohlc_1m 2026-11-16|NDX and 4 more: {missing}"]


def test_the_doctor_names_symbols_without_a_file_and_fails_for_none_of_them(run: Run, one_symbol: Path) -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 0, result.output
    parts = {row["part"]: row for row in json.loads(result.stdout)}
    assert parts["DAX"]["state"] == parts["files"]["state"] == "ok"
    assert parts["files"]["detail"].startswith("no file of NDX, DJI, EUR/USD, XAG/USD: ")
    assert not {"NDX", "DJI", "EUR/USD", "XAG/USD"} & parts.keys()
    (one_symbol / "DAX_1m.csv").rename(one_symbol / "other.csv")
    result = run("doctor", "--json")
    assert result.exit_code == 1
    assert "no active symbol has a file: `tradematrix files check" in result.output
