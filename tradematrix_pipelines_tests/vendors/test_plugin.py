"""The vendor of docs/how-to/add-a-vendor.md, installed as a package, brings in a session from a real database."""

import math
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine

from tradematrix_pipelines.candles.coverage import Status
from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.postgres.embedded import ServerLease
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.vendors.credits import NoLedger
from tradematrix_pipelines.vendors.registry import open_vendors, vendor_names
from tradematrix_pipelines_tests.quality.hand_made import walk

DOCUMENT = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-vendor.md"
TABLE = Path(__file__).parents[2] / "docs" / "reference" / "vendors.md"
NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)
DAX = DEFAULT_SYMBOLS[0]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [code] = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    [toml] = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(code.splitlines()) + len(toml.splitlines()) < 60
    (tmp_path / "desk_candles.py").write_text(code)
    info = tmp_path / "desk_candles-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: desk-candles\nVersion: 1.0\n")
    group, point = re.search(r'entry-points\."(.+?)"\]\n(.*)', toml, re.DOTALL).groups()  # type: ignore[union-attr]  # it is there
    (info / "entry_points.txt").write_text(f"[{group}]\n{point.replace(chr(34), '')}")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture
def desk_url(postgres: ServerLease, tmp_path: Path) -> str:
    """A third-party database with the minutes of a session."""
    url = postgres.url("postgres").set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    minutes = walk(bars=510, start=24_000.0)
    minutes = minutes.assign(ts=pd.date_range("2026-11-20T08:00Z", periods=510, freq="1min"), volume=None, symbol="DAX")
    minutes.to_sql("candles", engine, index=False, if_exists="replace")
    engine.dispose()
    (tmp_path / "desk.url").write_text(url.render_as_string(hide_password=False))
    return str(tmp_path)


@pytest.mark.usefixtures("installed")
def test_it_is_opened_by_its_name_and_serves(desk_url: str) -> None:
    assert "desk" in vendor_names()
    settings = load_settings({"TRADEMATRIX_VENDOR": "desk", "TRADEMATRIX_HOME": desk_url})
    day = date(2026, 11, 20)
    wanted = Wanted(
        symbol=DAX, dates=dict.fromkeys(Timeframe, frozenset([day])), stored={},
        read=lambda timeframe, start, end: empty_candles(),
    )  # fmt: skip
    with open_vendors(settings, ledger=NoLedger()) as vendors:
        assert vendors[0].check() == "desk: 510 candles"
        batches = [b for group in ingest(vendors, wanted, calendar=get_calendar("XETR"), now=NOW) for b in group]
    assert {(c.status, c.source) for batch in batches for c in batch.coverage} == {(Status.COMPLETE, "desk")}
    assert {batch.timeframe: len(batch.candles) for batch in batches} == {
        timeframe: math.ceil(510 / (timeframe.minutes or 510)) for timeframe in Timeframe
    }


def test_the_document_names_every_vendor_there_is() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", TABLE.read_text(), re.MULTILINE))
    assert documented == set(vendor_names())
