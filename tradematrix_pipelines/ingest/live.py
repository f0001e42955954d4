"""Pulling a session that is still open: one call for its newest minutes, the coarser bars from all of them.

Asked for is what follows the first hole in what is stored, and the half hour before the newest minute, so that what
came late, was missed or has just been revised is right with the next pull. The close asks for the whole session once
more, and for what the minutes can't serve.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from tradematrix_pipelines.candles.batch import SeriesBatch
from tradematrix_pipelines.candles.coverage import Coverage, cover_many
from tradematrix_pipelines.candles.live_gaps import first_gap, without_incomplete_bars
from tradematrix_pipelines.ingest.batches import BatchMaker
from tradematrix_pipelines.ingest.failover import SymbolFetch
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import LIVE
from tradematrix_pipelines.vendors.protocol import Vendor

OVERLAP = timedelta(minutes=30)
"""How much of what is stored already is asked for again."""

_DERIVED = (Timeframe.M5, Timeframe.M15, Timeframe.H1)
_LONGEST = timedelta(hours=1)
_MOST_AT_ONCE = 16
"""As many as there are connections to a vendor."""


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
    """Yield what each pull brought, as soon as it did, or the error that it ended with.

    All are made at once: one that hangs or breaks costs the others neither their bars nor their minute.
    """
    with ThreadPoolExecutor(max_workers=max(1, min(len(pulls), _MOST_AT_ONCE)), thread_name_prefix="pull") as pool:
        futures = {
            pool.submit(pull_session, vendors, each.symbol, each.session, stored=each.stored, now=now): each
            for each in pulls
        }
        for future in as_completed(futures):
            error = future.exception()
            if error is not None and not isinstance(error, Exception):
                raise error
            yield futures[future], future.result() if error is None else error


def pull_session(
    vendors: Sequence[Vendor], symbol: Symbol, session: Session, *, stored: pd.DataFrame, now: datetime
) -> list[SeriesBatch]:
    """Return the bars of ``session`` that are new or may have changed: minutes, and whole bars of 5m, 15m and 1h.

    The coverage that comes with them is of the session so far.

    Args:
        vendors: whom to ask, the preferred one first.
        session: the one that is open.
        stored: its stored minutes (``candles.frame``).
    """
    # A clock that has been set back leaves minutes of the future behind.
    stored = stored[stored["ts"] < now].reset_index(drop=True)
    maker = BatchMaker(symbol, preferred=vendors[0].name, now=now)
    rest = replace(session, opens_at=_ask_from(stored, symbol, session, now))
    fetch = SymbolFetch(vendors, symbol, sessions=[rest], protected={}, now=now, purpose=LIVE)
    [chunk] = fetch.series(Timeframe.M1, [rest])
    if chunk.error is not None:
        return [replace(maker.screened(replace(chunk, sessions=(session,)), Timeframe.M1), whole=False)]
    fresh = maker.screened(chunk, Timeframe.M1)
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


def _ask_from(stored: pd.DataFrame, symbol: Symbol, session: Session, now: datetime) -> datetime:
    if not len(stored):
        return session.opens_at
    newest: datetime = stored["ts"].iloc[-1].to_pydatetime()
    hole = first_gap(stored, session=session, now=now, gap_tolerance=symbol.gap_tolerance)
    return max(session.opens_at, min(newest - OVERLAP, hole or newest))


def _whole(fresh: Coverage, minutes: pd.DataFrame, symbol: Symbol, session: Session, now: datetime) -> Coverage:
    """Return the coverage of the session's minutes so far; what was dropped is known of the fresh ones only."""
    [found] = cover_many(
        minutes["ts"],
        timeframe=Timeframe.M1,
        sessions=[session],
        now=now,
        gap_tolerance=symbol.gap_tolerance,
        source=fresh.source,
    )
    return replace(found, rejected=fresh.rejected, outside=fresh.outside)
