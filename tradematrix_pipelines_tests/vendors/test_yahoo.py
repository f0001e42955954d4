"""Yahoo: charts of the documented form, over real HTTP through yfinance's session, and every kind of refusal."""

import json
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yfinance.data import YfData

from tradematrix_pipelines.candles.coverage import Status
from tradematrix_pipelines.candles.frame import as_candles, empty_candles
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import (
    BadRequest,
    BadSymbol,
    MalformedAnswer,
    MinuteLimit,
    Unavailable,
    VendorError,
    VendorFault,
    WrongInstrument,
)
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.yahoo.client import Yahoo
from tradematrix_pipelines.vendors.yahoo.responses import read_chart

pytestmark = pytest.mark.slow  # yfinance brings in a browser's TLS, a parser of pages and a database

NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)
DAX, NDX, DJI, EUR, XAG = DEFAULT_SYMBOLS
META = {
    name: {"symbol": name, "currency": currency, "instrumentType": kind, "exchangeTimezoneName": zone}
    for name, currency, kind, zone in (
        ("^GDAXI", "EUR", "INDEX", "Europe/Berlin"),
        ("EURUSD=X", "USD", "CURRENCY", "Europe/London"),
        ("SI=F", "USD", "FUTURE", "America/New_York"),
    )
}


def chart(name: str, stamps: list[int], closes: Sequence[float | None], **meta: Any) -> bytes:
    quote = dict.fromkeys(("open", "high", "low", "close"), closes) | {"volume": [0] * len(closes)}
    result = {"meta": META[name] | meta, "timestamp": stamps, "indicators": {"quote": [quote]}}
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


class Charts(ThreadingHTTPServer):
    """Serves a bar of 20,000 + minutes since midnight for each minute, hour or day asked for, around the clock."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, int, int]] = []
        self.refusal: tuple[int, bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Charts

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        name, query = unquote(path.path.rpartition("/")[2]), {k: v[0] for k, v in parse_qs(path.query).items()}
        first, last, step = int(query["period1"]), int(query["period2"]), query["interval"]
        self.server.asked.append((name, step, first, last))
        if step == "1d":  # stamped with Berlin's midnight
            days = pd.date_range(
                pd.Timestamp(first, unit="s", tz="UTC"), pd.Timestamp(last, unit="s", tz="UTC"), freq="D"
            )
            stamps = [int(day.tz_convert("Europe/Berlin").normalize().timestamp()) for day in days]
        else:
            seconds = 60 * int(step.removesuffix("m"))
            stamps = list(range(first - first % seconds, last, seconds))
        closes = [20_000.0 + (stamp % 86_400) // 60 if name == "^GDAXI" else 1.1 for stamp in stamps]
        status, body = self.server.refusal or (200, chart(name, stamps, closes))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        del format, args


@pytest.fixture
def charts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Charts]:
    """The server, and a yfinance that has its cookie and crumb at hand, so that it asks no other host for them."""
    monkeypatch.setattr(YfData(), "_get_cookie_and_crumb", lambda timeout=30: ("crumb", "basic"))
    monkeypatch.setattr(YfData(), "_cookie_strategy", "basic")
    with Charts() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def yahoo(url: str) -> Yahoo:
    cache = Path(gettempdir()) / "tradematrix-yahoo"
    return Yahoo(
        clock=FrozenClock(NOW),
        cache=cache,
        base_url=url,
        retry_policy=RetryPolicy(attempts=2, first_wait=0.01, jitter=0.0),
    )


def test_minutes_are_asked_for_a_week_at_a_time_and_cut_to_the_window(charts: Charts) -> None:
    start, end = datetime(2026, 11, 2, 8, tzinfo=UTC), datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
    answer = yahoo(charts.url).fetch(CandleRequest(symbol=DAX, timeframe=Timeframe.M1, start=start, end=end))
    assert answer.calls == 3
    assert max(last - first for _, _, first, last in charts.asked) == 7 * 86_400
    assert (answer.candles["ts"].iloc[0], answer.candles["ts"].iloc[-1]) == (
        start,
        datetime(2026, 11, 20, 16, 29, tzinfo=UTC),
    )
    assert answer.candles["ts"].is_unique


def test_daily_bars_stamped_with_local_midnight_keep_their_date(charts: Charts) -> None:
    start, end = datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
    answer = yahoo(charts.url).fetch(CandleRequest(symbol=DAX, timeframe=Timeframe.D1, start=start, end=end))
    assert [ts.date() for ts in answer.candles["ts"]] == [date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)]


def test_a_session_from_yahoo_is_stored_like_any_other(charts: Charts) -> None:
    day = date(2026, 11, 20)
    wanted = Wanted(
        symbol=DAX, dates=dict.fromkeys(Timeframe, frozenset([day])), stored={},
        read=lambda timeframe, start, end: empty_candles(),
    )  # fmt: skip
    batches = [
        b for group in ingest([yahoo(charts.url)], wanted, calendar=get_calendar("XETR"), now=NOW) for b in group
    ]
    assert {(coverage.status, coverage.source) for batch in batches for coverage in batch.coverage} == {
        (Status.COMPLETE, "yahoo")
    }
    assert {batch.timeframe: len(batch.candles) for batch in batches} == {
        timeframe: math.ceil(510 / (timeframe.minutes or 510)) for timeframe in Timeframe
    }


@pytest.mark.parametrize(
    ("timeframe", "day", "unavailable"),
    [
        (Timeframe.M1, date(2026, 10, 20), True),
        (Timeframe.M1, date(2026, 10, 26), False),
        (Timeframe.M5, date(2026, 9, 15), True),
        (Timeframe.H1, date(2025, 1, 2), False),
        (Timeframe.H1, date(2024, 11, 1), True),
        (Timeframe.D1, date(2001, 1, 2), False),
    ],
)
def test_how_far_back_it_goes(timeframe: Timeframe, day: date, *, unavailable: bool) -> None:
    assert (yahoo("http://127.0.0.1:9").unavailable_reason(DAX, timeframe, day) is not None) == unavailable


def test_rows_without_a_price_are_absent_and_half_a_row_is_not_hidden() -> None:
    body = json.loads(chart("EURUSD=X", [0, 60, 120], [1.1, None, 1.2]))
    body["chart"]["result"][0]["indicators"]["quote"][0]["open"][2] = None
    candles = read_chart(200, json.dumps(body).encode(), symbol=EUR, timeframe=Timeframe.M1)
    assert list(candles["close"]) == [1.1, 1.2]
    assert candles["open"].isna().tolist() == [False, True]
    assert candles.dtypes.equals(as_candles(candles).dtypes)


def test_an_empty_window_is_no_error() -> None:
    body = json.loads(chart("EURUSD=X", [], []))
    del body["chart"]["result"][0]["timestamp"]
    assert read_chart(200, json.dumps(body).encode(), symbol=EUR, timeframe=Timeframe.M1).empty


def error(code: str, description: str) -> bytes:
    return json.dumps({"chart": {"result": None, "error": {"code": code, "description": description}}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, b"Too Many Requests", MinuteLimit),
        (502, b"<html>", VendorFault),
        (404, error("Not Found", "No data found, symbol may be delisted"), BadSymbol),
        (422, error("Unprocessable Entity", "1m data not available for startTime=1 and endTime=2."), Unavailable),
        (400, error("Bad Request", "Invalid input"), BadRequest),
        (200, b"<html>consent</html>", MalformedAnswer),
        (200, b"[" * 100_000, MalformedAnswer),
        (200, b'{"chart": {"result": [], "error": null}}', MalformedAnswer),
        (200, b'{"chart": {"result": [{"meta": {}, "timestamp": [1], "indicators": {}}]}}', MalformedAnswer),
    ],
)
def test_each_refusal_is_typed(status: int, body: bytes, kind: type[VendorError]) -> None:
    with pytest.raises(kind):
        read_chart(status, body, symbol=EUR, timeframe=Timeframe.M1)


@pytest.mark.parametrize(
    ("symbol", "body"),
    [
        (XAG, chart("SI=F", [0], [30.0])),  # a future is not spot silver
        (DAX, chart("^GDAXI", [0], [47.0])),  # another price scale
        (DAX, chart("^GDAXI", [0], [24_000.0], currency="USD")),
        (DAX, chart("^GDAXI", [0], [24_000.0], symbol="DAX")),
        (DAX, chart("^GDAXI", [0], [24_000.0], exchangeTimezoneName="America/New_York")),
        (DAX, chart("^GDAXI", [0], [24_000.0], exchangeTimezoneName="Africa/Lagos")),  # Berlin's time in winter only
        (replace(EUR, vendor_symbols={"yahoo": "^GDAXI"}), chart("^GDAXI", [0], [1.1], currency="USD")),
    ],
)
def test_another_instrument_is_refused(symbol: Any, body: bytes) -> None:
    with pytest.raises(WrongInstrument):
        read_chart(200, body, symbol=symbol, timeframe=Timeframe.M1)


def test_no_connection_is_a_fault(charts: Charts) -> None:
    with pytest.raises(VendorFault):
        yahoo("http://127.0.0.1:9").fetch(
            CandleRequest(symbol=DAX, timeframe=Timeframe.H1, start=NOW.replace(hour=8), end=NOW)
        )
    assert charts.asked == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "asked"),
    [
        (429, b"Too Many Requests", MinuteLimit, 4),
        (503, b"<html>", VendorFault, 4),
        (404, error("Not Found", "No data found, symbol may be delisted"), BadSymbol, 2),
        (422, error("Unprocessable Entity", "1m data not available for startTime=1 and endTime=2."), Unavailable, 2),
    ],
)
def test_refusals_come_through_yfinance(
    charts: Charts, status: int, body: bytes, kind: type[VendorError], asked: int
) -> None:
    """Yfinance asks twice, with another cookie; two attempts of ours make four calls, where a retry may help."""
    charts.refusal = status, body
    with pytest.raises(kind):
        yahoo(charts.url).fetch(CandleRequest(symbol=DAX, timeframe=Timeframe.H1, start=NOW.replace(hour=8), end=NOW))
    assert len(charts.asked) == asked


def test_what_fails_inside_yfinance_is_a_fault(charts: Charts, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_cookie(timeout: int = 30) -> tuple[str, str]:
        raise KeyError(timeout)

    monkeypatch.setattr(YfData(), "_get_cookie_and_crumb", no_such_cookie)
    with pytest.raises(VendorFault, match="KeyError"):
        yahoo(charts.url).fetch(CandleRequest(symbol=DAX, timeframe=Timeframe.H1, start=NOW.replace(hour=8), end=NOW))


def test_the_newest_day_may_come_twice_and_the_last_counts() -> None:
    days = [int(datetime(2026, 11, day, hour, tzinfo=UTC).timestamp()) for day, hour in ((18, 23), (19, 23), (20, 16))]
    candles = read_chart(200, chart("^GDAXI", days, [24_000.0, 24_100.0, 24_110.0]), symbol=DAX, timeframe=Timeframe.D1)
    assert [ts.date() for ts in candles["ts"]] == [date(2026, 11, 19), date(2026, 11, 20)]
    assert list(candles["close"]) == [24_000.0, 24_110.0]


def test_a_zone_may_have_two_names() -> None:
    body = chart("^GDAXI", [0], [24_000.0], exchangeTimezoneName="Europe/Stockholm")
    assert len(read_chart(200, body, symbol=DAX, timeframe=Timeframe.M1)) == 1


WORDS = st.sampled_from(["meta", "timestamp", "indicators", "quote", "open", "close", "currency", "symbol"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(result=JSON, mangled=st.booleans())
def test_whatever_it_says_is_candles_or_a_typed_error(result: Any, *, mangled: bool) -> None:
    body = json.loads(chart("EURUSD=X", [0, 60], [1.1, 1.2]))
    if mangled:
        body["chart"]["result"][0]["indicators"] = result
    else:
        body["chart"]["result"] = [result]
    for timeframe in (Timeframe.M1, Timeframe.D1):
        try:
            candles = read_chart(200, json.dumps(body).encode(), symbol=EUR, timeframe=timeframe)
        except VendorError:
            continue
        assert candles.dtypes.equals(empty_candles().dtypes)
