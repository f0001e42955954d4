"""Pulling the sessions that are still open: their newest minutes, and the coarser bars from all of them.

One call asks for the minutes of all symbols where the vendor can be asked so (``shared_call``), else one a symbol.

A pull asks for everything from the first gap in the stored minutes on, and at least for the half hour before the newest
one. Bars that were late, missed or just revised are therefore right with the next pull. The run after the close asks
for the whole session once more, and for what the minutes can't serve.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from tradematrix_pipelines.candles.coverage import Coverage
from tradematrix_pipelines.candles.covering import cover_many
from tradematrix_pipelines.candles.live_gaps import first_gap, without_incomplete_bars
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.batches import BatchMaker
from tradematrix_pipelines.ingest.failover import SymbolFetch
from tradematrix_pipelines.ingest.series import request_for, windows_at
from tradematrix_pipelines.ingest.shared_call import SharedCall
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.tracing import within_span
from tradematrix_pipelines.vendors.credits import LIVE
from tradematrix_pipelines.vendors.errors import VendorError
from tradematrix_pipelines.vendors.protocol import CandleRequest, Vendor

OVERLAP = timedelta(minutes=30)
"""How much of the stored minutes is asked for again."""

_DERIVED = INTRADAY[1:]
"""What is resampled from the minutes."""
_LONGEST = max(timeframe.length for timeframe in INTRADAY if timeframe.length is not None)
_MOST_AT_ONCE = 16
"""As many pulls as there are connections to a vendor."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pull:
    """One symbol's pull.

    Attributes:
        session: the one that is open.
        stored: its stored minutes (``candles.frame``).
    """

    symbol: Symbol
    session: Session
    stored: pd.DataFrame


def pull_sessions(
    vendors: Sequence[Vendor], pulls: Sequence[Pull], *, now: datetime
) -> Iterator[tuple[Pull, list[SeriesBatch] | Exception]]:
    """Yield each pull with its batches, or with the error that it ended with, as soon as it is done.

    All pulls run at once. They share the preferred vendor's call; those that it settles nothing for, because it failed
    or hung until its deadline, ask alone, at once again. So one symbol that hangs or fails fails no other.
    """
    preferred = vendors[0]
    shared = SharedCall(preferred, [pull.symbol for pull in pulls])
    at_once = [shared.vendor, *vendors[1:]]
    with ThreadPoolExecutor(max_workers=1 + min(len(pulls), _MOST_AT_ONCE), thread_name_prefix="pull") as pool:
        pool.submit(within_span(shared.ask), _requests(preferred, pulls, now))  # the first: all others wait for it
        futures = {pool.submit(within_span(pull_session), at_once, pull, now=now): pull for pull in pulls}
        for future in as_completed(futures):
            error = future.exception()
            if error is not None and not isinstance(error, Exception):
                raise error
            yield futures[future], future.result() if error is None else error


def pull_session(vendors: Sequence[Vendor], pull: Pull, *, now: datetime) -> list[SeriesBatch]:
    """Return the bars of a pull that are new or may have changed: minutes, and whole longer intraday bars.

    Their coverage is that of the session so far.

    Args:
        vendors: vendors to ask, the preferred one first.
    """
    symbol, session = pull.symbol, pull.session
    maker = BatchMaker(symbol, preferred=vendors[0].name, now=now)
    stored, rest = _stored_until(pull, now), _rest(pull, now)
    fetch = SymbolFetch(vendors, symbol, sessions=[rest], protected={}, now=now, purpose=LIVE)
    [(_, answer)] = fetch.series(Timeframe.M1, [rest])
    if isinstance(answer, VendorError):
        return [replace(maker.screened((session,), answer, Timeframe.M1), whole=False)]
    fresh = maker.screened((rest,), answer, Timeframe.M1)
    known = stored[stored["ts"] < rest.opens_at]
    minutes = pd.concat([known, fresh.candles], ignore_index=True) if len(known) else fresh.candles
    so_far = (_whole(fresh.coverage[0], minutes, symbol, session, now),)
    batches = [replace(fresh, coverage=so_far, whole=False)]
    for timeframe in _DERIVED:
        whole = without_incomplete_bars(
            minutes, timeframe=timeframe, session=session, now=now, gap_tolerance=symbol.gap_tolerance
        )
        bars = maker.resampled(whole, fresh.source, timeframe, [session])
        changed = bars.candles["ts"] > rest.opens_at - _LONGEST
        batches.append(replace(bars, candles=bars.candles[changed].reset_index(drop=True), whole=False))
    return batches


def _requests(vendor: Vendor, pulls: Sequence[Pull], now: datetime) -> Iterator[CandleRequest]:
    """Yield what each pull asks for first, where the vendor may have it: one call's worth of bars, and mostly all."""
    for pull in pulls:
        if vendor.unavailable_reason(pull.symbol, Timeframe.M1, pull.session.trade_date) is not None:
            continue
        rest = _rest(pull, now)
        for window in windows_at(vendor, Timeframe.M1, needed=[rest], between=[rest], now=now)[:1]:
            yield request_for(window, pull.symbol, Timeframe.M1, purpose=LIVE)


def _stored_until(pull: Pull, now: datetime) -> pd.DataFrame:
    """Return the stored minutes before ``now``: a clock that has been set back leaves minutes of the future behind."""
    return pull.stored[pull.stored["ts"] < now].reset_index(drop=True)


def _rest(pull: Pull, now: datetime) -> Session:
    """Return the part of the session that is asked for."""
    stored, session = _stored_until(pull, now), pull.session
    if not len(stored):
        return session
    newest: datetime = stored["ts"].iloc[-1].to_pydatetime()
    gap = first_gap(stored, session=session, now=now, gap_tolerance=pull.symbol.gap_tolerance)
    return replace(session, opens_at=max(session.opens_at, min(newest - OVERLAP, gap or newest)))


def _whole(fresh: Coverage, minutes: pd.DataFrame, symbol: Symbol, session: Session, now: datetime) -> Coverage:
    """Return the coverage of the session's minutes so far; dropped rows are counted among the fresh ones only."""
    [so_far] = cover_many(
        minutes["ts"],
        timeframe=Timeframe.M1,
        sessions=[session],
        now=now,
        gap_tolerance=symbol.gap_tolerance,
        source=fresh.source,
    )
    return replace(so_far, rejected=fresh.rejected, outside=fresh.outside)
