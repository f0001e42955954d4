"""One window of one series, in as many pages as it takes. Pure.

An answer carries at most 5,000 bars, and it is not documented at which end a longer one is cut. A full page is
therefore taken as cut at its older end and, unless its last bar touches the end of the window, at its newer end too.
The bars that may be missing are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.vendors.errors import MalformedAnswer
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data.identity import check_identity
from tradematrix_pipelines.vendors.twelve_data.query import MAX_BARS
from tradematrix_pipelines.vendors.twelve_data.responses import read_series

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One answer, without the bars outside its window.

    Attributes:
        full: whether it had as many bars as an answer can carry, so that more may exist.
    """

    request: CandleRequest
    candles: pd.DataFrame
    full: bool

    @property
    def complete_from(self) -> datetime:
        """The instant from which on the page has every bar of the vendor, up to its last bar."""
        return max(self.request.start, self.candles["ts"].min().to_pydatetime()) if self.full else self.request.start


def read_page(request: CandleRequest, body: object | None) -> Page:
    """Return the candles of an answer to ``request``; ``body`` is ``None`` for an empty window.

    Raises:
        MalformedAnswer: the answer can't be read, or is full and has no bar of the window.
        WrongInstrument: it is about something else than ``request.symbol``.
    """
    if body is None:
        return Page(request=request, candles=empty_candles(), full=False)
    meta, candles = read_series(body, request.timeframe)
    check_identity(meta, candles, request.symbol)
    ts = candles["ts"]
    inside = candles[(ts >= request.start) & (ts < request.end)].reset_index(drop=True)
    full = len(ts) >= MAX_BARS
    if full and inside.empty:
        raise MalformedAnswer(f"asked for bars from {request.start} to {request.end}, the answer has none of them")
    return Page(request=request, candles=inside, full=full)


def rest_after(page: Page, *, now: datetime) -> CandleRequest | None:
    """Return the window still to be asked for after ``page``; ``None`` when there can be no newer bar."""
    if not page.full:
        return None
    newest: datetime = page.candles["ts"].max().to_pydatetime()
    start = newest + (page.request.timeframe.length or _ONE_DAY)
    return replace(page.request, start=start) if start < min(page.request.end, now) else None


def most_pages(request: CandleRequest) -> int:
    """Return how many answers the window can take; more means that the answers don't advance."""
    return bars_in(request) // MAX_BARS + 2


def bars_in(request: CandleRequest) -> int:
    """Return how many bars a window has room for."""
    return (request.end - request.start) // (request.timeframe.length or _ONE_DAY)


def join(pages: Sequence[Page]) -> tuple[pd.DataFrame, datetime]:
    """Return the candles of successive pages of one window, and from where on they are complete."""
    complete_from = pages[0].complete_from
    for page in pages[1:]:
        if page.complete_from > page.request.start:  # cut at its older end: what lies between the two is missing
            complete_from = page.complete_from
    if len(pages) == 1:
        return pages[0].candles, complete_from
    return pd.concat([page.candles for page in pages], ignore_index=True), complete_from
