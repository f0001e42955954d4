"""What the simulated vendor has, read independently of the project's ingestion, and the levels expected from it.

The bars are fetched over HTTP and kept unchanged, assigned to sessions by the calendar alone; levels are computed
here from them, with separate formulas.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import httpx
import pandas as pd

from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol

_NUMBERS = ["open", "high", "low", "close"]
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """The levels to trade a session with."""

    y_high: float
    y_low: float
    y_close: float
    pivot: float
    r1: float
    s1: float


def minutes_of(url: str, symbol: Symbol, start: datetime, end: datetime) -> pd.DataFrame:
    """Return the vendor's one-minute bars inside sessions, indexed by bar open, UTC."""
    sessions = calendar_of(symbol).sessions(start.date() - _DAY, end.date() + _DAY)
    frames = [_ask(url, symbol, "1min", s.opens_at, s.closes_at - timedelta(minutes=1)) for s in sessions]
    bars = pd.concat(frames)
    return bars[(bars.index >= start) & (bars.index < end)]


def levels_of(url: str, symbol: Symbol, before: Session) -> Expected:
    """Return the levels that follow from a session: its official day, or its minutes where there is none."""
    if symbol.quotes_all_day:
        bars = _ask(url, symbol, "1min", before.opens_at, before.closes_at - timedelta(minutes=1))
    else:
        bars = _ask(url, symbol, "1day", _midnight(before.trade_date), _midnight(before.trade_date + _DAY))
        bars = bars[bars.index == _midnight(before.trade_date)]
    high, low, close = float(bars["high"].max()), float(bars["low"].min()), float(bars["close"].iloc[-1])
    pivot = (high + low + close) / 3
    return Expected(y_high=high, y_low=low, y_close=close, pivot=pivot, r1=2 * pivot - low, s1=2 * pivot - high)


def _ask(url: str, symbol: Symbol, interval: str, start: datetime, end: datetime) -> pd.DataFrame:
    form = "%Y-%m-%d" if interval == "1day" else "%Y-%m-%dT%H:%M:%S"
    params = {
        "symbol": symbol.symbol_at("twelve_data"),
        "interval": interval,
        "start_date": start.strftime(form),
        "end_date": end.strftime(form),
        "timezone": "UTC",
        "order": "asc",
        "outputsize": "5000",
    }
    answer = httpx.get(f"{url}/time_series", params=params, headers={"Authorization": "apikey any"}, timeout=60).json()
    rows = pd.DataFrame(answer.get("values", []), columns=["datetime", *_NUMBERS])
    rows.index = pd.DatetimeIndex(pd.to_datetime(rows.pop("datetime"), utc=True))
    bars = rows.astype("float64")
    return bars[(bars.index >= start) & (bars.index <= end)]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
