"""Parts of the open session: its minutes between two instants, where all that are expected are there.

Here: that look-up, shared by all that is known within a session. Not here: which parts there are.
"""

from dataclasses import replace
from datetime import datetime

from tradematrix_pipelines.candles.coverage import Status
from tradematrix_pipelines.candles.covering import cover
from tradematrix_pipelines.levels.book.history import Unavailable
from tradematrix_pipelines.levels.book.model import BookContext, Minutes
from tradematrix_pipelines.markets.timeframes import Timeframe

_NO_MINUTES = "the session's minutes are not stored, or not believed"


def complete_part(context: BookContext, start: datetime, end: datetime) -> Minutes:
    """Return the minutes of the session from ``start`` to ``end`` (aware).

    Raises:
        Unavailable: it is not over, is no part of the session, or has fewer minutes than the symbol's gap tolerance
            asks for.
    """
    session = context.session
    if not session.opens_at <= start < end <= session.closes_at:
        raise Unavailable(f"session {session.trade_date} does not contain it")
    if context.now < end:
        raise Unavailable(f"known from {end:%Y-%m-%d %H:%M} UTC on")
    if context.minutes is None:
        raise Unavailable(_NO_MINUTES)
    part = context.minutes.between(start, end)
    coverage = cover(
        part.ts,
        timeframe=Timeframe.M1,
        session=replace(session, opens_at=start, closes_at=end),
        now=context.now,
        gap_tolerance=context.symbol.gap_tolerance,
    )
    if coverage.status is not Status.COMPLETE:
        raise Unavailable(f"minutes from {start:%H:%M} to {end:%H:%M} UTC are missing: {coverage.reason()}")
    return part


def first_minute(context: BookContext) -> Minutes:
    """Return the first minute of the session, alone.

    Raises:
        Unavailable: it is not known yet, or may be absent.
    """
    session = context.session
    if context.minutes is None:
        raise Unavailable(_NO_MINUTES)
    if not len(context.minutes):
        raise Unavailable(f"known when the first minute after {session.opens_at:%Y-%m-%d %H:%M} UTC has closed")
    return complete_part(context, session.opens_at, context.minutes.close_of(0))
