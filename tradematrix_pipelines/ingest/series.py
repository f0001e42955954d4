"""Fetching one series: window after window, yielded as soon as whole sessions are complete.

Here: the order of calls, and which sessions a failed call fails. Not here: whether the candles are
plausible (``candles.screen``), or which series to fetch (``fetch_plan``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pandas as pd

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.ingest.progress import Progress
from tradematrix_pipelines.ingest.windows import Window, cut_windows
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.tracing import span
from tradematrix_pipelines.vendors.errors import PermanentError, VendorError
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest, Vendor

GIVE_UP_AFTER = 3
"""Failed windows in a row, each after its own retries, after which the rest of a series is skipped."""


Fetched = tuple[tuple[Session, ...], CandleAnswer | VendorError]
"""Whole sessions of one series, ascending, and the answer that has their bars, or why there is none."""


def fetch_series(
    vendor: Vendor,
    symbol: Symbol,
    timeframe: Timeframe,
    *,
    needed: Sequence[Session],
    between: Sequence[Session],
    now: datetime,
    purpose: str,
    progress: Progress,
) -> Iterator[Fetched]:
    """Yield the bars of ``needed``, whole sessions at a time, in order.

    A permanent error fails everything not yet fetched without another call; so does the third failed
    window in a row.

    Args:
        between: all sessions of the calendar from the first to the last needed one.
        progress: is updated with each window.
    """
    carried = empty_candles()
    failed: dict[Session, VendorError] = {}
    final_error: VendorError | None = None
    failures = 0
    windows = windows_at(vendor, timeframe, needed=needed, between=between, now=now)
    progress.cut += len(windows)
    for window in windows:
        answer = CandleAnswer(candles=empty_candles(), source=vendor.name)
        try:
            if final_error is not None:
                raise final_error
            progress.asked += 1
            with span("fetch", vendor=vendor.name, symbol=symbol.name, timeframe=str(timeframe), purpose=purpose):
                answer = vendor.fetch(request_for(window, symbol, timeframe, purpose=purpose))
            progress.credits += answer.credits
            failures = 0
        except VendorError as error:
            if error is not final_error:
                progress.credits += error.credits
            failed |= dict.fromkeys(window.sessions, error)
            failures += 1
            if isinstance(error, PermanentError) or failures >= GIVE_UP_AFTER:
                final_error = error
                progress.skip_rest()
        carried = pd.concat([bars for bars in (carried, answer.candles) if len(bars)] or [carried], ignore_index=True)
        unfinished = window.sessions[len(window.finished) :]
        later = carried["ts"] >= unfinished[0].opens_at if unfinished else pd.Series(data=False, index=carried.index)
        yield from _divide(window.finished, replace(answer, candles=carried[~later]), failed)
        carried = carried[later]


def windows_at(
    vendor: Vendor, timeframe: Timeframe, *, needed: Sequence[Session], between: Sequence[Session], now: datetime
) -> list[Window]:
    """Return the windows that ``needed`` takes at ``vendor``, one call each."""
    # One bar less than a call can carry: each call asks for one bar more, so that windows overlap.
    limit = max(1, vendor.max_bars - 1)
    return list(cut_windows(needed, between=between, timeframe=timeframe, now=now, max_bars=limit))


def request_for(window: Window, symbol: Symbol, timeframe: Timeframe, *, purpose: str) -> CandleRequest:
    """Return the request for one window of a series."""
    return CandleRequest(symbol=symbol, timeframe=timeframe, start=window.start, end=window.end, purpose=purpose)


def _divide(sessions: Sequence[Session], answer: CandleAnswer, failed: dict[Session, VendorError]) -> Iterator[Fetched]:
    good = tuple(session for session in sessions if session not in failed)
    if good:
        yield good, answer
    for session in sessions:
        if session in failed:
            yield (session,), failed.pop(session)
