"""The small endpoints (quote, start of history, usage, search): a reader each, and their values. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import MalformedAnswer
from tradematrix_pipelines.vendors.numbers import to_float
from tradematrix_pipelines.vendors.protocol import Quote
from tradematrix_pipelines.vendors.twelve_data.identity import check_identity
from tradematrix_pipelines.vendors.twelve_data.responses import read_meta


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


def read_quote(body: object | None, symbol: Symbol, *, source: str) -> Quote:
    """Read ``/quote``.

    Raises:
        MalformedAnswer: a promised field is missing, or the price is not one.
        WrongInstrument: it is about something else than ``symbol``.
    """
    fields = _fields(body, "/quote", "symbol", "close", "timestamp")
    price = to_float(fields["close"])
    if not (math.isfinite(price) and price > 0):
        raise MalformedAnswer(f"/quote answered with {str(fields['close'])[:40]!r}, which is not a price")
    check_identity(read_meta(fields), pd.DataFrame({"close": [price]}), symbol)
    return Quote(
        # The stamp is the day's; where the vendor gives that of its last minute, too, this is the price's.
        at=_unix(fields.get("last_quote_at") or fields["timestamp"]),
        source=source,
        price=price,
        open=to_float(fields.get("open")),
        high=to_float(fields.get("high")),
        low=to_float(fields.get("low")),
        previous_close=to_float(fields.get("previous_close")),
        change=to_float(fields.get("change")),
        change_percent=to_float(fields.get("percent_change")),
        volume=to_float(fields.get("volume")),
    )


def read_earliest(body: object | None, timeframe: Timeframe) -> datetime:
    """Read ``/earliest_timestamp``: the open of the first bar, aware, UTC; of a daily one midnight UTC of its date.

    Raises:
        MalformedAnswer: the field is missing or not an instant.
    """
    fields = _fields(body, "/earliest_timestamp", "datetime", "unix_time")
    if timeframe is not Timeframe.D1:
        return _unix(fields["unix_time"])
    day = _text(fields, "datetime")[: len("2006-01-02")]
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise MalformedAnswer(f"{day!r} is not a date") from None


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
