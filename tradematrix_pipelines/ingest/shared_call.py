"""One call for several symbols, awaited by each symbol's own pull.

Here: who asks, who waits, and who asks alone. Not here: how many symbols fit into a call (the vendor's ``fetch_many``),
or what a pull asks for (``live``).
"""

import logging
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.tracing import span
from tradematrix_pipelines.vendors.errors import VendorError
from tradematrix_pipelines.vendors.protocol import BatchCalls, CandleAnswer, CandleRequest, Part, Vendor

_logger = logging.getLogger(__name__)


class SharedCall:
    """The call for several symbols at one vendor. One thread asks, and each symbol's own thread waits for its part."""

    def __init__(self, vendor: Vendor, symbols: Iterable[Symbol]) -> None:
        self._vendor = vendor
        self._parts: dict[str, Future[Part]] = {symbol.name: Future() for symbol in symbols}
        self._requests: dict[str, CandleRequest] = {}

    def ask(self, requests: Iterable[CandleRequest]) -> None:
        """Ask for what several symbols' threads wait for; a symbol that this settles nothing for asks alone.

        Args:
            requests: at most one a symbol.
        """
        try:
            if isinstance(self._vendor, BatchCalls):
                self._requests = {request.symbol.name: request for request in requests}
                with span("fetch together", vendor=self._vendor.name, symbols=len(self._requests)):
                    for parts in self._vendor.fetch_many(list(self._requests.values())):
                        for name, part in parts.items():
                            self._parts[name].set_result(part)
        except Exception:  # a plug-in may fail in any way, and its single calls may work all the same
            _logger.exception("%s: the call for several symbols broke, each is asked for alone", self._vendor.name)
        finally:
            for unsettled in self._parts.values():
                if not unsettled.done():
                    unsettled.set_result(None)

    @property
    def vendor(self) -> Vendor:
        """The vendor for the symbols' threads: a ``fetch`` of what was asked for waits for its part."""
        return _Shared(self._vendor, self)

    def part_of(self, request: CandleRequest) -> Part:
        """Wait for the call and return the part that answers ``request``; ``None`` where it has to be asked alone."""
        part = self._parts[request.symbol.name].result()
        return part if self._requests.get(request.symbol.name) == request else None


@dataclass(frozen=True, slots=True)
class _Shared:
    """A vendor whose answers may come with the shared call."""

    vendor: Vendor
    call: SharedCall

    @property
    def name(self) -> str:
        return self.vendor.name

    @property
    def max_bars(self) -> int:
        return self.vendor.max_bars

    def unavailable_reason(self, symbol: Symbol, timeframe: Timeframe, trade_date: date) -> str | None:
        return self.vendor.unavailable_reason(symbol, timeframe, trade_date)

    def fetch(self, request: CandleRequest) -> CandleAnswer:
        part = self.call.part_of(request)
        if isinstance(part, VendorError):
            raise part
        return self.vendor.fetch(request) if part is None else part

    def check(self) -> str:
        return self.vendor.check()

    def close(self) -> None:
        self.vendor.close()
