"""Asking for a stored session again: of its own vendor, and of the next one that serves the instrument.

Here: whom to ask, and what the answers say of what is stored. Not here: which sessions are verified, the allowance and
the results (``storage.verifying``), or the comparison (``quality.verification``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from tradematrix_pipelines.candles.coverage import Status
from tradematrix_pipelines.candles.covering import cover_many
from tradematrix_pipelines.ingest.one_session import comparable_timeframes, fetch_session
from tradematrix_pipelines.ingest.progress import Progress
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.bars import SessionBars
from tradematrix_pipelines.quality.summary import SessionSummary, summarize
from tradematrix_pipelines.quality.thresholds import Thresholds
from tradematrix_pipelines.quality.verification import Comparison, Outcome, compare_bars, compare_sessions
from tradematrix_pipelines.vendors.credits import VERIFY
from tradematrix_pipelines.vendors.errors import DayLimit, MinuteLimit, VendorError
from tradematrix_pipelines.vendors.protocol import Vendor


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSession:
    """A complete, final session of one series, as it is stored; ``source`` is the vendor it came from."""

    symbol: Symbol
    timeframe: Timeframe
    session: Session
    source: str
    candles: pd.DataFrame


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What one vendor says of a stored session; ``own`` where it is the one that the session came from."""

    symbol: str
    timeframe: Timeframe
    trade_date: date
    vendor: str
    own: bool
    comparison: Comparison


def verify_session(
    vendors: Sequence[Vendor], stored: StoredSession, *, now: datetime, progress: Progress
) -> Iterator[Verification]:
    """Yield what the session's own vendor says of it, then what another one says, where there is one.

    Raises:
        DayLimit: the day's credits that this purpose may use are spent; MinuteLimit: the minute's are.
    """
    own = next((vendor for vendor in vendors if vendor.name == stored.source), None)
    if own is not None:
        yield _verification(stored, own.name, own=True, comparison=_by_own(own, stored, now, progress))
    for vendor in vendors:
        timeframe = next(_comparable(vendor, stored), None)
        if vendor is not own and timeframe is not None:
            comparison = _by_other(vendor, timeframe, stored, now, progress)
            yield _verification(stored, vendor.name, own=False, comparison=comparison)
            return


def _verification(stored: StoredSession, vendor: str, *, own: bool, comparison: Comparison) -> Verification:
    return Verification(
        symbol=stored.symbol.name,
        timeframe=stored.timeframe,
        trade_date=stored.session.trade_date,
        vendor=vendor,
        own=own,
        comparison=comparison,
    )


def _comparable(vendor: Vendor, stored: StoredSession) -> Iterator[Timeframe]:
    return comparable_timeframes(vendor, stored.symbol, stored.timeframe, stored.session.trade_date)


def _by_own(vendor: Vendor, stored: StoredSession, now: datetime, progress: Progress) -> Comparison:
    candles = _ask(vendor, stored.timeframe, stored, now, progress)
    if isinstance(candles, Comparison):
        return candles
    return compare_bars(stored.candles, candles, tick_size=stored.symbol.tick_size)


def _by_other(
    vendor: Vendor, timeframe: Timeframe, stored: StoredSession, now: datetime, progress: Progress
) -> Comparison:
    candles = _ask(vendor, timeframe, stored, now, progress)
    if isinstance(candles, Comparison):
        return candles
    [row] = cover_many(
        candles["ts"],
        timeframe=timeframe,
        sessions=[stored.session],
        now=now,
        gap_tolerance=stored.symbol.gap_tolerance,
    )
    if row.status is not Status.COMPLETE:
        return _unavailable(f"{vendor.name} has not the whole session: {row.reason()}")
    return compare_sessions(
        _summary(stored.candles, stored.session, stored.timeframe),
        _summary(candles, stored.session, timeframe),
        tick_size=stored.symbol.tick_size,
        thresholds=Thresholds.with_overrides(stored.symbol.thresholds),
    )


def _ask(
    vendor: Vendor, timeframe: Timeframe, stored: StoredSession, now: datetime, progress: Progress
) -> pd.DataFrame | Comparison:
    """Return the vendor's candles, or why there are none."""
    fetched = fetch_session(
        vendor, stored.symbol, timeframe, stored.session, now=now, purpose=VERIFY, progress=progress
    )
    if isinstance(fetched, DayLimit | MinuteLimit):
        raise fetched
    if isinstance(fetched, VendorError):
        return _unavailable(str(fetched))
    if fetched.candles.empty:
        return _unavailable(f"{vendor.name} has no bar of the session")
    return fetched.candles


def _unavailable(reason: str) -> Comparison:
    return Comparison(outcome=Outcome.UNAVAILABLE, reason=reason)


def _summary(candles: pd.DataFrame, session: Session, timeframe: Timeframe) -> SessionSummary:
    return summarize(SessionBars.of(candles, session, timeframe), session, timeframe)
