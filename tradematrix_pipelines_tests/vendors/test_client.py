"""The client over real HTTP, against the simulator and against a scripted server."""

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from math import isnan
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import COLUMNS, TS_DTYPE, VALUES, as_candles
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.vendors.credits import UNLIMITED, Plan, Reservation
from tradematrix_pipelines.vendors.errors import (
    BadKey,
    BadSymbol,
    DayLimit,
    MalformedAnswer,
    NotInPlan,
    VendorFault,
    WrongInstrument,
)
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest, Part, Quote, Vendor
from tradematrix_pipelines.vendors.twelve_data import TwelveData
from tradematrix_pipelines.vendors.twelve_data.pages import Page, join
from tradematrix_pipelines.vendors.twelve_data.query import MAX_SYMBOLS
from tradematrix_pipelines_tests.vendor_fixtures import Notebook

Symbols = dict[str, Symbol]
Simulate = Callable[..., Simulator]
Connect = Callable[..., TwelveData]
Play = Callable[..., Any]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ask(symbol: Symbol, timeframe: Timeframe, start: str, end: str) -> CandleRequest:
    return CandleRequest(symbol=symbol, timeframe=timeframe, start=at(start), end=at(end))


def test_a_session_of_minutes(simulate: Simulate, connect: Connect, symbols: Symbols, ledger: Any) -> None:
    vendor: Vendor = connect(simulate().url)
    answer = vendor.fetch(ask(symbols["DAX"], Timeframe.M1, "2026-03-19T08:00", "2026-03-19T16:30"))
    candles = answer.candles
    assert list(candles.columns) == COLUMNS
    assert candles["ts"].dtype == TS_DTYPE
    # Xetra: 09:00 to 17:30 in Berlin, which is one hour ahead of UTC in March.
    assert candles["ts"].tolist() == pd.date_range("2026-03-19T08:00Z", "2026-03-19T16:29Z", freq="min").tolist()
    assert (candles["high"] >= candles[["open", "close"]].max(axis=1)).all()
    assert (candles["low"] <= candles[["open", "close"]].min(axis=1)).all()
    assert (answer.source, answer.calls, answer.credits) == ("twelve_data", 1, 1)
    assert [(r.vendor, r.credits, r.purpose) for r in ledger.reserved] == [("twelve_data", 1, "backfill")]


def test_days_are_midnight_utc_of_the_trade_date(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    answer = connect(simulate().url).fetch(ask(symbols["NDX"], Timeframe.D1, "2026-03-16", "2026-03-19"))
    assert answer.candles["ts"].tolist() == [at("2026-03-16"), at("2026-03-17"), at("2026-03-18")]


@pytest.mark.parametrize("fault", [(), ("exclusive_end",)], ids=["end included", "end left out"])
def test_the_end_is_left_out_whatever_the_vendor_does(
    simulate: Simulate, connect: Connect, symbols: Symbols, fault: tuple[str, ...]
) -> None:
    client = connect(simulate(faults=fault).url)
    answer = client.fetch(ask(symbols["EUR/USD"], Timeframe.M5, "2026-03-19T10:00", "2026-03-19T11:00"))
    assert answer.candles["ts"].min() == at("2026-03-19T10:00")
    assert answer.candles["ts"].max() == at("2026-03-19T10:55")
    assert len(answer.candles) == 12


def test_an_empty_window_is_an_answer(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    answer = connect(simulate().url).fetch(ask(symbols["DAX"], Timeframe.M1, "2026-03-21", "2026-03-22"))
    assert answer.candles.empty
    assert answer.candles["ts"].dtype == TS_DTYPE
    assert answer.calls == 1


def test_an_answer_cut_at_its_older_end_is_completed(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    # 17:00 in New York is 21:00 UTC by then: a window of four whole sessions, 5,760 minutes. The bar that opens when
    # the window ends is asked for too, since it is undocumented whether an end is included, and takes one of the 5,000
    # places.
    request = ask(symbols["EUR/USD"], Timeframe.M1, "2026-03-15T21:00", "2026-03-19T21:00")
    answer = connect(simulate().url).fetch(request)
    minutes = pd.date_range("2026-03-15T21:00Z", "2026-03-19T20:59Z", freq="min")
    assert sorted(answer.candles["ts"]) == minutes.tolist()
    assert (len(answer.candles), answer.calls, answer.credits) == (5760, 2, 2)


def test_an_answer_cut_at_its_newer_end_is_completed(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    request = ask(symbols["EUR/USD"], Timeframe.M1, "2026-03-11T21:00", "2026-03-19T21:00")
    answer = connect(simulate(faults=["keep_oldest"]).url).fetch(request)
    assert (answer.calls, answer.credits) == (2, 2)
    friday = pd.date_range("2026-03-11T21:00Z", "2026-03-13T20:59Z", freq="min")
    after = pd.date_range("2026-03-15T21:00Z", "2026-03-19T20:59Z", freq="min")
    assert answer.candles["ts"].tolist() == [*friday, *after]


def test_a_full_answer_whose_end_is_quiet_is_asked_about_once_more(
    simulate: Simulate, connect: Connect, symbols: Symbols
) -> None:
    # The window ends on a Sunday: nothing shows that the 5,000 bars reach as far as there are any.
    request = ask(symbols["EUR/USD"], Timeframe.M1, "2026-03-09T21:00", "2026-03-15T12:00")
    answer = connect(simulate().url).fetch(request)
    # 5,760 minutes: a full answer, the quiet rest up to Sunday, and what the first one left out at its older end.
    assert answer.calls == 3
    assert sorted(answer.candles["ts"]) == pd.date_range("2026-03-09T21:00Z", "2026-03-13T20:59Z", freq="min").tolist()


def test_a_full_answer_about_other_days_is_refused(play: Play, connect: Connect, symbols: Symbols) -> None:
    days = pd.date_range("2026-03-02", periods=5000, freq="min").strftime("%Y-%m-%d %H:%M:%S")
    prices = dict.fromkeys(("open", "high", "low", "close"), "1.16")
    body = {"meta": {"symbol": "EUR/USD"}, "values": [{"datetime": day} | prices for day in days], "status": "ok"}
    client = connect(play((200, body)).url)
    with pytest.raises(MalformedAnswer, match="has none of them"):
        client.fetch(ask(symbols["EUR/USD"], Timeframe.M1, "2026-03-16", "2026-03-19"))


def test_full_answers_that_hardly_advance_come_to_an_end(play: Play, connect: Connect, symbols: Symbols) -> None:
    def the_first_bar_again_and_again(path: str) -> bytes:
        start = parse_qs(urlsplit(path).query)["start_date"][0].replace("T", " ")
        row = {"datetime": start, **dict.fromkeys(("open", "high", "low", "close"), "1.16")}
        return json.dumps({"meta": {"symbol": "EUR/USD"}, "values": [row] * 5000, "status": "ok"}).encode()

    script = play((200, the_first_bar_again_and_again))
    with pytest.raises(MalformedAnswer, match="don't fill one window"):
        connect(script.url).fetch(ask(symbols["EUR/USD"], Timeframe.M1, "2026-03-16", "2026-03-19"))
    assert len(script.requests) == 2  # a window of 4,320 bars fills less than one answer, and one more is allowed


def test_nothing_is_asked_of_the_future(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    answer = connect(simulate().url).fetch(ask(symbols["EUR/USD"], Timeframe.M1, "2026-03-17T03:41", "2026-03-27"))
    assert (len(answer.candles), answer.calls) == (5000, 1), "a full answer, up to the bar that is forming"
    assert answer.candles["ts"].max() == at("2026-03-20T15:00"), "the forming bar at the clock's 15:00:30"


def test_what_two_full_pages_leave_out_between_them_counts_as_missing(symbols: Symbols) -> None:
    request = ask(symbols["EUR/USD"], Timeframe.M1, "2026-03-02", "2026-03-14")
    rest = ask(symbols["EUR/USD"], Timeframe.M1, "2026-03-05T11:20", "2026-03-14")

    def page(asked: CandleRequest, first: str, *, full: bool) -> Page:
        ts = pd.date_range(first, periods=3, freq="min", tz="UTC").as_unit("us")
        prices = dict.fromkeys(("open", "high", "low", "close"), 1.16)
        return Page(request=asked, candles=as_candles(pd.DataFrame({"ts": ts, **prices})), full=full)

    older = page(request, "2026-03-02", full=True)
    touching = page(rest, "2026-03-05T11:20", full=True)
    apart = page(rest, "2026-03-09", full=True)
    short = page(rest, "2026-03-09", full=False)
    assert [join([older, other])[1] for other in (touching, apart, short)] == [
        at("2026-03-02"),
        at("2026-03-09"),
        at("2026-03-02"),
    ]
    assert len(join([older, apart])[0]) == 6


@pytest.mark.parametrize(
    ("name", "fault", "error"),
    [
        ("EUR/USD", "unknown@EUR/USD", BadSymbol),
        ("DAX", "gated@GDAXI", NotInPlan),
        ("DAX40", "etf_dax=on", WrongInstrument),
        ("DAX40", "etf_dax=off", BadSymbol),
        ("EUR/USD", "scale=10000", WrongInstrument),
    ],
)
def test_refusals(
    simulate: Simulate, connect: Connect, symbols: Symbols, *, name: str, fault: str, error: type[Exception]
) -> None:
    request = ask(symbols[name], Timeframe.M1, "2026-03-19", "2026-03-20")
    for faults in ([fault], [fault, "errors_as_200"]):
        simulator = simulate(faults=faults)
        with pytest.raises(error):
            connect(simulator.url).fetch(request)
        assert simulator.counts.calls == 1, "a permanent refusal is not retried"


def test_a_wrong_key(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    simulator = simulate(key="the right key")
    with pytest.raises(BadKey, match="TWELVE_DATA_API_KEY"):
        connect(simulator.url).fetch(ask(symbols["DAX"], Timeframe.M1, "2026-03-19", "2026-03-20"))
    assert simulator.counts.calls == 1


@pytest.mark.parametrize("key", ["", "line\nbreak", "schlüssel"])
def test_a_key_that_no_header_can_carry(connect: Connect, key: str) -> None:
    with pytest.raises(BadKey):
        connect("http://127.0.0.1:9", key=key)


@pytest.mark.parametrize("url", ["api.twelvedata.com", "ftp://api.twelvedata.com", "http://", "http://[::1"])
def test_an_address_that_is_none(connect: Connect, url: str) -> None:
    with pytest.raises(UsageError, match="TRADEMATRIX_TWELVE_DATA_URL"):
        connect(url)


def test_the_key_travels_in_a_header_only(play: Play, connect: Connect, symbols: Symbols) -> None:
    script = play((200, {"values": [], "status": "ok"}))
    connect(script.url, key="a-secret-of-mine").fetch(ask(symbols["DAX"], Timeframe.M1, "2026-03-19", "2026-03-20"))
    ((path, headers, _),) = script.requests
    assert headers["authorization"] == "apikey a-secret-of-mine"
    assert "secret" not in path
    assert "timezone=UTC" in path


def test_a_packed_answer_is_unpacked_once(play: Play, connect: Connect, symbols: Symbols, ledger: Any) -> None:
    packed = gzip.compress(json.dumps(QUOTE).encode())
    script = play((200, packed, {"Content-Encoding": "gzip", "Api-Credits-Used": "3"}))
    quote = connect(script.url).quotes([symbols["DAX"]])["DAX"]
    assert isinstance(quote, Quote)
    assert quote.price == 24_050.5
    assert script.requests[0][1]["accept-encoding"] == "gzip"
    assert ledger.settled == [(None, 3, None)]


def test_the_minutes_count_comes_from_the_headers(play: Play, connect: Connect, symbols: Symbols, ledger: Any) -> None:
    empty = {"values": [], "status": "ok"}
    headers = {"api-credits-used": "3", "api-credits-left": "5"}
    client = connect(play((200, empty, headers), (200, empty)).url)
    for _ in range(2):
        client.fetch(ask(symbols["DAX"], Timeframe.M1, "2026-03-19", "2026-03-20"))
    assert ledger.settled == [(None, 3, 5), (None, None, None)]


def test_one_connection_serves_many_calls(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    client = connect(simulate().url)
    request = ask(symbols["DAX"], Timeframe.H1, "2026-03-19", "2026-03-20")
    first = client.fetch(request)
    for _ in range(3):
        pd.testing.assert_frame_equal(client.fetch(request).candles, first.candles)
    _, http = client._transport._http._open()
    pool = http._transport._pool  # type: ignore[attr-defined]  # httpx has no public count
    assert len(pool.connections) == 1


def test_threads_share_a_client(simulate: Simulate, connect: Connect, symbols: Symbols, ledger: Any) -> None:
    client = connect(simulate().url)
    requests = [ask(symbol, Timeframe.M15, "2026-03-17", "2026-03-20") for symbol in list(symbols.values())[:5]] * 4
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(client.fetch, requests))
    assert len(ledger.reserved) == len(ledger.settled) == 20
    for request, answer in zip(requests[:5], together[15:], strict=True):
        pd.testing.assert_frame_equal(client.fetch(request).candles, answer.candles)


def fetch_many(client: TwelveData, *requests: CandleRequest) -> dict[str, Part]:
    """Return the parts of all calls."""
    return {name: part for parts in client.fetch_many(requests) for name, part in parts.items()}


def test_a_call_for_several_symbols(simulate: Simulate, connect: Connect, symbols: Symbols, ledger: Any) -> None:
    simulator = simulate(faults=["batch_errors@NDX", "gated@XAG/USD"])
    client = connect(simulator.url)
    requests = [ask(symbol, Timeframe.H1, "2026-03-19", "2026-03-20") for symbol in symbols.values()]
    answers = fetch_many(client, *requests)
    kinds = {name: type(answer) for name, answer in answers.items()}
    assert kinds == {
        "DAX": CandleAnswer,
        "NDX": BadSymbol,
        "DJI": CandleAnswer,
        "EUR/USD": CandleAnswer,
        "XAG/USD": NotInPlan,
        "DAX40": WrongInstrument,
    }
    assert (simulator.counts.calls, simulator.counts.credits) == (1, 6)
    assert [r.credits for r in ledger.reserved] == [6]
    alone = client.fetch(requests[0])
    together = answers["DAX"]
    assert isinstance(together, CandleAnswer)
    pd.testing.assert_frame_equal(together.candles, alone.candles)
    assert (together.calls, together.credits) == (1, 1)


def test_a_call_for_several_symbols_has_a_window_that_contains_all_of_theirs(
    play: Play, connect: Connect, symbols: Symbols
) -> None:
    script = play((200, {}))
    early = ask(symbols["DAX"], Timeframe.M1, "2026-03-20T08:00", "2026-03-20T14:50")
    late = ask(symbols["NDX"], Timeframe.M1, "2026-03-20T14:00", "2026-03-20T15:00")
    fetch_many(connect(script.url), late, early)
    query = parse_qs(urlsplit(script.requests[0][0]).query)
    assert (query["symbol"], query["start_date"], query["end_date"]) == (
        ["GDAXI,NDX"], ["2026-03-20T08:00:00"], ["2026-03-20T15:00:00"],
    )  # fmt: skip


def test_windows_that_would_be_cut_together_are_asked_for_apart(
    simulate: Simulate, connect: Connect, symbols: Symbols
) -> None:
    # They have 2,880 minutes and, with the pauses of metals, 2,760: from the first start to the second end
    # it is more than a call can carry.
    simulator = simulate()
    first = ask(symbols["EUR/USD"], Timeframe.M1, "2026-03-10", "2026-03-12")
    second = ask(symbols["XAG/USD"], Timeframe.M1, "2026-03-17", "2026-03-19")
    answers = fetch_many(connect(simulator.url), first, second)
    assert [len(part.candles) for part in answers.values() if isinstance(part, CandleAnswer)] == [2_880, 2_760]
    assert (simulator.counts.calls, simulator.counts.credits) == (2, 2)


def test_no_url_names_too_many_symbols(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    simulator = simulate()
    many = [
        ask(replace(symbols["DJI"], name=f"D{number}"), Timeframe.H1, "2026-03-19", "2026-03-20")
        for number in range(MAX_SYMBOLS + 1)
    ]
    answers = fetch_many(connect(simulator.url), *many)
    assert len(answers) == MAX_SYMBOLS + 1
    assert simulator.counts.calls == 2


def test_an_answer_for_several_symbols_has_a_limit_of_bytes(
    play: Play, connect: Connect, symbols: Symbols, caplog: pytest.LogCaptureFixture
) -> None:
    minutes = [ask(symbols[name], Timeframe.M1, "2026-03-19T10:00", "2026-03-19T10:30") for name in ("DAX", "DJI")]
    flood = b'{"GDAXI": "' + b"x" * 1_200_000 + b'"}'
    assert fetch_many(connect(play((200, flood)).url), *minutes) == {"DAX": None, "DJI": None}
    assert "more than 1,080,600 bytes" in caplog.text, "a megabyte, and ten times what 31 minutes of two symbols take"
    part = {"GDAXI": {"values": [], "status": "ok"}, "DJI": {"values": [], "status": "ok"}, "": "x" * 1_000_000}
    assert all(fetch_many(connect(play((200, part)).url), *minutes).values()), "what is twice as much may come"


def test_a_part_that_can_not_be_completed_costs_the_others_nothing(
    simulate: Simulate, connect: Connect, symbols: Symbols
) -> None:
    # EUR/USD fills its answer with duplicates, and the next one is refused: the plan has two credits a minute.
    faults = ["keep_oldest", "duplicates=0.5@EUR/USD"]
    simulator = simulate(faults=faults, plan=Plan(per_minute=2, per_day=None))
    requests = [ask(symbols[name], Timeframe.M1, "2026-03-16", "2026-03-19T08:00") for name in ("EUR/USD", "DJI")]
    answers = fetch_many(connect(simulator.url), *requests)
    assert answers["EUR/USD"] is None, "it may be asked for again"
    assert isinstance(answers["DJI"], CandleAnswer)
    assert len(answers["DJI"].candles) == 3 * 390


def test_a_call_for_several_symbols_may_be_for_one(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    answers = fetch_many(connect(simulate().url), ask(symbols["DJI"], Timeframe.H1, "2026-03-19", "2026-03-20"))
    assert isinstance(answers["DJI"], CandleAnswer)
    assert len(answers["DJI"].candles) == 7  # 09:30 to 16:00 in New York


def test_an_answer_that_leaves_a_symbol_out_settles_nothing_for_it(
    play: Play, connect: Connect, symbols: Symbols
) -> None:
    client = connect(play((200, {"GDAXI": {"values": [], "status": "ok"}})).url)
    requests = [ask(symbols[name], Timeframe.H1, "2026-03-19", "2026-03-20") for name in ("DAX", "DJI")]
    answers = fetch_many(client, *requests)
    assert isinstance(answers["DAX"], CandleAnswer)
    assert answers["DJI"] is None


def test_the_small_endpoints(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    client = connect(simulate(plan=UNLIMITED).url)
    day = client.fetch(ask(symbols["DAX"], Timeframe.D1, "2026-03-19", "2026-03-21")).candles
    quote = client.quotes([symbols["DAX"]])["DAX"]
    assert isinstance(quote, Quote)
    assert (quote.open, quote.high, quote.low, quote.price, quote.volume) == tuple(day.iloc[1][VALUES])
    before = day.iloc[0]["close"]
    assert quote.previous_close == before
    assert quote.change == pytest.approx(quote.price - before, abs=1e-5)
    assert quote.change_percent == pytest.approx(100 * (quote.price - before) / before, abs=1e-5)
    assert (quote.at, quote.source) == (at("2026-03-20T15:00:30"), "twelve_data")
    assert client.earliest(symbols["DAX"], Timeframe.M1, purpose="backfill") == at("2020-02-10T08:00")
    assert client.earliest(symbols["DAX"], Timeframe.D1, purpose="backfill") == at("2000-01-03")
    usage = client.usage()
    assert usage.used_this_minute == 5
    assert usage.used_today is None
    assert client.check() == "twelve_data answers; credits this minute: 6 of 1000000"
    assert [(hit.symbol, hit.type) for hit in client.search("dax")] == [("DAX", "ETF"), ("GDAXI", "Index")]


QUOTE = {
    "symbol": "GDAXI", "exchange": "XETR", "mic_code": "XETR", "currency": "EUR", "datetime": "2026-03-20",
    "timestamp": 1773993600, "open": "24000.1", "high": "24100", "low": "23900", "close": "24050.5", "volume": "7",
    "previous_close": "24000.5", "change": "50.0", "percent_change": "0.20833", "is_market_open": True,
}  # fmt: skip


def test_a_quote_is_of_its_last_minute_where_the_vendor_says_when_that_was(
    play: Play, connect: Connect, symbols: Symbols
) -> None:
    for more, instant in (({}, "2026-03-20T08:00"), ({"last_quote_at": 1774018740}, "2026-03-20T14:59")):
        quote = connect(play((200, QUOTE | more)).url).quotes([symbols["DAX"]])["DAX"]
        assert isinstance(quote, Quote)
        assert (quote.at, quote.price, quote.change) == (at(instant), 24_050.5, 50.0)


def test_quotes_of_several_symbols_take_one_call(
    simulate: Simulate, connect: Connect, symbols: Symbols, ledger: Any
) -> None:
    simulator = simulate(faults=["gated@NDX"])
    answers = connect(simulator.url).quotes(list(symbols.values()))
    assert {name: type(answer) for name, answer in answers.items()} == {
        "DAX": Quote, "NDX": NotInPlan, "DJI": Quote, "EUR/USD": Quote, "XAG/USD": Quote, "DAX40": WrongInstrument,
    }  # fmt: skip
    euro = answers["EUR/USD"]
    assert isinstance(euro, Quote)
    assert isnan(euro.volume), "forex has none"
    assert (simulator.counts.calls, simulator.counts.credits) == (1, 6)
    assert [(booked.credits, booked.purpose) for booked in ledger.reserved] == [(6, "quote")]


def test_a_call_for_quotes_that_one_symbol_breaks_is_asked_again_for_each_alone(
    simulate: Simulate, connect: Connect, symbols: Symbols
) -> None:
    simulator = simulate(faults=["broken@NDX"])
    answers = connect(simulator.url).quotes([symbols[name] for name in ("DAX", "NDX", "DJI")])
    assert {name: type(answer) for name, answer in answers.items()} == {"DAX": Quote, "NDX": VendorFault, "DJI": Quote}
    assert simulator.counts.calls == 1 + 3


def test_without_credits_no_quote_is_asked_for(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    class Spent(Notebook):
        def reserve(self, **booking: Any) -> Reservation:
            raise DayLimit(f"no credits for {booking['purpose']}", resumes_at=at("2026-03-21"))

    simulator = simulate()
    answers = connect(simulator.url, ledger=Spent()).quotes([symbols["DAX"], symbols["DJI"]])
    assert [type(answer) for answer in answers.values()] == [DayLimit, DayLimit]
    assert simulator.counts.calls == 0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"close": "much"}, MalformedAnswer),
        ({"close": None}, MalformedAnswer),
        ({"close": "0"}, MalformedAnswer),
        ({"timestamp": "noon"}, MalformedAnswer),
        ({"symbol": "DAX"}, WrongInstrument),
        ({"close": "47.1"}, WrongInstrument),
        ({"exchange": "NASDAQ", "mic_code": "XNMS"}, WrongInstrument),
        ({"currency": "USD"}, WrongInstrument),
    ],
)
def test_quotes_that_are_refused(
    play: Play, connect: Connect, symbols: Symbols, *, change: dict[str, object], error: type[Exception]
) -> None:
    assert type(connect(play((200, QUOTE | change)).url).quotes([symbols["DAX"]])["DAX"]) is error


@pytest.mark.parametrize(
    ("timeframe", "body"),
    [
        (Timeframe.M1, {"datetime": "2020-02-10 08:00:00", "unix_time": "soon"}),
        (Timeframe.D1, {"datetime": "soon", "unix_time": 946857600}),
        (Timeframe.D1, {"unix_time": 946857600}),
    ],
)
def test_a_start_of_history_that_is_none(
    play: Play, connect: Connect, symbols: Symbols, timeframe: Timeframe, body: dict[str, object]
) -> None:
    with pytest.raises(MalformedAnswer):
        connect(play((200, body)).url).earliest(symbols["DAX"], timeframe, purpose="backfill")


def test_minutes_are_served_from_the_day_they_begin(connect: Connect, symbols: Symbols) -> None:
    client = connect("http://127.0.0.1:9")
    assert client.unavailable_reason(symbols["DAX"], Timeframe.M1, at("2020-02-09").date())
    assert client.unavailable_reason(symbols["DAX"], Timeframe.M1, at("2020-02-10").date()) is None
    assert client.unavailable_reason(symbols["DAX"], Timeframe.H1, at("2001-02-10").date()) is None


def test_the_newest_bar_is_still_forming(simulate: Simulate, connect: Connect, symbols: Symbols) -> None:
    request = ask(symbols["EUR/USD"], Timeframe.M1, "2026-03-19T15:00", "2026-03-19T16:00")
    bars = {}
    for second in ("05", "35", "59"):
        clock = FrozenClock(at(f"2026-03-19T15:30:{second}"))
        bars[second] = connect(simulate(clock=clock).url, clock=clock).fetch(request).candles.iloc[-1]
    assert {bar["ts"] for bar in bars.values()} == {pd.Timestamp("2026-03-19T15:30Z")}
    assert bars["05"]["open"] == bars["59"]["open"]
    assert bars["05"]["high"] <= bars["35"]["high"] <= bars["59"]["high"]
    assert len({bar["close"] for bar in bars.values()}) > 1


def test_the_default_order_is_newest_first(simulate: Simulate) -> None:
    params = {"symbol": "DJI", "interval": "5min", "outputsize": "30", "timezone": "America/New_York"}
    body = httpx.get(f"{simulate().url}/time_series", params=params, headers={"Authorization": "apikey x"}).json()
    stamps = [row["datetime"] for row in body["values"]]
    assert stamps == sorted(stamps, reverse=True)
    assert len(stamps) == 30
    assert stamps[0] == "2026-03-20 11:00:00"
