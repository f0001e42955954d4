"""From a request to the parameters of a call. Pure: nothing here is sent.

The key is not a parameter: it goes into a header, because URLs get logged.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.protocol import CandleRequest

CATALOGUE = "twelve_data"
"""The vendor whose symbol names are used in queries; the simulator uses them too."""

MAX_BARS = 5000
"""Bars that one answer can carry (``outputsize``)."""

MAX_SYMBOLS = 50
"""Symbols that one call is asked for, so that its URL stays short enough for any server."""

MINUTES_SINCE = date(2020, 2, 10)
"""First day with one-minute bars."""

INTERVALS = {timeframe: timeframe.row.twelve_data for timeframe in Timeframe}

Params = dict[str, str]


def series_params(requests: Sequence[CandleRequest]) -> Params:
    """Return the parameters of one ``/time_series`` call: one window that contains that of each symbol.

    Raises:
        ValueError: the requests differ in their timeframe, or there is none.
    """
    timeframes = {request.timeframe for request in requests}
    if len(timeframes) != 1:
        msg = f"a call has one timeframe, got {len(timeframes)}"
        raise ValueError(msg)
    return _window_params(joint_window(requests)) | symbols_params([request.symbol for request in requests])


def joint_window(requests: Sequence[CandleRequest]) -> CandleRequest:
    """Return the first request with a window that contains those of all."""
    start, end = min(request.start for request in requests), max(request.end for request in requests)
    return replace(requests[0], start=start, end=end)


def symbols_params(symbols: Sequence[Symbol]) -> Params:
    """Return the parameters of a call about these symbols and nothing else, e.g. ``/quote``."""
    return {"symbol": ",".join(map(vendor_symbol, symbols))}


def earliest_params(symbol: Symbol, timeframe: Timeframe) -> Params:
    """Return the parameters of ``/earliest_timestamp``."""
    return {"symbol": vendor_symbol(symbol), "interval": INTERVALS[timeframe], "timezone": "UTC"}


def vendor_symbol(symbol: Symbol) -> str:
    """Return the name of ``symbol`` in Twelve Data's catalogue."""
    return symbol.symbol_at(CATALOGUE)


def _window_params(request: CandleRequest) -> Params:
    params = {
        "interval": INTERVALS[request.timeframe],
        "order": "asc",
        "outputsize": str(MAX_BARS),
        "start_date": _start_date(request),
        "end_date": _end_date(request),
    }
    if request.timeframe is not Timeframe.D1:  # ignored for days, whose dates are exchange-local
        params["timezone"] = "UTC"
    return params


def _start_date(request: CandleRequest) -> str:
    start = request.start.astimezone(UTC)
    return start.date().isoformat() if request.timeframe is Timeframe.D1 else _instant(start)


def _end_date(request: CandleRequest) -> str:
    """For days the end is exclusive. For other bars it is not documented, so one bar more is asked for."""
    end = request.end.astimezone(UTC)
    if request.timeframe is not Timeframe.D1:
        return _instant(end)
    last = (end - timedelta(microseconds=1)).date()
    return (last + timedelta(days=1)).isoformat()


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
