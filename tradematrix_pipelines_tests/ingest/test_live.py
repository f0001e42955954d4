"""Live pulls over real HTTP: what is asked for, what is returned, and what is left to the close."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic

import pandas as pd
import pytest

from tradematrix_pipelines.candles.coverage import Status
from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.live import OVERLAP, Pull, pull_sessions
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.vendors.credits import NoLedger
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.twelve_data import TwelveData, client

NDX, EUR = (next(replace(s, id=1) for s in DEFAULT_SYMBOLS if s.name == name) for name in ("NDX", "EUR/USD"))
OPENED = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
M1, M5 = Timeframe.M1, Timeframe.M5


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(clock=FrozenClock(OPENED + timedelta(hours=12))) as running:
        yield running


def pull(
    simulator: Simulator, symbol: Symbol, minute: float, stored: pd.DataFrame | None = None
) -> dict[Timeframe, SeriesBatch]:
    """Pull ``minute`` minutes after New York's open, with the minutes stored so far."""
    now = OPENED + timedelta(minutes=minute)
    session = get_calendar(symbol.calendar).at(now)
    assert session is not None
    vendor = TwelveData(
        base_url=simulator.url,
        key="any",
        ledger=NoLedger(),
        clock=FrozenClock(now),
        retry_policy=RetryPolicy(attempts=1),
    )
    asked = Pull(symbol=symbol, session=session, stored=empty_candles() if stored is None else stored)
    [(_, batches)] = pull_sessions([vendor], [asked], now=now)
    vendor.close()
    assert not isinstance(batches, Exception)
    return {batch.timeframe: batch for batch in batches}


def counted(batches: dict[Timeframe, SeriesBatch]) -> dict[str, int]:
    return {str(timeframe): len(batch.candles) for timeframe, batch in batches.items()}


def test_the_first_pull_brings_all_minutes_closed_and_the_bars_from_them(simulator: Simulator) -> None:
    batches = pull(simulator, NDX, 67.5)
    assert {timeframe: counted(batches)[timeframe] for timeframe in ("1m", "5m", "15m", "1h")} == {
        "1m": 67, "5m": 13, "15m": 4, "1h": 1,
    }  # fmt: skip
    assert list(batches) == list(INTRADAY)
    assert {batch.coverage[0].status for batch in batches.values()} == {Status.COMPLETE}
    assert not any(batch.coverage[0].final for batch in batches.values())
    assert simulator.counts.credits == 1


def test_the_next_pull_asks_for_what_is_new_and_half_an_hour_before(simulator: Simulator) -> None:
    before = pull(simulator, NDX, 67.5)[M1].candles
    batches = pull(simulator, NDX, 70.2, before)
    assert batches[M1].candles["ts"].iloc[0] == before["ts"].iloc[-1] - OVERLAP
    assert {timeframe: counted(batches)[timeframe] for timeframe in ("1m", "5m", "15m", "1h")} == {
        "1m": 34, "5m": 19 - 5, "15m": 6 - 2, "1h": 1,
    }  # fmt: skip
    [coverage] = batches[M1].coverage
    assert (coverage.expected, coverage.received, coverage.status) == (70, 70, Status.COMPLETE)
    assert simulator.counts.credits == 2


def test_missed_minutes_are_asked_for_however_long_ago(simulator: Simulator) -> None:
    stored = pull(simulator, NDX, 200)[M1].candles
    incomplete = stored.drop(index=[20, 21]).reset_index(drop=True)
    batches = pull(simulator, NDX, 201, incomplete)
    assert batches[M1].candles["ts"].iloc[0] == OPENED + timedelta(minutes=20)
    assert batches[M1].coverage[0].status is Status.COMPLETE


def test_a_minute_that_the_vendor_does_not_have_costs_the_bars_around_it_and_no_credit_more(
    simulator: Simulator,
) -> None:
    simulator.set_faults("missing=0.02@NDX")
    batches = pull(simulator, NDX, 120)
    absent = sorted(set(range(120)) - {(ts - OPENED) // timedelta(minutes=1) for ts in batches[M1].candles["ts"]})
    assert absent
    spoilt = {minute // 5 for minute in absent}
    assert counted(batches)["5m"] == 24 - len(spoilt)
    assert batches[M5].coverage[0].status is Status.PARTIAL
    assert simulator.counts.credits == 1


def test_a_market_that_may_be_quiet_has_its_bars_all_the_same(simulator: Simulator) -> None:
    simulator.set_faults("missing=0.1@EUR/USD")
    batches = pull(simulator, EUR, 30)
    assert batches[M1].coverage[0].received < batches[M1].coverage[0].expected
    assert {batch.coverage[0].status for batch in batches.values()} == {Status.COMPLETE}
    session = get_calendar("FX").at(OPENED)
    assert session is not None
    assert counted(batches)["5m"] == (OPENED + timedelta(minutes=30) - session.opens_at) // timedelta(minutes=5)


def test_the_forming_minute_is_never_among_them(simulator: Simulator) -> None:
    newest = pull(simulator, NDX, 10.99)[M1].candles["ts"].iloc[-1]
    assert newest == OPENED + timedelta(minutes=9)


def test_a_failure_covers_the_whole_session(simulator: Simulator) -> None:
    stored = pull(simulator, NDX, 60)[M1].candles
    simulator.set_faults("broken=1/1")
    batches = pull(simulator, NDX, 65, stored)
    [coverage] = batches[M1].coverage
    assert list(batches) == [M1]
    assert (coverage.status, coverage.final, coverage.transient) == (Status.FAILED, False, True)
    assert coverage.opens_at == OPENED


def test_minutes_of_the_future_do_not_keep_a_pull_from_asking(simulator: Simulator) -> None:
    stored = pull(simulator, NDX, 200)[M1].candles  # by a clock that is then set back by two hours
    batches = pull(simulator, NDX, 80.5, stored)
    assert batches[M1].candles["ts"].iloc[-1] == OPENED + timedelta(minutes=79)
    assert batches[M1].coverage[0].status is Status.COMPLETE
    assert (batches[M1].coverage[0].expected, batches[M1].coverage[0].received) == (80, 80)


def test_one_symbol_that_hangs_costs_no_other_its_pull(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LIVE_BOUNDS", replace(client.LIVE_BOUNDS, timeout=1.5, deadline=1.5))
    simulator.set_faults("slow=4@NDX")
    now = OPENED + timedelta(minutes=30)
    vendor = TwelveData(base_url=simulator.url, key="any", ledger=NoLedger(), clock=FrozenClock(now))
    pulls = []
    for symbol in (NDX, EUR):
        session = get_calendar(symbol.calendar).at(now)
        assert session is not None
        pulls.append(Pull(symbol=symbol, session=session, stored=empty_candles()))
    began, ended = monotonic(), {}
    for pulled, batches in pull_sessions([vendor], pulls, now=now):
        assert not isinstance(batches, Exception)
        ended[pulled.symbol.name] = (monotonic() - began, batches[0].coverage[0].status)
    vendor.close()
    (quick, served), (slow, failed) = ended["EUR/USD"], ended["NDX"]
    assert (served, failed) == (Status.COMPLETE, Status.FAILED)
    assert 1.5 <= quick < 2.5, "it is asked for alone once the shared call has hung until its deadline"
    assert 3 <= slow < 15, "it fails after two attempts, before the next minute's pull"


def test_one_pull_that_breaks_costs_no_other_its_own(simulator: Simulator) -> None:
    class Broken(TwelveData):
        fetch_many = None  # type: ignore[assignment]  # so that each symbol is asked for alone

        def fetch(self, request: CandleRequest) -> CandleAnswer:
            if request.symbol.name == "NDX":
                raise ZeroDivisionError
            return super().fetch(request)

    now = OPENED + timedelta(minutes=30)
    vendor = Broken(base_url=simulator.url, key="any", ledger=NoLedger(), clock=FrozenClock(now))
    sessions = {symbol.name: get_calendar(symbol.calendar).at(now) for symbol in (NDX, EUR)}
    pulls = [
        Pull(symbol=symbol, session=session, stored=empty_candles())
        for symbol in (NDX, EUR)
        if (session := sessions[symbol.name]) is not None
    ]
    results = {pulled.symbol.name: batches for pulled, batches in pull_sessions([vendor], pulls, now=now)}
    vendor.close()
    assert isinstance(results["NDX"], ZeroDivisionError)
    assert not isinstance(results["EUR/USD"], Exception)
