"""The Twelve Data vendor: query, transport, answer and identity joined into the vendor protocol.

Here: which calls a question takes. Not here: how one is sent (``transport``), how its answer is read (``pieces``).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial

from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import LIVE, Ledger
from tradematrix_pipelines.vendors.errors import MalformedAnswer, VendorError
from tradematrix_pipelines.vendors.patience import Patience
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest
from tradematrix_pipelines.vendors.twelve_data import query, quotes
from tradematrix_pipelines.vendors.twelve_data.batch import read_batch
from tradematrix_pipelines.vendors.twelve_data.pieces import Piece, join, most_pieces, read_piece, rest_after
from tradematrix_pipelines.vendors.twelve_data.transport import (
    LIVE_BOUNDS,
    LIVE_TRIES,
    SERIES_BOUNDS,
    Call,
    Reply,
    Transport,
)

_LOOK_UP = "lookup"
"""What the small endpoints' credits are booked under."""


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
        patience: Patience | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        self._transport = Transport(
            vendor=name, base_url=base_url, key=key, ledger=ledger, clock=clock, patience=patience or Patience()
        )

    @property
    def name(self) -> str:
        return self._name

    def lacks(self, symbol: Symbol, timeframe: Timeframe, trade_date: date) -> str | None:
        """One-minute bars begin on 2020-02-10; of the other timeframes nothing is known without a call."""
        del symbol
        if timeframe is Timeframe.M1 and trade_date < query.MINUTES_SINCE:
            return f"has no minutes before {query.MINUTES_SINCE}"
        return None

    def fetch(self, request: CandleRequest) -> CandleAnswer:
        """Return the candles of one window: one call, unless the answer is full and may be cut at its newer end.

        Raises:
            VendorError: no answer, or one about another instrument, of which nothing is returned.
        """
        return self._complete(self._ask(request))

    def fetch_batch(self, requests: Sequence[CandleRequest]) -> dict[str, CandleAnswer | VendorError]:
        """Return the candles of the same window of several symbols, with one call, by :attr:`Symbol.name`.

        Each symbol costs its own credit; one that fails is its error and costs the others nothing of theirs.

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
        reply = self._transport.send(call, partial(read_batch, requests, now=self._clock.now()))
        own_credits = reply.credits // len(requests)
        return {name: self._part(part, reply.calls, own_credits) for name, part in reply.value.items()}

    def quote(self, symbol: Symbol) -> quotes.Quote:
        """Return the latest daily bar and price of ``symbol``. Costs a credit; raises :class:`VendorError`."""
        call = self._look_up("/quote", query.symbol_params(symbol))
        return self._transport.send(call, quotes.read_quote).value

    def price(self, symbol: Symbol) -> float:
        """Return the latest price of ``symbol``. Costs a credit; raises :class:`VendorError`."""
        call = self._look_up("/price", query.symbol_params(symbol))
        return self._transport.send(call, quotes.read_price).value

    def earliest(self, symbol: Symbol, timeframe: Timeframe) -> datetime:
        """Return the open of the first bar there is, aware, UTC. Costs a credit; raises :class:`VendorError`."""
        call = self._look_up("/earliest_timestamp", query.earliest_params(symbol, timeframe))
        return self._transport.send(call, quotes.read_earliest).value

    def usage(self) -> quotes.Usage:
        """Return what the key has spent, by the vendor's count. Costs a credit; raises :class:`VendorError`."""
        return self._transport.send(self._look_up("/api_usage", {}), quotes.read_usage).value

    def check(self) -> str:
        """Return what the plan allows and what is used of it. Costs a credit; raises :class:`VendorError`."""
        usage = self.usage()
        told = f"{self._name} answers; credits this minute: {usage.used_this_minute} of {usage.minute_limit}"
        return told if usage.day_limit is None else f"{told}, today: {usage.used_today} of {usage.day_limit}"

    def search(self, text: str) -> tuple[quotes.SymbolMatch, ...]:
        """Return the instruments that ``text`` may mean. Costs a credit; raises :class:`VendorError`."""
        call = self._look_up("/symbol_search", {"symbol": text})
        return self._transport.send(call, quotes.read_matches).value

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _ask(self, request: CandleRequest) -> Reply[Piece]:
        live = request.purpose == LIVE
        call = Call(
            path="/time_series",
            params=query.series_params(request),
            what=f"{query.vendor_symbol(request.symbol)} {request.timeframe}",
            purpose=request.purpose,
            bounds=LIVE_BOUNDS if live else SERIES_BOUNDS,
            tries=LIVE_TRIES if live else None,
        )
        return self._transport.send(call, partial(read_piece, request))

    def _part(self, part: Piece | VendorError, calls: int, own_credits: int) -> CandleAnswer | VendorError:
        if isinstance(part, VendorError):
            return part
        try:
            return self._complete(Reply(value=part, calls=calls, credits=own_credits))
        except VendorError as error:
            return error

    def _complete(self, first: Reply[Piece]) -> CandleAnswer:
        """Ask for what a full answer may have left out at its newer end, and join all of it."""
        replies = [first]
        request = first.value.request
        while (rest := rest_after(replies[-1].value, now=self._clock.now())) is not None:
            if len(replies) >= most_pieces(request):
                raise MalformedAnswer(f"{len(replies)} full answers for {request.symbol.name} don't fill one window")
            replies.append(self._ask(rest))
        candles, complete_from = join([reply.value for reply in replies])
        return CandleAnswer(
            candles=candles,
            source=self._name,
            complete_from=complete_from,
            calls=sum(reply.calls for reply in replies),
            credits=sum(reply.credits for reply in replies),
            # An exchange's bars are anchored at its open, and its last one ends with the session.
            cut_at_close=not request.symbol.quotes_all_day,
        )

    @staticmethod
    def _look_up(path: str, params: query.Params) -> Call:
        return Call(path=path, params=params, what=f"{params.get('symbol', '')} {path}".strip(), purpose=_LOOK_UP)
