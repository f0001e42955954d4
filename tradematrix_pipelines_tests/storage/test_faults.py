"""Every fault of the simulator, from HTTP to the tables: docs/reference/faults.md has the expected outcomes.

The truth is read from a simulator without faults, as JSON, without the client. Two sessions of minutes are fetched in
calls of 400 bars, so that a fault can hit a part of the calls.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.storage.candles import Written, write
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.credits import CreditLedger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.vendors.credits import UNLIMITED, Plan, parse_plan
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.twelve_data import TwelveData

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
DAYS = {"DAX": [date(2026, 11, 19), date(2026, 11, 20)], "EUR/USD": [date(2026, 11, 13), date(2026, 11, 16)]}
QUICK = RetryPolicy(attempts=4, first_wait=0.01, longest_wait=0.02, jitter=0.0)
TABLE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"
Rows = dict[datetime, tuple[float, float, float, float]]


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    faults: list[str]
    symbol: str
    state: str
    stored: int
    rejected: int
    calls: int


def lines() -> Iterator[Line]:
    for row in TABLE.read_text().splitlines():
        if row.startswith("| `"):
            faults, symbol, state, *numbers = (cell.strip() for cell in row.strip("|").split("|")[:6])
            yield Line(re.findall(r"`([^`]+)`", faults), symbol, state, *map(int, numbers))


class SmallCalls(TwelveData):
    """The client, with windows of 400 bars."""

    max_bars = 400


def fetch_and_store(database: Database, simulator: Simulator, symbol: Symbol, plan: Plan = UNLIMITED) -> Written:
    clock = FrozenClock(NOW)
    ledger = CreditLedger(engine=database.engine, plans={"twelve_data": plan}, clock=clock)
    vendor = SmallCalls(base_url=simulator.url, key="any", ledger=ledger, clock=clock, retry_policy=QUICK)
    wanted = Wanted(
        symbol=symbol,
        dates={Timeframe.M1: frozenset(DAYS[symbol.name])},
        stored={},
        read=lambda timeframe, start, end: database.candles.series(symbol, timeframe, start, end),
    )
    written = Written()
    for batches in ingest([vendor], wanted, calendar=get_calendar(symbol.calendar), now=NOW):
        written += write(database.engine, batches, now=NOW)
    vendor.close()
    return written


def truth(symbol: Symbol) -> Rows:
    """The true rows, from a simulator without faults, read as plain JSON."""
    rows: Rows = {}
    with Simulator(clock=FrozenClock(NOW)) as simulator:
        for day in DAYS[symbol.name]:
            session = get_calendar(symbol.calendar).session(day)
            assert session is not None
            answer = httpx.get(
                f"{simulator.url}/time_series",
                params={
                    "symbol": "GDAXI" if symbol.name == "DAX" else symbol.name,
                    "interval": "1min",
                    "start_date": f"{session.opens_at:%Y-%m-%dT%H:%M:%S}",
                    "end_date": f"{session.closes_at:%Y-%m-%dT%H:%M:%S}",
                    "outputsize": "5000",
                    "timezone": "UTC",
                },
                headers={"Authorization": "apikey any"},
            )
            for row in answer.json()["values"]:
                at = datetime.fromisoformat(row["datetime"]).replace(tzinfo=UTC)
                if session.opens_at <= at < session.closes_at:
                    rows[at] = (float(row["open"]), float(row["high"]), float(row["low"]), float(row["close"]))
    return rows


def stored(database: Database, symbol: Symbol) -> Rows:
    with database.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT ts, open, high, low, close FROM ohlc WHERE symbol_id = :id"), {"id": symbol.id}
        )
        return {row.ts: (row.open, row.high, row.low, row.close) for row in rows}


def count(database: Database, table: str) -> int:
    with database.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


@pytest.mark.parametrize("line", list(lines()), ids=lambda line: " ".join(line.faults))
def test_no_fault_stores_a_wrong_row_and_all_end_as_the_table_says(database: Database, line: Line) -> None:
    [symbol] = find_symbols(database.engine, [line.symbol])
    if "etf_dax" in line.faults:
        symbol = replace(symbol, vendor_symbols={})
    plans = [fault.removeprefix("plan=") for fault in line.faults if fault.startswith("plan=")]
    faults = [fault for fault in line.faults if fault != "none" and not fault.startswith("plan=")]
    plan = parse_plan(plans[0] if plans else "unlimited")
    with Simulator(clock=FrozenClock(NOW), faults=faults, plan=plan) as simulator:
        fetch_and_store(database, simulator, symbol)
        calls = simulator.counts.calls
    kept, real = stored(database, symbol), truth(symbol)
    assert {at: prices for at, prices in kept.items() if real.get(at) != prices} == {}
    days = DAYS[symbol.name]
    covered = read_coverage(database.engine, [symbol], [Timeframe.M1], days[0], days[-1])
    state = "/".join(sorted({row.coverage.status.value for row in covered}))
    assert Line(line.faults, line.symbol, state, len(kept), count(database, "rejected_candles"), calls) == line


def test_a_revision_of_the_past_is_stored_and_the_old_values_are_kept(database: Database) -> None:
    [dax] = find_symbols(database.engine, ["DAX"])
    with Simulator(clock=FrozenClock(NOW)) as simulator:
        assert fetch_and_store(database, simulator, dax) == Written(inserted=1020)
        simulator.set_faults("revised=0.0001")
        assert fetch_and_store(database, simulator, dax) == Written(revised=2)
    real, kept = truth(dax), stored(database, dax)
    changed = [at for at in real if real[at] != kept[at]]
    assert len(changed) == 2
    with database.engine.connect() as connection:
        old = {row.ts: row.close for row in connection.execute(text("SELECT ts, close FROM ohlc_revisions"))}
    assert old == {at: real[at][3] for at in changed}


def test_every_call_is_in_the_ledger(database: Database) -> None:
    [dax] = find_symbols(database.engine, ["DAX"])
    with Simulator(clock=FrozenClock(NOW), faults=["broken=1/2"]) as simulator:
        fetch_and_store(database, simulator, dax, plan=Plan(per_minute=1000, per_day=None))
        calls = simulator.counts.calls
    ledger = CreditLedger(engine=database.engine, plans={"twelve_data": UNLIMITED}, clock=FrozenClock(NOW))
    assert ledger.usage("twelve_data", NOW).day_used == calls
