"""The small endpoints (latest prices, start of history, usage, search): a frozen value and a reader each. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tradematrix_pipelines.vendors.errors import MalformedAnswer
from tradematrix_pipelines.vendors.numbers import to_float


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """The latest daily bar and price of a symbol. A number that the vendor does not give is NaN.

    Attributes:
        at: instant of the quote, aware, UTC.
        volume: NaN for forex.
        is_market_open: whether the market is open, as the vendor says.
    """

    symbol: str
    name: str
    exchange: str
    currency: str
    at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    previous_close: float
    is_market_open: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What the key has spent, by the vendor's own count. The day's pair is given on the Basic plan only."""

    used_this_minute: int
    minute_limit: int
    used_today: int | None
    day_limit: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolMatch:
    """One instrument of the vendor's catalogue. A text that the vendor does not give is empty."""

    symbol: str
    name: str
    type: str
    exchange: str
    mic_code: str
    currency: str
    country: str


def read_quote(body: object | None) -> Quote:
    """Read ``/quote``.

    Raises:
        MalformedAnswer: a promised field is missing.
    """
    fields = _fields(body, "/quote", "symbol", "close", "timestamp")
    return Quote(
        symbol=_text(fields, "symbol"),
        name=_text(fields, "name"),
        exchange=_text(fields, "exchange"),
        currency=_text(fields, "currency"),
        at=_unix(fields["timestamp"]),
        open=to_float(fields.get("open")),
        high=to_float(fields.get("high")),
        low=to_float(fields.get("low")),
        close=to_float(fields["close"]),
        volume=to_float(fields.get("volume")),
        previous_close=to_float(fields.get("previous_close")),
        is_market_open=fields.get("is_market_open") is True,
    )


def read_price(body: object | None) -> float:
    """Read ``/price``: the latest price.

    Raises:
        MalformedAnswer: there is no price, or it is not a number.
    """
    price = to_float(_fields(body, "/price", "price")["price"])
    if math.isnan(price):
        raise MalformedAnswer("/price answered with something that is not a number")
    return price


def read_earliest(body: object | None) -> datetime:
    """Read ``/earliest_timestamp``: the open of the first bar, aware, UTC.

    Raises:
        MalformedAnswer: the field is missing or not an instant.
    """
    return _unix(_fields(body, "/earliest_timestamp", "unix_time")["unix_time"])


def read_usage(body: object | None) -> Usage:
    """Read ``/api_usage``.

    Raises:
        MalformedAnswer: the minute's counts are missing or not numbers.
    """
    fields = _fields(body, "/api_usage", "current_usage", "plan_limit")
    counts = {name: _whole(fields.get(name)) for name in ("current_usage", "plan_limit")}
    used, limit = counts["current_usage"], counts["plan_limit"]
    if used is None or limit is None:
        raise MalformedAnswer(f"/api_usage answered with counts that are not numbers: {counts}")
    return Usage(
        used_this_minute=used,
        minute_limit=limit,
        used_today=_whole(fields.get("daily_usage")),
        day_limit=_whole(fields.get("plan_daily_limit")),
    )


def read_matches(body: object | None) -> tuple[SymbolMatch, ...]:
    """Read ``/symbol_search``, best match first.

    Raises:
        MalformedAnswer: there is no list of matches.
    """
    rows = _fields(body, "/symbol_search", "data")["data"]
    if not isinstance(rows, list):
        raise MalformedAnswer("/symbol_search answered without a list of matches")
    return tuple(_match(row) for row in rows if isinstance(row, dict))


def _match(row: Mapping[str, object]) -> SymbolMatch:
    return SymbolMatch(
        symbol=_text(row, "symbol"),
        name=_text(row, "instrument_name"),
        type=_text(row, "instrument_type"),
        exchange=_text(row, "exchange"),
        mic_code=_text(row, "mic_code"),
        currency=_text(row, "currency"),
        country=_text(row, "country"),
    )


def _fields(body: object | None, endpoint: str, *promised: str) -> Mapping[str, object]:
    missing = [name for name in promised if not isinstance(body, dict) or name not in body]
    if not isinstance(body, dict) or missing:
        raise MalformedAnswer(f"{endpoint} answered without {', '.join(missing)}")
    return body


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _unix(value: object) -> datetime:
    try:
        return datetime.fromtimestamp(to_float(value), UTC)
    except (ValueError, OverflowError, OSError):
        raise MalformedAnswer(f"{str(value)[:40]!r} is not a unix time") from None


def _whole(value: object) -> int | None:
    number = to_float(value)
    return int(number) if number.is_integer() else None
