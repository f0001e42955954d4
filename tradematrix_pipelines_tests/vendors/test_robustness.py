"""Reading any answer returns candles of the declared form or raises a ``VendorError``."""

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tradematrix_pipelines.candles.frame import COLUMNS, TS_DTYPE, VALUES
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import VendorError
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data import quotes
from tradematrix_pipelines.vendors.twelve_data.batch import read_parts
from tradematrix_pipelines.vendors.twelve_data.outcomes import open_answer
from tradematrix_pipelines.vendors.twelve_data.pages import Page, join, read_page, rest_after

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ROW = {"datetime": "2021-09-14 15:55:00", "open": "1.16", "high": "1.17", "low": "1.15", "close": "1.16", "volume": "9"}
META = {"symbol": "EUR/USD", "interval": "5min", "currency_quote": "US Dollar", "type": "Physical Currency"}
GOOD: dict[str, Any] = {"meta": META, "values": [ROW, ROW | {"datetime": "2021-09-14 15:50:00"}], "status": "ok"}
QUOTE: dict[str, Any] = {"symbol": "EUR/USD", "close": "1.16", "timestamp": 1773993600, "open": "1.15", "volume": ""}
ERROR = {"code": 404, "message": "**symbol** or **figi** parameter is missing or invalid.", "status": "error"}
BODIES = (GOOD, ERROR, {"EUR/USD": GOOD, "GDAXI": ERROR}, {"data": [{"symbol": "DAX"}]}, QUOTE)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=24) | st.dates().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
odd_stamps = st.sampled_from(
    ["now", "today", "NaT", "0001-01-01", "9999-12-31 23:59:59", "2021-09-14 25:00:00", "1677-01-01"]
)


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every part of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: object) -> Any:
    """Return ``value`` with the part at ``path`` replaced, or left out when ``new`` is the marker for that."""
    if not path:
        return new
    key, *rest = path
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    changed = [(k, put(v, tuple(rest), new) if k == key else v) for k, v in pairs]
    kept = [(k, v) for k, v in changed if v is not places]
    return dict(kept) if isinstance(value, dict) else [v for _, v in kept]


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """A damaged body: parts of its JSON replaced or left out, then perhaps its bytes cut and changed."""
    body: Any = draw(st.sampled_from(BODIES))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(body)))
        body = put(body, path, draw(json_values | odd_stamps | st.just(places)))
        if body is places:
            return b""
    content = bytearray(json.dumps(body).encode())
    for _ in range(draw(st.sampled_from([0, 0, 1, 4]))):
        at = draw(st.integers(0, len(content)))
        content[at : at + draw(st.integers(0, 9))] = draw(st.binary(max_size=4))
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


@settings(max_examples=400, deadline=None)
@given(
    content=contents(),
    status=st.sampled_from([200, 200, 200, 302, 400, 404, 429, 500]),
    timeframe=st.sampled_from(Timeframe),
)
def test_reading_an_answer_is_total(content: bytes, status: int, timeframe: Timeframe) -> None:
    requests = [
        CandleRequest(
            symbol=symbol,
            timeframe=timeframe,
            start=datetime(2021, 9, 14, tzinfo=UTC),
            end=datetime(2021, 9, 15, tzinfo=UTC),
        )
        for symbol in (DEFAULT_SYMBOLS[3], DEFAULT_SYMBOLS[0])
    ]
    try:
        body = open_answer(status, {}, content, what="EUR/USD", secret="x" * 32, now=NOW)
    except VendorError:
        return
    check(lambda: read_page(requests[0], body))
    readers = [(request.symbol, partial(read_page, request)) for request in requests]
    check(lambda: read_parts(readers, body, about="1m", now=NOW))
    check(lambda: quotes.read_quote(body, requests[0].symbol, source="twelve_data"))
    check(lambda: quotes.read_earliest(body, timeframe))
    for read in (quotes.read_usage, quotes.read_matches):
        check(lambda read=read: read(body))


def check(read: Any) -> None:
    """Read an answer and check the frames; only a ``VendorError`` may be raised."""
    try:
        result = read()
    except VendorError:
        return
    parts = result.values() if isinstance(result, dict) else [result]
    for page in (part for part in parts if isinstance(part, Page)):
        candles, complete_from = join([page])
        assert list(candles.columns) == COLUMNS
        assert candles["ts"].dtype == TS_DTYPE
        assert (candles.dtypes[VALUES] == "float64").all()
        assert candles["ts"].between(page.request.start, page.request.end, inclusive="left").all()
        assert complete_from == page.request.start
        assert rest_after(page, now=NOW) is None
