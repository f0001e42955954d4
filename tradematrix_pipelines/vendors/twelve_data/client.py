"""The Twelve Data vendor: query, transport, answer and identity joined into the vendor protocol.

Here: which calls a request takes. Not here: how a call is sent (``transport``), how its answer is read (``pages``).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial

import pandas as pd

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import LIVE, Ledger, Reservation
from tradematrix_pipelines.vendors.errors import BadKey, DayLimit, MalformedAnswer, VendorError
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest, Listing, Part
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.twelve_data import query, quotes
from tradematrix_pipelines.vendors.twelve_data.batch import fitting, read_batch
from tradematrix_pipelines.vendors.twelve_data.lookup import complete_symbol, pick_match, priced_listing
from tradematrix_pipelines.vendors.twelve_data.pages import Page, bars_in, join, most_pages, read_page, rest_after
from tradematrix_pipelines.vendors.twelve_data.transport import (
    LIVE_ATTEMPTS,
    LIVE_BOUNDS,
    SERIES_BOUNDS,
    Call,
    Transport,
    most_bytes,
)

_logger = logging.getLogger(__name__)

_LOOK_UP = "lookup"
"""The purpose under which the small endpoints' credits are booked."""


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
            yield self._fetch_together(asked, booked)

    def _fetch_together(self, requests: Sequence[CandleRequest], booked: Reservation) -> dict[str, Part]:
        call = self._series_call(requests)
        try:
            parts = self._transport.send_once(call, booked, partial(read_batch, requests, now=self._clock.now()))
        except VendorError as error:
            return dict.fromkeys((request.symbol.name for request in requests), self._whole_call(call, error))
        return {name: self._part(part) for name, part in parts.items()}

    @staticmethod
    def _whole_call(call: Call, error: VendorError) -> VendorError | None:
        """Return the part of each symbol of a call that failed as a whole."""
        if isinstance(error, BadKey | DayLimit) or (call.credits == 1 and not error.retryable):
            return error
        _logger.warning("the call for %s failed, each is asked for alone: %s", call.what, error)
        return None

    def quote(self, symbol: Symbol) -> quotes.Quote:
        """Return the latest daily bar and price of ``symbol``. Costs a credit; raises :class:`VendorError`."""
        call = self._look_up("/quote", query.symbols_params([symbol]))
        return self._transport.send(call, quotes.read_quote)[0]

    def price(self, symbol: Symbol) -> float:
        """Return the latest price of ``symbol``. Costs a credit; raises :class:`VendorError`."""
        call = self._look_up("/price", query.symbols_params([symbol]))
        return self._transport.send(call, quotes.read_price)[0]

    def earliest(self, symbol: Symbol, timeframe: Timeframe) -> datetime:
        """Return the open of the first bar there is, aware, UTC. Costs a credit; raises :class:`VendorError`."""
        call = self._look_up("/earliest_timestamp", query.earliest_params(symbol, timeframe))
        return self._transport.send(call, quotes.read_earliest)[0]

    def usage(self) -> quotes.Usage:
        """Return what the key has spent, by the vendor's count. Costs a credit; raises :class:`VendorError`."""
        return self._transport.send(self._look_up("/api_usage", {}), quotes.read_usage)[0]

    def check(self) -> str:
        """Return what the plan allows and what is used of it. Costs a credit; raises :class:`VendorError`."""
        usage = self.usage()
        state = f"{self._name} answers; credits this minute: {usage.used_this_minute} of {usage.minute_limit}"
        return state if usage.day_limit is None else f"{state}, today: {usage.used_today} of {usage.day_limit}"

    def search(self, text: str) -> tuple[quotes.SymbolMatch, ...]:
        """Return the instruments that ``text`` may mean. Costs a credit; raises :class:`VendorError`."""
        call = self._look_up("/symbol_search", {"symbol": text})
        return self._transport.send(call, quotes.read_matches)[0]

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
        return priced_listing(listed, match, price=self.price(listed))

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
            what=f"{', '.join(query.vendor_symbol(request.symbol) for request in requests)} {requests[0].timeframe}",
            credits=len(requests),
            purpose=requests[0].purpose,
            bounds=bounds if len(requests) == 1 else replace(bounds, max_bytes=most_bytes(bars)),
            attempts=LIVE_ATTEMPTS if live else None,
        )

    def _part(self, part: Page | VendorError) -> Part:
        try:
            if isinstance(part, VendorError):
                raise part
            return self._complete(part, calls=1, credits_=1)
        except VendorError as error:
            return None if error.retryable else error

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
        return Call(path=path, params=params, what=f"{params.get('symbol', '')} {path}".strip(), purpose=_LOOK_UP)
