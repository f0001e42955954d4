"""A hostile vendor, from its bytes to the tables: docs/reference/faults.md has the expected outcomes."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.credits import CreditLedger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.vendors.credits import PLANS
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.twelve_data import TwelveData, client
from tradematrix_pipelines_tests.vendors.hostile import BEHAVIOURS, KEY, Hostile

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)
TABLE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"
TWICE = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.02, jitter=0.0)
DEADLINE = 4.0


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    behaviour: str
    state: str
    stored: int
    rejected: int
    calls: int


def lines() -> Iterator[Line]:
    section = TABLE.read_text().partition("## A vendor that lies")[2]
    for row in re.findall(r"^\| (.+) \|$", section, re.MULTILINE):
        behaviour, state, *numbers = (cell.strip() for cell in row.split("|")[:5])
        if behaviour in BEHAVIOURS:
            yield Line(behaviour, state, *map(int, numbers))


def test_the_table_has_every_behaviour() -> None:
    assert [line.behaviour for line in lines()] == list(BEHAVIOURS)


@pytest.fixture(autouse=True)
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SERIES_BOUNDS", replace(client.SERIES_BOUNDS, timeout=2.0, deadline=DEADLINE))


@pytest.mark.parametrize("line", list(lines()), ids=lambda line: line.behaviour)
def test_every_lie_ends_as_the_table_says(database: Database, line: Line) -> None:
    [dax] = find_symbols(database.engine, ["DAX"])
    clock = FrozenClock(NOW)
    ledger = CreditLedger(engine=database.engine, plans={"twelve_data": PLANS["basic"]}, clock=clock)
    wanted = Wanted(
        symbol=dax, dates={Timeframe.M1: frozenset([DAY])}, stored={},
        read=lambda timeframe, start, end: database.candles.series(dax, timeframe, start, end),
    )  # fmt: skip
    with Hostile(line.behaviour) as server:
        vendor = TwelveData(base_url=server.url, key=KEY, ledger=ledger, clock=clock, retry_policy=TWICE)
        began = time.monotonic()
        for batches in ingest([vendor], wanted, calendar=get_calendar("XETR"), now=NOW):
            write(database.engine, batches, now=NOW)
        took = time.monotonic() - began
        vendor.close()
        calls = server.calls
    [row] = read_coverage(database.engine, [dax], [Timeframe.M1], DAY, DAY)
    actual = Line(
        line.behaviour, row.coverage.status.value, count(database, "ohlc"), count(database, "rejected_candles"), calls
    )
    assert actual == line, row.coverage.reason()
    assert took < TWICE.attempts * DEADLINE + 8, "no lie takes longer than its deadlines"
    assert ledger.usage("twelve_data", NOW).day_used == calls, "no lie spends credits that were not"
    reason = row.coverage.reason()
    assert reason.isprintable()
    assert len(reason) < 1_000
    assert KEY not in everything_stored(database)


def count(database: Database, table: str) -> int:
    with database.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def everything_stored(database: Database) -> str:
    with database.engine.connect() as connection:
        return str(
            [connection.execute(text(f"SELECT * FROM {name}")).all() for name in inspect(connection).get_table_names()]
        )


HEAVY = ["endless headers", "100 MB of JSON", "gzip bomb", "gzip in gzip", "nested too deeply"]
PROGRAM = """
import re, sys
from datetime import timedelta
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import NoLedger
from tradematrix_pipelines.vendors.errors import VendorError
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data import TwelveData
end = SystemClock().now()
request = CandleRequest(symbol=DEFAULT_SYMBOLS[0], timeframe=Timeframe.M1, start=end - timedelta(hours=9), end=end)
for url in sys.argv[1:]:
    once = RetryPolicy(attempts=1)
    vendor = TwelveData(base_url=url, key="x" * 32, ledger=NoLedger(), clock=SystemClock(), retry_policy=once)
    try:
        vendor.fetch(request)
    except VendorError as error:
        print(type(error).__name__, file=sys.stderr)
    vendor.close()
print(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux reports the peak memory of a process")
def test_no_answer_takes_more_than_300_megabytes() -> None:
    servers = [Hostile(name) for name in HEAVY]
    for server in servers:
        server.__enter__()
    command = [sys.executable, "-c", PROGRAM, *(server.url for server in servers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    for server in servers:
        server.__exit__(None, None, None)
    assert len(done.stderr.split()) >= len(HEAVY), "all of them failed"
    assert int(done.stdout) < 300 * 1024  # kilobytes, with the interpreter and pandas
