"""The vendor protocol: return all bars of a symbol and timeframe in a window.

Here: the request, the answer, the protocol. Not here: what becomes of the answer (``ingest``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.vendors.credits import Ledger, Plan
from tradematrix_pipelines.vendors.errors import VendorError

if TYPE_CHECKING:  # a vendor may be asked for its plan or quotes alone
    import pandas as pd


@dataclass(frozen=True, kw_only=True, slots=True)
class CandleRequest:
    """One window of one series.

    Attributes:
        start: first bar open requested, aware, UTC. For the daily timeframe, midnight UTC of the first trade date.
        end: first instant no longer requested (half open), on the same terms.
        purpose: what the credits are booked under: ``backfill``, ``live``, ``doctor``.
    """

    symbol: Symbol
    timeframe: Timeframe
    start: datetime
    end: datetime
    purpose: str = "backfill"


@dataclass(frozen=True, kw_only=True, slots=True)
class CandleAnswer:
    """The vendor's answer, unchecked.

    Attributes:
        candles: ``candles.frame`` columns and dtypes, unscreened: any order, duplicates, ghost bars and a forming
            bar included; a value that is not a number is NaN. ``ts`` of a daily bar is midnight UTC of its
            (exchange-local) date, because that is all the vendor says.
        source: name of the vendor that served it.
        calls: requests sent.
        credits: credits spent.
        cut_at_close: whether these bars were built for the symbol's sessions, so that the last one has no price from
            after the close.
    """

    candles: "pd.DataFrame"
    source: str
    calls: int = 0
    credits: int = 0
    cut_at_close: bool = False


Part = CandleAnswer | VendorError | None
"""One symbol's part of a call for several: its whole window, an error that asking again would not change, or neither.

With neither, the call settled nothing for the symbol, and :meth:`Vendor.fetch` may.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """A symbol's price as the vendor has it now, and the day's bar so far; a number that it does not give is NaN.

    Attributes:
        at: instant of the price, aware, UTC.
        source: name of the vendor.
        previous_close: close of the day before.
        change: price - previous close, by the vendor's count.
        change_percent: the same, in percent of the previous close.
        volume: of the day so far.
    """

    at: datetime
    source: str
    price: float
    open: float
    high: float
    low: float
    previous_close: float
    change: float
    change_percent: float
    volume: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A vendor's catalogue entry for a symbol: its completed row, and one line for a person."""

    symbol: Symbol
    description: str


@runtime_checkable
class Catalogue(Protocol):
    """A vendor that can look up what a name stands for."""

    def look_up(self, symbol: Symbol, *, fixed: bool) -> Listing:
        """Return the one instrument that fits the description of ``symbol``.

        Args:
            fixed: whether the instrument type is certain; else the catalogue's is taken.

        Raises:
            UsageError: the vendor knows no such instrument, or several.
            VendorError: the vendor can't be asked.
        """
        ...


class Vendor(Protocol):
    """A source of candles. Implementations are safe to call from several threads."""

    @property
    def name(self) -> str:
        """Name in settings, tables and logs."""
        ...

    @property
    def max_bars(self) -> int:
        """Bars that one call can carry; windows are cut to it, so that each usually takes one call."""
        ...

    def unavailable_reason(self, symbol: Symbol, timeframe: Timeframe, trade_date: date) -> str | None:
        """Return why this vendor has no bars of its own for this series on this day, as far as is known without a call.

        ``None`` when it may be asked. The text continues after the vendor's name: ``has no minutes before 2020-02-10``.
        """
        ...

    def fetch(self, request: CandleRequest) -> CandleAnswer:
        """Return all bars of one window; an answer that the source cuts short is completed first.

        Raises:
            VendorError: no answer, or none that can be used (``vendors.errors`` lists the kinds).
        """
        ...

    def check(self) -> str:
        """Call the vendor and return one line on its state, for ``tradematrix doctor``.

        Raises:
            VendorError: the vendor can't be used; the message says what to do.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...


@runtime_checkable
class BatchCalls(Protocol):
    """A vendor that can be asked for several symbols in one call. Others are asked symbol by symbol."""

    def fetch_many(self, requests: Sequence[CandleRequest]) -> Iterator[Mapping[str, Part]]:
        """Ask for the windows of several symbols in as few calls as possible; yield the parts of each, by symbol name.

        No error is raised: a failed call yields parts, too.

        Args:
            requests: one a symbol, of one timeframe and purpose.
        """
        ...


@runtime_checkable
class Quotes(Protocol):
    """A vendor that has quotes."""

    def quotes(self, symbols: Sequence[Symbol]) -> Mapping[str, Quote | VendorError]:
        """Return the quote of each symbol, or why there is none, by symbol name; no error is raised."""
        ...


@runtime_checkable
class HistoryStarts(Protocol):
    """A vendor that can be asked where a series begins."""

    def earliest(self, symbol: Symbol, timeframe: Timeframe, *, purpose: str) -> datetime:
        """Return the open of the first bar there is, aware, UTC; of a daily one midnight UTC of its date.

        Raises:
            VendorError: there is no answer.
        """
        ...


VendorFactory = Callable[[Settings, Ledger], Vendor]


@dataclass(frozen=True, slots=True)
class Adapter:
    """How a vendor is opened, and the limits of its credits.

    Attributes:
        open: makes the vendor, which books its calls in the given ledger.
        plan: returns the limits of its credits; ``None`` = it has no limits, and its calls are not booked.
    """

    open: VendorFactory
    plan: Callable[[Settings], Plan] | None = None

    def __call__(self, settings: Settings, ledger: Ledger) -> Vendor:
        return self.open(settings, ledger)
