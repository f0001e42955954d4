"""``tradematrix export`` as it is typed: files, their manifest, the way back through the vendor, and kill -9."""

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

import tradematrix_pipelines as tm
from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.settings import Settings, child_environment, load_settings
from tradematrix_pipelines.storage.database import Database

FIRST, LAST = "2026-10-29", "2026-11-06"
SESSIONS = {"DAX": 7, "EUR/USD": 7}
KILLED = """
import os, signal, sys
from pathlib import Path
from tradematrix_pipelines.cli.main import main
replace, left = Path.replace, [int(sys.argv.pop(1))]

def dying(self, target):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return replace(self, target)

Path.replace = dying
main()
"""


@pytest.fixture(scope="module")
def market(module_installation: Callable[..., Settings]) -> Settings:
    """An installation with seven sessions of DAX and EUR/USD in two months."""
    settings = module_installation()
    assert typed("backfill", "DAX", "EUR/USD", "--from", FIRST, "--to", LAST).exit_code == 0
    return settings


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def export(folder: Path, *arguments: str) -> dict[str, Any]:
    result = typed("export", "--to", str(folder), "--json", *arguments)
    assert result.exit_code == 0, result.output
    [row] = json.loads(result.stdout)
    assert isinstance(row, dict)
    return row


def manifest(folder: Path) -> list[dict[str, Any]]:
    """Return the files that the manifest lists, each as it should be."""
    files: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text())["files"]
    for file in files:
        assert hashlib.sha256((folder / file["path"]).read_bytes()).hexdigest() == file["sha256"], file["path"]
    return files


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def change(settings: Settings, statement: str) -> None:
    with Database.connect(settings) as database, database.engine.begin() as connection:
        connection.execute(text(statement))


def test_a_file_a_month_and_a_manifest_that_lists_them(market: Settings, tmp_path: Path) -> None:
    summary = export(tmp_path / "out")
    files = manifest(tmp_path / "out")
    assert len(files) == 2 * 5 * 2 == summary["written"]
    assert {Path(file["path"]).parent.as_posix() for file in files} == {
        f"{name}/{timeframe}" for name in ("DAX", "EUR-USD") for timeframe in ("1m", "5m", "15m", "1h", "1d")
    }
    days = next(file for file in files if file["path"].startswith("DAX/1d/2026-11"))
    assert (days["rows"], days["first"], days["last"]) == (5, "2026-11-02T08:00:00+00:00", "2026-11-06T08:00:00+00:00")
    assert days["verdicts"] == {"accepted": 5}
    assert [session["trade_date"] for session in days["sessions"]] == [f"2026-11-0{day}" for day in range(2, 7)]
    frame = pd.read_parquet(tmp_path / "out" / days["path"])
    stored = tm.candles("DAX", "1d", "2026-11-02", "2026-11-06")
    assert list(frame.columns) == ["symbol", "timeframe", *stored.columns[1:]]
    assert frame["close"].tolist() == stored["close"].tolist()
    assert frame["trade_date"].astype("datetime64[ms]").tolist() == stored["trade_date"].tolist()


def test_a_rerun_writes_what_has_changed(market: Settings, tmp_path: Path) -> None:
    export(tmp_path)
    before, stamps = contents(tmp_path), {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    again = export(tmp_path)
    assert (again["written"], again["unchanged"], again["removed"]) == (0, 20, 0)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == stamps
    one = "WHERE timeframe = '1h' AND ts = '2026-11-03 09:00+00' AND symbol_id = 1"
    with Database.connect(market) as database, database.engine.connect() as connection:
        close = connection.execute(text(f"SELECT close FROM ohlc {one}")).scalar_one()
    change(market, f"UPDATE ohlc SET close = low {one}")
    try:
        changed = export(tmp_path)
        assert (changed["written"], changed["unchanged"]) == (1, 19)
        [old], [new] = (set(a) - set(b) for a, b in ((before, contents(tmp_path)), (contents(tmp_path), before)))
        assert old.startswith("DAX/1h/2026-11-")
        assert new.startswith("DAX/1h/2026-11-")
        assert len(manifest(tmp_path)) == 20
    finally:
        change(market, f"UPDATE ohlc SET close = {close!r} {one}")


def test_doubtful_and_incomplete_sessions_only_when_asked_for(market: Settings, tmp_path: Path) -> None:
    doubted = "UPDATE session_coverage SET verdict = '{}' WHERE trade_date = '2026-11-05' AND symbol_id = 1"
    partial = "UPDATE session_coverage SET status = '{}' WHERE trade_date = '2026-11-06' AND symbol_id = 1"
    change(market, doubted.format("doubtful"))
    change(market, partial.format("partial"))
    try:
        hours = ("DAX", "--timeframe", "1h")
        assert export(tmp_path / "a", *hours)["sessions"] == 5
        assert export(tmp_path / "b", *hours, "--include-doubtful")["sessions"] == 6
        whole = export(tmp_path / "c", *hours, "--include-doubtful", "--include-incomplete")
        assert whole["sessions"] == 7
        november = manifest(tmp_path / "c")[1]
        assert november["verdicts"] == {"accepted": 4, "doubtful": 1}
        frame = pd.read_parquet(tmp_path / "c" / november["path"])
        assert set(frame[frame["verdict"] == "doubtful"]["trade_date"].astype(str)) == {"2026-11-05"}
        export(tmp_path / "c", *hours)
        assert sum(len(file["sessions"]) for file in manifest(tmp_path / "c")) == 5
    finally:
        change(market, doubted.format("accepted"))
        change(market, partial.format("complete"))


def test_a_range_adds_to_what_is_exported(market: Settings, tmp_path: Path) -> None:
    first = export(tmp_path, "DAX", "--timeframe", "1h", "--until", "2026-11-03")
    assert first["sessions"] == 4
    assert export(tmp_path, "DAX", "--timeframe", "1h", "--from", "2026-11-05")["sessions"] == 6
    assert export(tmp_path, "EUR/USD", "--timeframe", "1d")["sessions"] == 13
    assert export(tmp_path, "DAX", "--timeframe", "1h")["sessions"] == 14
    whole = tmp_path / "whole"
    export(whole, "DAX", "--timeframe", "1h")
    assert {path: content for path, content in contents(tmp_path).items() if path.startswith("DAX")} == {
        path: content for path, content in contents(whole).items() if path.startswith("DAX")
    }


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_what_is_exported_comes_back_through_the_vendor_files(
    market: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    export(tmp_path / "out", "--format", form)
    names, timeframes = list(SESSIONS), ("1m", "5m", "15m", "1h", "1d")
    before = {
        timeframe: tm.candles(names, timeframe, FIRST, LAST, strict=True, as_="arrow") for timeframe in timeframes
    }
    known = tm.coverage(names, FIRST, LAST)[["symbol", "timeframe", "trade_date", "status", "received", "verdict"]]
    assert market.database_url is not None
    url = market.database_url.get_secret_value()
    name = url.rpartition("/")[2].partition("?")[0]
    monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", url.replace(name, f"{name}_{form}"))
    monkeypatch.setenv("TRADEMATRIX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRADEMATRIX_VENDOR", "files")
    monkeypatch.setenv("TRADEMATRIX_FILES_DIR", str(tmp_path / "out"))
    result = typed("backfill", *names, "--from", FIRST, "--to", LAST)
    assert result.exit_code == 0, result.output
    for timeframe in timeframes:
        after = tm.candles(names, timeframe, FIRST, LAST, strict=True, as_="arrow")
        assert set(after["source"].to_pylist()) == {"files"}
        assert after.drop_columns("source").equals(before[timeframe].drop_columns("source")), timeframe
    columns = list(known.columns)
    pd.testing.assert_frame_equal(tm.coverage(names, FIRST, LAST)[columns], known)


@pytest.mark.system
@pytest.mark.parametrize("renames", [0, 1, 2, 3, 5])
def test_kill_9_leaves_a_manifest_that_is_right(market: Settings, tmp_path: Path, renames: int) -> None:
    """Killed before a file of the first export, its manifest, and the like of the second export, which changes all."""
    out, whole = tmp_path / "out", tmp_path / "whole"
    if renames % 2:
        export(out, "DAX", "--until", "2026-11-03")
    before = contents(out)
    arguments = ("export", "DAX", "--to", str(out))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(renames), *arguments],
        env=child_environment(load_settings()), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    if before or renames > 2:
        files = manifest(out)
        for file in files:
            assert len(pd.read_parquet(out / file["path"])) == file["rows"]
    export(out, "DAX")
    export(whole, "DAX")
    assert contents(out) == contents(whole)


@pytest.mark.parametrize(
    ("prepare", "arguments", "refused"),
    [
        (None, ("GOLD",), (2, "unknown symbol 'GOLD'")),
        (None, ("--from", "2026-11-06", "--until", "2026-11-05"), (2, "is after --until 2026-11-05: swap them")),
        ("csv", (), (2, "has an export as csv: name another folder, or that format")),
        ("{}", (), (1, "is no manifest of an export")),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    market: Settings, tmp_path: Path, prepare: str | None, arguments: tuple[str, ...], refused: tuple[int, str]
) -> None:
    code, says = refused
    if prepare == "csv":
        export(tmp_path, "DAX", "--timeframe", "1d", "--format", "csv")
    elif prepare is not None:
        (tmp_path / "manifest.json").write_text(prepare)
    result = typed("export", *arguments, "--to", str(tmp_path))
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1), result.output
    assert says in result.stderr


def test_the_vendor_notices_a_file_that_is_not_the_exported_one(
    market: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
    from tradematrix_pipelines.markets.timeframes import Timeframe
    from tradematrix_pipelines.vendors.errors import BadFile
    from tradematrix_pipelines.vendors.files.client import FilesVendor
    from tradematrix_pipelines.vendors.protocol import CandleRequest

    export(tmp_path, "DAX", "--timeframe", "1h")
    [october, november] = manifest(tmp_path)
    (tmp_path / november["path"]).write_bytes((tmp_path / october["path"]).read_bytes())
    vendor, day = FilesVendor(tmp_path), pd.Timestamp("2026-10-30", tz="UTC").to_pydatetime()
    dax = DEFAULT_SYMBOLS[0]
    request = CandleRequest(symbol=dax, timeframe=Timeframe.H1, start=day, end=day + pd.Timedelta(days=1))
    assert len(vendor.fetch(request).candles) == 9
    assert vendor.check() == f"files: 2 in {tmp_path}"
    later = CandleRequest(symbol=dax, timeframe=Timeframe.H1, start=day, end=day + pd.Timedelta(days=5))
    with pytest.raises(BadFile, match=r"is not what manifest\.json lists: export again"):
        vendor.fetch(later)
    (tmp_path / november["path"]).unlink()
    with pytest.raises(BadFile, match=r"can't be read .*, and manifest\.json lists it: export again"):
        vendor.fetch(later)
    assert vendor.unavailable_reason(dax, Timeframe.M1, day.date())
    vendor.close()
