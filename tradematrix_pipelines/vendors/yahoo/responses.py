"""From the body of a Yahoo chart to candles, an empty window, or an error. Pure.

The body is ``{"chart": {"result": [{"meta", "timestamp", "indicators": {"quote": [{…}]}}], "error": null}}``. Stamps
are seconds, of the bar's open; those of daily bars are local midnights, so their UTC date can be the day before. A row
without any price is a bar that Yahoo does not have. The newest day may come twice: the last row counts.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradematrix_pipelines.candles.frame import PRICES, TS_DTYPE, VALUES, as_candles, empty_candles
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import (
    BadRequest,
    BadSymbol,
    MalformedAnswer,
    MinuteLimit,
    Unavailable,
    VendorFault,
    WrongInstrument,
)
from tradematrix_pipelines.vendors.numbers import to_floats

_TYPES = {
    "INDEX": {InstrumentType.INDEX},
    "EQUITY": {InstrumentType.STOCK},
    "ETF": {InstrumentType.ETF},
    "CURRENCY": {InstrumentType.FOREX, InstrumentType.METAL},
    "CRYPTOCURRENCY": {InstrumentType.CRYPTO},
    "FUTURE": {InstrumentType.FUTURE},
}

_WINTER_AND_SUMMER = (datetime(2026, 1, 15), datetime(2026, 7, 15))  # noqa: DTZ001 - the zone's own wall clock is asked


def read_chart(status: int, body: bytes, *, symbol: Symbol, timeframe: Timeframe) -> pd.DataFrame:
    """Return the candles of an answer (``vendors.protocol``), ascending as Yahoo gives them.

    Raises:
        VendorError: there are no candles, or none that can be used.
    """
    if status == 429:
        raise MinuteLimit("Yahoo refuses for too many requests: it is asked again later")
    if status >= 500:
        raise VendorFault(f"Yahoo failed with HTTP {status}: try again later")
    chart = _chart(body, status)
    _raise_error(chart.get("error"), status, symbol)
    try:
        [result] = chart["result"]
        meta = result["meta"]
        check_identity(meta, symbol)
        candles = _candles(result, meta, timeframe)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise MalformedAnswer(
            f"Yahoo's chart of {symbol.name} is not in the expected format ({type(error).__name__})"
        ) from None
    _check_scale(candles, symbol)
    return candles


def check_identity(meta: Mapping[str, Any], symbol: Symbol) -> None:
    """Raise :class:`WrongInstrument` when the chart is of another instrument than the symbol's row describes."""
    asked = symbol.symbol_at("yahoo")
    possible = _TYPES.get(str(meta.get("instrumentType", "")).upper())
    conflicts = []
    if str(meta.get("symbol", asked)).upper() != asked.upper():
        conflicts.append(f"it answered with {meta['symbol']}")
    if possible is not None and symbol.instrument not in possible:
        conflicts.append(f"its type is {meta['instrumentType']}, that of {symbol.name} is {symbol.instrument}")
    if meta.get("currency") not in {None, "", symbol.currency}:
        conflicts.append(f"it is in {meta['currency']}, {symbol.name} is in {symbol.currency}")
    if _trades_elsewhere(meta, symbol):
        conflicts.append(
            f"it trades in the time zone {meta['exchangeTimezoneName']}, {symbol.name} in that of {symbol.calendar}"
        )
    if conflicts:
        raise WrongInstrument(
            f"asked Yahoo for {asked}, but {'; '.join(conflicts)}. Nothing of the answer is kept: "
            f"set what {symbol.name} is called at yahoo, or leave Yahoo out for it"
        )


def _trades_elsewhere(meta: Mapping[str, Any], symbol: Symbol) -> bool:
    """Return whether the time zones of the two exchanges differ.

    Yahoo has its own codes for exchanges, but standard time zones. One zone may have two names, so the offsets of a day
    in winter and one in summer are compared. Symbols that trade around the clock have no exchange.
    """
    if symbol.quotes_all_day or meta.get("exchangeTimezoneName") is None:
        return False
    theirs, own = _zone(str(meta["exchangeTimezoneName"])), calendar_of(symbol).timezone
    return any(theirs.utcoffset(day) != own.utcoffset(day) for day in _WINTER_AND_SUMMER)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise MalformedAnswer(f"Yahoo names a time zone that is not known: {name!r}") from None


def _chart(body: bytes, status: int) -> Mapping[str, Any]:
    try:
        chart = json.loads(body)["chart"]
        if not isinstance(chart, dict):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise MalformedAnswer(
            f"Yahoo answered HTTP {status} with something that is not a chart: try again later"
        ) from None
    return chart


def _raise_error(error: object, status: int, symbol: Symbol) -> None:
    if error is None and status < 400:
        return
    detail = error if isinstance(error, dict) else {}
    what = str(detail.get("description") or detail.get("code") or f"HTTP {status}")
    if status == 404 or detail.get("code") == "Not Found":
        raise BadSymbol(f"Yahoo doesn't know {symbol.symbol_at('yahoo')} ({what}): set what it is called at yahoo")
    if "not available" in what:
        raise Unavailable(f"Yahoo has no such bars of {symbol.name}: {what}")
    raise BadRequest(f"Yahoo refuses {symbol.name}: {what}")


def _candles(result: Mapping[str, Any], meta: Mapping[str, Any], timeframe: Timeframe) -> pd.DataFrame:
    stamps: Sequence[int] = result.get("timestamp") or []
    if not stamps:
        return empty_candles()
    [quote] = result["indicators"]["quote"]
    values = {name: _column(quote.get(name), len(stamps)) for name in VALUES}
    opens = pd.Series(pd.to_datetime(np.array(stamps, dtype=np.int64), unit="s", utc=True))
    if timeframe is Timeframe.D1:
        opens = opens.dt.tz_convert(_zone(str(meta["exchangeTimezoneName"])))
        opens = opens.dt.tz_localize(None).dt.normalize().dt.tz_localize("UTC")
    frame = as_candles(pd.DataFrame({"ts": opens.astype(TS_DTYPE), **values}))
    frame = frame[frame[PRICES].notna().any(axis=1)]
    if timeframe is Timeframe.D1 and frame["ts"].iloc[-2:].duplicated().any():
        frame = frame.drop(index=frame.index[-2])
    return frame.reset_index(drop=True)


def _column(values: object, length: int) -> npt.NDArray[np.float64]:
    """Return one value a stamp; NaN for a column that Yahoo leaves out.

    Raises:
        ValueError: the number of values is another one.
    """
    if not values:
        return np.full(length, np.nan)
    if not isinstance(values, list) or len(values) != length:
        raise ValueError("as many values as stamps")
    return to_floats(values)


def _check_scale(candles: pd.DataFrame, symbol: Symbol) -> None:
    closes = candles["close"].dropna()
    if symbol.price_range is None or closes.empty:
        return
    low, high = symbol.price_range
    if not low <= float(closes.median()) <= high:
        raise WrongInstrument(
            f"Yahoo's closes of {symbol.name} are near {closes.median():g}, not between {low:g} and {high:g}: "
            "nothing of the answer is kept"
        )
