"""The Twelve Data vendor: query, transport, answer and identity joined into the vendor protocol.

Here: which calls a request takes. Not here: how a call is sent (``transport``), how its answer is read (``pages``).
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import TypeVar

import pandas as pd

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import LIVE, Ledger, Reservation
from tradematrix_pipelines.vendors.errors import BadKey, DayLimit, MalformedAnswer, VendorError
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest, Listing, Part, Quote
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.twelve_data import query
from tradematrix_pipelines.vendors.twelve_data.batch import fitting, read_parts
from tradematrix_pipelines.vendors.twelve_data.lookup import complete_symbol, pick_match, priced_listing
from tradematrix_pipelines.vendors.twelve_data.pages import Page, bars_in, join, most_pages, read_page, rest_after
from tradematrix_pipelines.vendors.twelve_data.quotes import (
    SymbolMatch,
    Usage,
    read_earliest,
    read_matches,
    read_quote,
    read_usage,
)
from tradematrix_pipelines.vendors.twelve_data.transport import (
    LIVE_ATTEMPTS,
    LIVE_BOUNDS,
    SERIES_BOUNDS,
    Call,
    Transport,
    most_bytes,
)

_logger = logging.getLogger(__name__)

_QUOTE, _LOOK_UP = "quote", "lookup"
"""The purposes under which the credits of quotes, and of the other small endpoints, are booked."""

T = TypeVar("T")


class TwelveData:
    """Twelve Data over HTTP, or anything that speaks its protocol. Safe to use from several threads."""

    max_bars = query.MAX_BARS

    def __init__(
        self,
        *,
        base_url: str,
        key: str,
        ledger: Ledger,
        clock: Clock,
        name: str = "twelve_data",
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        self._transport = Transport(
            vendor=name,
            base_url=base_url,
            key=key,
            ledger=ledger,
            clock=clock,
            retry_policy=retry_policy or RetryPolicy(),
        )

    @property
    def name(self) -> str:
        return self._name

    def unavailable_reason(self, symbol: Symbol, timeframe: Timeframe, trade_date: date) -> str | None:
        """One-minute bars begin on 2020-02-10; for other timeframes nothing is known without a call."""
        del symbol
        if timeframe is Timeframe.M1 and trade_date < query.MINUTES_SINCE:
            return f"has no minutes before {query.MINUTES_SINCE}"
        return None

    def fetch(self, request: CandleRequest) -> CandleAnswer:
        """Return the bars of one window: one call, unless the answer is full and may be cut at one of its ends.

        Raises:
            VendorError: no answer, or one about another instrument.
        """
        page, calls = self._ask(request)
        return self._complete(page, calls=calls, credits_=calls)

    def fetch_many(self, requests: Sequence[CandleRequest]) -> Iterator[Mapping[str, Part]]:
        """Ask for several symbols in one call, or in as few as the minute's credits allow (``protocol.BatchCalls``).

        Each symbol costs a credit. A call is sent once. Where it fails as a whole, for any reason that may be one
        symbol's, it settles nothing; nor does a part that fails for a reason that may pass.
        """
        rest = sorted(requests, key=lambda request: request.start)
        while rest:
            try:
                booked = self._transport.reserve_some(len(fitting(rest)), purpose=rest[0].purpose)
            except VendorError as error:
                yield {request.symbol.name: error for request in rest}
                return
            asked, rest = rest[: booked.credits], rest[booked.credits :]
            readers = [(request.symbol, partial(read_page, request)) for request in asked]
            pages = self._send_together(self._series_call(asked), booked, readers)
            yield {name: self._completed(page) if isinstance(page, Page) else page for name, page in pages.items()}

    def quotes(self, symbols: Sequence[Symbol]) -> dict[str, Quote | VendorError]:
        """Return the quote of each symbol, or why there is none. Costs a credit a symbol; calls are shared as above.

        What a call settles nothing for is asked for once more, alone.
        """
        quotes_: dict[str, Quote | VendorError] = {}
        rest, alone = list(symbols), list[Symbol]()
        while rest:
            try:
                booked = self._transport.reserve_some(len(rest[: query.MAX_SYMBOLS]), purpose=_QUOTE)
            except VendorError as error:
                return quotes_ | {symbol.name: error for symbol in (*alone, *rest)}
            asked, rest = rest[: booked.credits], rest[booked.credits :]
            readers = [(symbol, self._quote_reader(symbol)) for symbol in asked]
            parts = self._send_together(self._quote_call(asked, purpose=_QUOTE), booked, readers)
            alone += [symbol for symbol in asked if parts[symbol.name] is None]
            quotes_ |= {name: part for name, part in parts.items() if part is not None}
        with ThreadPoolExecutor(max_workers=max(1, len(alone))) as pool:
            return quotes_ | dict(pool.map(self._quote_alone, alone))

    def _quote_alone(self, symbol: Symbol) -> tuple[str, Quote | VendorError]:
        call = replace(self._quote_call([symbol], purpose=_QUOTE), attempts=1)
        try:
            return symbol.name, self._transport.send(call, self._quote_reader(symbol))[0]
        except VendorError as error:
            return symbol.name, error

    def _quote_reader(self, symbol: Symbol) -> Callable[[object | None], Quote]:
        return partial(read_quote, symbol=symbol, source=self._name)

    @staticmethod
    def _quote_call(symbols: Sequence[Symbol], *, purpose: str) -> Call:
        params = query.symbols_params(symbols)
        return Call(path="/quote", params=params, about="/quote", credits=len(symbols), purpose=purpose)

    def _send_together(
        self, call: Call, booked: Reservation, readers: Sequence[tuple[Symbol, Callable[[object | None], T]]]
    ) -> dict[str, T | VendorError | None]:
        """Send a call for several symbols once; return what it settles for each, ``None`` = nothing."""
        try:
            read = partial(read_parts, readers, about=call.about, now=self._clock.now())
            parts = self._transport.send_once(call, booked, read)
        except VendorError as error:
            return dict.fromkeys((symbol.name for symbol, _ in readers), self._whole_call(call, error))
        return {name: _settled(part) for name, part in parts.items()}

    @staticmethod
    def _whole_call(call: Call, error: VendorError) -> VendorError | None:
        """Return what a call that failed as a whole settles for each symbol."""
        if isinstance(error, BadKey | DayLimit) or (call.credits == 1 and not error.retryable):
            return error
        _logger.warning("the call for %s failed, each is asked for alone: %s", call.what, error)
        return None

    def earliest(self, symbol: Symbol, timeframe: Timeframe, *, purpose: str) -> datetime:
        """Return the open of the first bar there is (``protocol.HistoryStarts``). Costs a credit."""
        params = query.earliest_params(symbol, timeframe)
        call = Call(path="/earliest_timestamp", params=params, about="/earliest_timestamp", purpose=purpose)
        return self._transport.send(call, partial(read_earliest, timeframe=timeframe))[0]

    def usage(self) -> Usage:
        """Return what the key has spent, by the vendor's count. Costs a credit; raises :class:`VendorError`."""
        return self._transport.send(self._look_up("/api_usage", {}), read_usage)[0]

    def check(self) -> str:
        """Return what the plan allows and what is used of it. Costs a credit; raises :class:`VendorError`."""
        usage = self.usage()
        state = f"{self._name} answers; credits this minute: {usage.used_this_minute} of {usage.minute_limit}"
        return state if usage.day_limit is None else f"{state}, today: {usage.used_today} of {usage.day_limit}"

    def search(self, text: str) -> tuple[SymbolMatch, ...]:
        """Return the instruments that ``text`` may mean. Costs a credit; raises :class:`VendorError`."""
        call = self._look_up("/symbol_search", {"symbol": text})
        return self._transport.send(call, read_matches)[0]

    def look_up(self, symbol: Symbol, *, fixed: bool) -> Listing:
        """Return the instrument that ``symbol`` names, with its current price. Costs two credits.

        Raises:
            UsageError: there is no such instrument, or there are several.
            VendorError: the vendor can't be asked.
        """
        match = pick_match(
            self.search(query.vendor_symbol(symbol)),
            symbol=query.vendor_symbol(symbol),
            exchange=symbol.exchange,
            instrument=symbol.instrument if fixed else None,
        )
        listed = complete_symbol(symbol, match)
        quote, _ = self._transport.send(self._quote_call([listed], purpose=_LOOK_UP), self._quote_reader(listed))
        return priced_listing(listed, match, price=quote.price)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _ask(self, request: CandleRequest) -> tuple[Page, int]:
        return self._transport.send(self._series_call([request]), partial(read_page, request))

    @staticmethod
    def _series_call(requests: Sequence[CandleRequest]) -> Call:
        live = requests[0].purpose == LIVE
        bounds = LIVE_BOUNDS if live else SERIES_BOUNDS
        bars = len(requests) * (bars_in(query.joint_window(requests)) + 1)
        return Call(
            path="/time_series",
            params=query.series_params(requests),
            about=str(requests[0].timeframe),
            credits=len(requests),
            purpose=requests[0].purpose,
            bounds=bounds if len(requests) == 1 else replace(bounds, max_bytes=most_bytes(bars)),
            attempts=LIVE_ATTEMPTS if live else None,
        )

    def _completed(self, page: Page) -> Part:
        try:
            return self._complete(page, calls=1, credits_=1)
        except VendorError as error:
            return _settled(error)

    def _complete(self, first: Page, *, calls: int, credits_: int) -> CandleAnswer:
        """Ask for what full pages may have left out at both ends, and join the pages."""
        request, page, frames = first.request, first, []
        while True:
            candles, complete_from, more = self._with_newer_pages(page)
            frames.append(candles)
            calls, credits_ = calls + more, credits_ + more
            if not page.request.start < complete_from < page.request.end:
                break
            page, more = self._ask(replace(page.request, end=complete_from))
            calls, credits_ = calls + more, credits_ + more
        filled = [frame for frame in frames if len(frame)]
        return CandleAnswer(
            candles=pd.concat(filled, ignore_index=True) if filled else empty_candles(),
            source=self._name,
            calls=calls,
            credits=credits_,
            # An exchange's bars are anchored at its open, and its last one ends with the session.
            cut_at_close=not request.symbol.quotes_all_day,
        )

    def _with_newer_pages(self, first: Page) -> tuple[pd.DataFrame, datetime, int]:
        """Return a page joined with those after it, from where on they are complete, and the requests that it took."""
        pages, calls = [first], 0
        while (rest := rest_after(pages[-1], now=self._clock.now())) is not None:
            if len(pages) >= most_pages(first.request):
                raise MalformedAnswer(f"{len(pages)} full answers for {rest.symbol.name} don't fill one window")
            page, more = self._ask(rest)
            pages.append(page)
            calls += more
        return *join(pages), calls

    @staticmethod
    def _look_up(path: str, params: query.Params) -> Call:
        return Call(path=path, params=params, about=path, purpose=_LOOK_UP)


def _settled(part: T | VendorError) -> T | VendorError | None:
    """Return a part of a call for several symbols; ``None`` where asking again may help."""
    return None if isinstance(part, VendorError) and part.retryable else part
