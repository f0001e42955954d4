"""Live pulls of several symbols share a call, and no symbol's failure costs another its pull. Over real HTTP."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.live import OVERLAP, Pull, pull_sessions
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.vendors.credits import Plan
from tradematrix_pipelines.vendors.protocol import BatchCalls, CandleAnswer, CandleRequest, Part, Vendor
from tradematrix_pipelines.vendors.twelve_data import TwelveData
from tradematrix_pipelines_tests.vendor_fixtures import NOW, Notebook

Symbols = dict[str, Symbol]
Simulate = Callable[..., Simulator]
Connect = Callable[..., TwelveData]
FIVE = ("DAX", "NDX", "DJI", "EUR/USD", "XAG/USD")


class OneByOne:
    """A vendor of somebody else's, without calls for several symbols."""

    name = "plain"
    max_bars = 5_000

    def __init__(self, client: TwelveData) -> None:
        self.client = client

    def unavailable_reason(self, symbol: Symbol, timeframe: Timeframe, trade_date: date) -> str | None:
        return self.client.unavailable_reason(symbol, timeframe, trade_date)

    def fetch(self, request: CandleRequest) -> CandleAnswer:
        return self.client.fetch(request)

    def check(self) -> str:
        return self.client.check()

    def close(self) -> None:
        self.client.close()


def pull(
    vendor: Vendor, symbols: Symbols, *names: str, stored: Mapping[str, pd.DataFrame] | None = None, now: datetime = NOW
) -> dict[str, list[SeriesBatch]]:
    """Pull the open sessions of these symbols."""
    pulls = []
    for name in names or FIVE:
        session = get_calendar(symbols[name].calendar).at(now)
        assert session is not None
        minutes = (stored or {}).get(name, empty_candles())
        pulls.append(Pull(symbol=replace(symbols[name], id=1), session=session, stored=minutes))
    batches = {}
    for pulled, outcome in pull_sessions([vendor], pulls, now=now):
        assert not isinstance(outcome, Exception), outcome
        batches[pulled.symbol.name] = outcome
    return batches


def minutes_of(batches: Mapping[str, Sequence[SeriesBatch]]) -> dict[str, Coverage]:
    return {name: parts[0].coverage[0] for name, parts in batches.items()}


def statuses(batches: Mapping[str, Sequence[SeriesBatch]]) -> dict[str, Status]:
    return {name: coverage.status for name, coverage in minutes_of(batches).items()}


def test_five_symbols_take_one_request_and_five_credits(
    simulate: Simulate, connect: Connect, symbols: Symbols, ledger: Notebook
) -> None:
    simulator = simulate()
    batches = pull(connect(simulator.url), symbols)
    assert set(statuses(batches).values()) == {Status.COMPLETE}
    assert (simulator.counts.calls, simulator.counts.credits) == (1, 5)
    assert [(booked.credits, booked.purpose) for booked in ledger.reserved] == [(5, "live")]
    assert len(ledger.settled) == 1
    received = {name: coverage.received for name, coverage in minutes_of(batches).items()}
    # Xetra has been open since 08:00 UTC, New York since 13:30, FX since 21:00 of the day before, metals an hour less.
    assert received == {"DAX": 420, "NDX": 90, "DJI": 90, "EUR/USD": 18 * 60, "XAG/USD": 17 * 60}


def test_the_prices_are_those_of_a_pull_alone(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    client = connect(simulate().url)
    together = pull(client, symbols)
    alone = pull(OneByOne(client), symbols)
    for name in FIVE:
        for shared, single in zip(together[name], alone[name], strict=True):
            assert shared.timeframe is single.timeframe
            pd.testing.assert_frame_equal(shared.candles, single.candles)


def test_each_symbol_has_its_own_window(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    client = connect(simulate().url)
    earlier = pull(client, symbols, "DAX", "NDX", now=NOW - timedelta(minutes=5))
    stored = {name: batches[0].candles for name, batches in earlier.items()}
    stored["DAX"] = stored["DAX"].drop(index=[100]).reset_index(drop=True)
    simulator = simulate()
    batches = pull(client, symbols, "DAX", "NDX", stored=stored)
    assert simulator.counts.calls == 1
    first = {name: parts[0].candles["ts"].iloc[0] for name, parts in batches.items()}
    assert first == {
        "DAX": datetime(2026, 3, 20, 9, 40, tzinfo=UTC),
        "NDX": stored["NDX"]["ts"].iloc[-1] - OVERLAP,
    }, "from the first gap, and from half an hour before the newest minute"
    assert set(statuses(batches).values()) == {Status.COMPLETE}


def test_a_vendor_without_calls_for_several_is_asked_one_by_one(
    simulate: Simulate, connect: Connect, symbols: Symbols
) -> None:
    simulator = simulate()
    vendor = OneByOne(connect(simulator.url))
    assert not isinstance(vendor, BatchCalls)
    assert set(statuses(pull(vendor, symbols)).values()) == {Status.COMPLETE}
    assert (simulator.counts.calls, simulator.counts.credits) == (5, 5)


@pytest.mark.parametrize("fault", ["batch_errors@NDX", "gated@NDX", "unknown@NDX"])
def test_a_bad_symbol_is_isolated_without_another_request(
    simulate: Simulate, connect: Connect, symbols: Symbols, fault: str
) -> None:
    simulator = simulate(faults=[fault])
    batches = pull(connect(simulator.url), symbols)
    failed = {name: coverage for name, coverage in minutes_of(batches).items() if coverage.status is Status.FAILED}
    assert list(failed) == ["NDX"]
    assert not failed["NDX"].transient
    assert "NDX 1m" in str(failed["NDX"].error)
    assert (simulator.counts.calls, simulator.counts.credits) == (1, 5)


def test_another_instrument_is_refused_and_the_others_are_kept(
    simulate: Simulate, connect: Connect, symbols: Symbols
) -> None:
    simulator = simulate()
    batches = pull(connect(simulator.url), symbols, "DAX40", "NDX", "EUR/USD")
    assert statuses(batches) == {
        "DAX40": Status.FAILED, "NDX": Status.COMPLETE, "EUR/USD": Status.COMPLETE,
    }  # fmt: skip
    assert "it answered with" not in str(minutes_of(batches)["DAX40"].error)
    assert "is of type ETF" in str(minutes_of(batches)["DAX40"].error)
    assert not len(batches["DAX40"][0].candles)
    assert simulator.counts.calls == 1


@pytest.mark.parametrize("fault", ["broken=1/1@NDX", "cut=1/1@NDX", "html=1/1@NDX", "broken=1/1@XAG/USD"])
def test_a_call_that_one_symbol_breaks_is_asked_again_for_each_alone(
    simulate: Simulate, connect: Connect, symbols: Symbols, ledger: Notebook, fault: str
) -> None:
    simulator = simulate(faults=[fault])
    batches = pull(connect(simulator.url), symbols)
    broken = fault.split("@")[1]
    expected = {name: Status.FAILED if name == broken else Status.COMPLETE for name in FIVE}
    assert statuses(batches) == expected
    assert minutes_of(batches)[broken].transient
    assert simulator.counts.calls == 1 + 5, "two attempts for each symbol, as many as it has alone"
    assert sorted(booked.credits for booked in ledger.reserved) == [1, 1, 1, 1, 1, 5]
    assert len(ledger.settled) == 6


def test_a_call_that_fails_once_costs_no_symbol_its_pull(
    simulate: Simulate, connect: Connect, symbols: Symbols
) -> None:
    simulator = simulate(faults=["broken=1/100"])
    assert set(statuses(pull(connect(simulator.url), symbols)).values()) == {Status.COMPLETE}
    assert simulator.counts.calls == 1 + 5


def test_a_wrong_key_is_not_tried_symbol_by_symbol(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    simulator = simulate(key="the right key")
    assert set(statuses(pull(connect(simulator.url), symbols)).values()) == {Status.FAILED}
    assert simulator.counts.calls == 1


def test_nor_is_a_day_without_credits(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    simulator = simulate(plan=Plan(per_minute=None, per_day=4))
    coverage = minutes_of(pull(connect(simulator.url), symbols))
    assert {one.retry_at for one in coverage.values()} == {datetime(2026, 3, 21, tzinfo=UTC)}
    assert simulator.counts.calls == 1


def test_a_single_symbol_that_is_refused_is_asked_once(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    simulator = simulate(faults=["gated@NDX"])
    assert statuses(pull(connect(simulator.url), symbols, "NDX")) == {"NDX": Status.FAILED}
    assert simulator.counts.calls == 1


def test_the_free_credits_bound_a_call(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    simulator, ledger = simulate(), Notebook(room=[3, 1])
    batches = pull(connect(simulator.url, ledger=ledger), symbols)
    assert set(statuses(batches).values()) == {Status.COMPLETE}
    assert [booked.credits for booked in ledger.reserved] == [3, 1, 1]
    assert (simulator.counts.calls, simulator.counts.credits) == (3, 5)


def _part(name: str, opens: datetime, minutes: int) -> dict[str, Any]:
    ts = [f"{opens + timedelta(minutes=minute):%Y-%m-%d %H:%M:%S}" for minute in range(minutes)]
    price = {"GDAXI": "24000", "NDX": "24500"}[name]
    rows = [{"datetime": stamp, **dict.fromkeys(("open", "high", "low", "close"), price)} for stamp in ts]
    return {"meta": {"symbol": name, "interval": "1min"}, "values": rows, "status": "ok"}


@pytest.mark.parametrize(
    "part", [None, 17, {"meta": {"symbol": "NDX"}, "values": "none"}, {"code": 500, "message": "oops"}]
)
def test_a_part_that_can_not_be_read_is_asked_for_alone(
    play: Callable[..., Any], connect: Connect, symbols: Symbols, part: object
) -> None:
    dax, ndx = datetime(2026, 3, 20, 8, tzinfo=UTC), datetime(2026, 3, 20, 13, 30, tzinfo=UTC)
    several = {"GDAXI": _part("GDAXI", dax, 420)} | ({} if part is None else {"NDX": part})
    script = play((200, several), (200, _part("NDX", ndx, 90)))
    batches = pull(connect(script.url), symbols, "DAX", "NDX")
    assert statuses(batches) == {"DAX": Status.COMPLETE, "NDX": Status.COMPLETE}
    asked = [parse_qs(urlsplit(path).query)["symbol"] for path, _, _ in script.requests]
    assert asked == [["GDAXI,NDX"], ["NDX"]]


def test_an_empty_answer_for_several_is_not_believed(
    play: Callable[..., Any], connect: Connect, symbols: Symbols, recorded: Callable[[str], Any]
) -> None:
    opens = {"GDAXI": datetime(2026, 3, 20, 8, tzinfo=UTC), "NDX": datetime(2026, 3, 20, 13, 30, tzinfo=UTC)}

    def alone(path: str) -> bytes:
        [name] = parse_qs(urlsplit(path).query)["symbol"]
        return json.dumps(_part(name, opens[name], 10)).encode()

    script = play((400, recorded("errors_real")["empty_window_http400"]), (200, alone))
    batches = pull(connect(script.url), symbols, "DAX", "NDX")
    assert {name: coverage.received for name, coverage in minutes_of(batches).items()} == {"DAX": 10, "NDX": 10}


class Plugin(OneByOne):
    """A vendor of somebody else's whose call for several symbols breaks after the first part."""

    def fetch_many(self, requests: Sequence[CandleRequest]) -> Iterator[Mapping[str, Part]]:
        first = requests[0]
        yield {first.symbol.name: self.client.fetch(first)}
        raise ZeroDivisionError


def test_a_plug_in_whose_call_for_several_breaks_is_asked_one_by_one(
    simulate: Simulate, connect: Connect, symbols: Symbols, caplog: pytest.LogCaptureFixture
) -> None:
    simulator = simulate()
    vendor = Plugin(connect(simulator.url))
    assert isinstance(vendor, BatchCalls)
    assert set(statuses(pull(vendor, symbols)).values()) == {Status.COMPLETE}
    assert simulator.counts.calls == 5, "what the call brought before is used"
    assert "plain: the call for several symbols broke, each is asked for alone" in caplog.text


def test_what_does_not_fit_into_the_shared_call_is_asked_for_alone(
    simulate: Simulate, connect: Connect, symbols: Symbols
) -> None:
    asked: list[tuple[str, timedelta]] = []

    class SmallCalls(OneByOne):
        max_bars = 101

        def fetch_many(self, requests: Sequence[CandleRequest]) -> Iterator[Mapping[str, Part]]:
            asked.extend((request.symbol.name, request.end - request.start) for request in requests)
            yield {request.symbol.name: self.client.fetch(request) for request in requests}

    simulator = simulate()
    batches = pull(SmallCalls(connect(simulator.url)), symbols, "DAX", "NDX")
    assert set(statuses(batches).values()) == {Status.COMPLETE}
    # New York has 91 minutes, the one that is forming included, Xetra 421: five calls.
    assert asked == [("DAX", timedelta(minutes=100)), ("NDX", timedelta(minutes=91))]
    assert simulator.counts.calls == 2 + 4
