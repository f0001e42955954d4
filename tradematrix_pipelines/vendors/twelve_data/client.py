"""The Twelve Data vendor: query, transport, answer and identity joined into the vendor protocol.

Here: which calls a request takes. Not here: how a call is sent (``transport``), how its answer is read (``pages``).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial

import pandas as pd

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import LIVE, Ledger
from tradematrix_pipelines.vendors.errors import MalformedAnswer, VendorError
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest, Listing
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.twelve_data import query, quotes
from tradematrix_pipelines.vendors.twelve_data.batch import read_batch
from tradematrix_pipelines.vendors.twelve_data.lookup import complete_symbol, pick_match, priced_listing
from tradematrix_pipelines.vendors.twelve_data.pages import Page, join, most_pages, read_page, rest_after
from tradematrix_pipelines.vendors.twelve_data.transport import (
    LIVE_ATTEMPTS,
    LIVE_BOUNDS,
    SERIES_BOUNDS,
    Call,
    Transport,
)

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

    def fetch_batch(self, requests: Sequence[CandleRequest]) -> dict[str, CandleAnswer | VendorError]:
        """Return the candles of the same window of several symbols, with one call, by :attr:`Symbol.name`.

        Each symbol costs a credit. A symbol that fails is returned as its error and does not affect the others.

        Raises:
            VendorError: the call as a whole failed.
        """
        call = Call(
            path="/time_series",
            params=query.batch_params(requests),
            what=f"{', '.join(query.vendor_symbol(r.symbol) for r in requests)} {requests[0].timeframe}",
            credits=len(requests),
            purpose=requests[0].purpose,
            bounds=replace(SERIES_BOUNDS, max_bytes=len(requests) * SERIES_BOUNDS.max_bytes),
        )
        parts, calls = self._transport.send(call, partial(read_batch, requests, now=self._clock.now()))
        return {name: self._part(part, calls) for name, part in parts.items()}

    def quote(self, symbol: Symbol) -> quotes.Quote:
        """Return the latest daily bar and price of ``symbol``. Costs a credit; raises :class:`VendorError`."""
        call = self._look_up("/quote", query.symbol_params(symbol))
        return self._transport.send(call, quotes.read_quote)[0]

    def price(self, symbol: Symbol) -> float:
        """Return the latest price of ``symbol``. Costs a credit; raises :class:`VendorError`."""
        call = self._look_up("/price", query.symbol_params(symbol))
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
        live = request.purpose == LIVE
        call = Call(
            path="/time_series",
            params=query.series_params(request),
            what=f"{query.vendor_symbol(request.symbol)} {request.timeframe}",
            purpose=request.purpose,
            bounds=LIVE_BOUNDS if live else SERIES_BOUNDS,
            attempts=LIVE_ATTEMPTS if live else None,
        )
        return self._transport.send(call, partial(read_page, request))

    def _part(self, part: Page | VendorError, calls: int) -> CandleAnswer | VendorError:
        if isinstance(part, VendorError):
            return part
        try:
            return self._complete(part, calls=calls, credits_=calls)
        except VendorError as error:
            return error

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
