"""One window of one series, in as many answers as it takes. Pure.

An answer carries at most 5,000 bars, and nobody promises at which end a longer one is cut. A full answer is therefore
taken as cut at its older end (``complete_from`` says where) and, unless its last bar touches the end of the window, as
cut at its newer end too: then the rest is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.vendors.errors import MalformedAnswer
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data.answer import read_series
from tradematrix_pipelines.vendors.twelve_data.identity import check_identity
from tradematrix_pipelines.vendors.twelve_data.query import MAX_BARS

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One answer, less the bars outside its window.

    Attributes:
        full: whether it held as many bars as an answer can carry, so that more may exist.
    """

    request: CandleRequest
    candles: pd.DataFrame
    full: bool

    @property
    def complete_from(self) -> datetime:
        """Every bar that the vendor has from here to the last bar of the piece is in it."""
        return max(self.request.start, self.candles["ts"].min().to_pydatetime()) if self.full else self.request.start


def read_piece(request: CandleRequest, body: object | None) -> Piece:
    """Return the candles of an answer to ``request``; ``body`` is ``None`` for an empty window.

    Raises:
        MalformedAnswer: the answer can't be read, or is full and holds nothing of the window.
        WrongInstrument: it is about something else than ``request.symbol``.
    """
    if body is None:
        return Piece(request=request, candles=empty_candles(), full=False)
    series = read_series(body, request.timeframe)
    check_identity(series.meta, series.candles, request.symbol)
    ts = series.candles["ts"]
    inside = series.candles[(ts >= request.start) & (ts < request.end)].reset_index(drop=True)
    full = len(ts) >= MAX_BARS
    if full and inside.empty:
        raise MalformedAnswer(f"asked for bars from {request.start} to {request.end}, the answer holds none of them")
    return Piece(request=request, candles=inside, full=full)


def rest_after(piece: Piece, *, now: datetime) -> CandleRequest | None:
    """Return the window that is still to be asked for after ``piece``, or ``None``: there can be no newer bar."""
    if not piece.full:
        return None
    newest: datetime = piece.candles["ts"].max().to_pydatetime()
    start = newest + (piece.request.timeframe.length or _ONE_DAY)
    return replace(piece.request, start=start) if start < min(piece.request.end, now) else None


def most_pieces(request: CandleRequest) -> int:
    """Return how many answers the window can take; more means that the answers don't advance."""
    bars = (request.end - request.start) // (request.timeframe.length or _ONE_DAY)
    return bars // MAX_BARS + 2


def join(pieces: Sequence[Piece]) -> tuple[pd.DataFrame, datetime]:
    """Return the candles of successive pieces of one window, and from where on they are complete."""
    complete_from = pieces[0].complete_from
    for piece in pieces[1:]:
        if piece.complete_from > piece.request.start:  # cut at its older end: what lies between the two is missing
            complete_from = piece.complete_from
    if len(pieces) == 1:
        return pieces[0].candles, complete_from
    return pd.concat([piece.candles for piece in pieces], ignore_index=True), complete_from
