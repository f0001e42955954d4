"""Asking the next vendor for the sessions that the first one can't serve.

A session is whole from one vendor. A vendor that answers with another instrument than the symbol's row describes is no
reason to ask the next: somebody has to look at the row first.

Here: who is asked for what. Not here: the calls (``series``), or what becomes of the candles (``ingest``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import (
    BadKey,
    BadSymbol,
    DayLimit,
    Lacking,
    NotInPlan,
    VendorError,
    VendorFault,
    WrongInstrument,
)
from tradematrix_pipelines.vendors.protocol import Vendor
from tradematrix_pipelines.vendors.series import Chunk, fetch_series

_HOPELESS = (BadKey, BadSymbol, DayLimit, NotInPlan, WrongInstrument)
"""What one series of a symbol is refused for, its others are refused for too."""


class SymbolFetch:
    """The fetching of one symbol's series from several vendors, the preferred one first."""

    def __init__(
        self, vendors: Sequence[Vendor], symbol: Symbol, *, sessions: Sequence[Session], now: datetime, purpose: str
    ) -> None:
        """``sessions``: all sessions of the calendar between the first and the last that will be asked for."""
        self.vendors, self.symbol = vendors, symbol
        self._sessions, self._now, self._purpose = sessions, now, purpose
        self._refused: dict[str, VendorError] = {}
        """By vendor: the error after which asking it for anything of this symbol is a waste of credits."""

    def series(self, timeframe: Timeframe, needed: Sequence[Session]) -> Iterator[Chunk]:
        """Yield the candles of ``needed`` (ascending), each session from the first vendor that serves it.

        What none of them serves comes last, with why not.
        """
        errors: dict[Session, list[tuple[str, VendorError]]] = {session: [] for session in needed}
        rest = list(needed)
        for vendor in self.vendors:
            failed: list[Session] = []
            for chunk in self._ask(vendor, timeframe, rest):
                if chunk.error is None:
                    yield chunk
                    continue
                failed += chunk.sessions
                for session in chunk.sessions:
                    errors[session].append((vendor.name, chunk.error))
            rest = sorted(failed, key=lambda session: session.opens_at)
            if not rest or isinstance(self._refused.get(vendor.name), WrongInstrument):
                break
        # One chunk for all that failed for the same reasons: a year before history begins is one thing to say.
        for _, some in groupby(rest, key=lambda session: [str(error) for name, error in errors[session]]):
            sessions = tuple(some)
            yield _failed(sessions, errors[sessions[0]])

    def _ask(self, vendor: Vendor, timeframe: Timeframe, needed: Sequence[Session]) -> Iterator[Chunk]:
        """Yield what one vendor has to say; without a call where that is known."""
        askable = []
        for session in needed:
            reason = vendor.lacks(self.symbol, timeframe, session.trade_date)
            refused = self._refused.get(vendor.name)
            if refused is not None or reason is not None:
                error = refused or Lacking(f"{vendor.name} {reason}")
                yield Chunk(sessions=(session,), raw=empty_candles(), source=vendor.name, error=error)
            else:
                askable.append(session)
        if not askable:
            return
        first, last = askable[0].opens_at, askable[-1].opens_at
        between = [session for session in self._sessions if first <= session.opens_at <= last]
        chunks = fetch_series(
            vendor, self.symbol, timeframe, needed=askable, between=between, now=self._now, purpose=self._purpose
        )
        for chunk in chunks:
            if isinstance(chunk.error, _HOPELESS):
                self._refused[vendor.name] = chunk.error
            yield chunk


def _failed(sessions: tuple[Session, ...], errors: Sequence[tuple[str, VendorError]]) -> Chunk:
    """Return the chunk of sessions that no vendor served: the only error, or all of them told as one."""
    (name, error), *more = errors
    chunk = Chunk(sessions=sessions, raw=empty_candles(), source=name, error=error)
    if not more:
        return chunk
    limits = [each for _, each in errors if isinstance(each, DayLimit)]
    told = "; ".join(f"{each_name}: {each}" for each_name, each in errors)
    if limits:
        return replace(chunk, error=DayLimit(told, resumes_at=limits[0].resumes_at))
    passing = any(each.retryable for _, each in errors)
    return replace(chunk, error=VendorFault(told) if passing else type(error)(told))
