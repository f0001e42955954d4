"""The Yahoo vendor: which calls a request takes, sent through yfinance's session (cookies, browser fingerprint).

Here: windows, limits of history, retries. Not here: the format of an answer (``responses``).
"""

from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pandas as pd
from yfinance.cache import set_cache_location
from yfinance.data import YfData
from yfinance.exceptions import YFRateLimitError

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import MinuteLimit, VendorFault
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest
from tradematrix_pipelines.vendors.retrying import RetryPolicy, retrying
from tradematrix_pipelines.vendors.yahoo.responses import read_chart

YAHOO_URL = "https://query2.finance.yahoo.com"
_TIMEOUT_SECONDS = 30
_HISTORY = ((1, timedelta(days=30)), (30, timedelta(days=60)), (60, timedelta(days=730)))
"""How far back bars of at most so many minutes go; daily ones have no such limit."""

_LONGEST_CALL = {Timeframe.M1: timedelta(days=7)}
"""Yahoo gives at most 8 days of minutes a call; other timeframes are limited by its history only."""


class Yahoo:
    """Yahoo's charts. Needs no key, goes back 30 days with minutes. Safe to use from several threads."""

    name = "yahoo"
    max_bars = 10_000
    """No such limit is known; with this one, a failed window fails only a part of the series."""

    def __init__(
        self, *, clock: Clock, cache: Path, base_url: str = YAHOO_URL, retry_policy: RetryPolicy | None = None
    ) -> None:
        """``cache``: folder for yfinance's cookies, which it puts into the user's home by default."""
        set_cache_location(str(cache))
        self._clock, self._base_url = clock, base_url
        self._retry_policy = retry_policy or RetryPolicy(attempts=3)

    def unavailable_reason(self, symbol: Symbol, timeframe: Timeframe, trade_date: date) -> str | None:
        """Return how many days of bars of this length Yahoo keeps, where the date lies before them."""
        del symbol
        minutes = timeframe.minutes
        reach = next((days for most, days in _HISTORY if minutes is not None and minutes <= most), None)
        # A session opens on the evening before its date at the earliest.
        if reach is not None and trade_date <= (self._clock.now() - reach).date() + timedelta(days=1):
            return f"has {timeframe} bars of the last {reach.days} days only"
        return None

    def fetch(self, request: CandleRequest) -> CandleAnswer:
        """Return the candles of one window, in as many calls as Yahoo's limit on their length takes.

        Raises:
            VendorError: no answer, or one about another instrument.
        """
        frames, start, calls = [], request.start, 0
        while start < request.end:
            longest = _LONGEST_CALL.get(request.timeframe)
            end = request.end if longest is None else min(request.end, start + longest)
            frames.append(self._ask(request.symbol, request.timeframe, start, end))
            start, calls = end, calls + 1
        filled = [frame for frame in frames if len(frame)]
        candles = pd.concat(filled, ignore_index=True) if filled else empty_candles()
        inside = candles["ts"].between(request.start, request.end, inclusive="left")
        return CandleAnswer(
            candles=candles[inside].reset_index(drop=True),
            source=self.name,
            calls=calls,
            # Yahoo's bars of an exchange are cut too: pre- and post-market bars are not requested.
            cut_at_close=not request.symbol.quotes_all_day,
        )

    def check(self) -> str:
        """Ask for the last days of EUR/USD and return that Yahoo answers; raises :class:`VendorError`."""
        euro = next(symbol for symbol in DEFAULT_SYMBOLS if symbol.name == "EUR/USD")
        now = self._clock.now()
        self._ask(euro, Timeframe.D1, now - timedelta(days=7), now)
        return "yahoo answers; no key, no credits"

    def close(self) -> None:
        """Do nothing: yfinance keeps one session for the whole process."""

    def _ask(self, symbol: Symbol, timeframe: Timeframe, start: datetime, end: datetime) -> pd.DataFrame:
        url = f"{self._base_url}/v8/finance/chart/{quote(symbol.symbol_at(self.name))}"
        # Daily bars are stamped with local midnights: a day more on both ends includes them in any zone.
        more = timedelta(days=1) if timeframe is Timeframe.D1 else timedelta()
        params = {
            "period1": int((start - more).timestamp()),
            "period2": int((end + more).timestamp()),
            "interval": timeframe.row.yahoo,
            "includePrePost": "false",
        }
        for attempt in retrying(self._retry_policy, self._clock):
            with attempt:
                status, body = _get(url, params)
                return read_chart(status, body, symbol=symbol, timeframe=timeframe)
        raise AssertionError  # the last attempt returns or raises


def _get(url: str, params: dict[str, object]) -> tuple[int, bytes]:
    try:
        response = YfData().get(url, params=params, timeout=_TIMEOUT_SECONDS)
    except YFRateLimitError:
        raise MinuteLimit("Yahoo refuses for too many requests: it is asked again later") from None
    except Exception as error:  # noqa: BLE001 - yfinance reads cookies and consent pages as well, and may fail in any way
        raise VendorFault(
            f"no answer from Yahoo ({type(error).__name__}): check the connection, or try later"
        ) from None
    return int(response.status_code), bytes(response.content)
