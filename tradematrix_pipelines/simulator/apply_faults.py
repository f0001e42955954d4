"""What the faults do to bars. Pure, vectorised and repeatable: chance is a hash of the bar's open."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from tradematrix_pipelines.markets.calendars import SessionCalendar
from tradematrix_pipelines.markets.sessions import Session, to_instant
from tradematrix_pipelines.simulator.bars import CLOSE, HIGH, LOW, OPEN, Bars, Mask, concat
from tradematrix_pipelines.simulator.chance import spread

_SATURDAY = 5


def with_ghosts(sessions: Sequence[Session], calendar: SessionCalendar, first: date, last: date) -> list[Session]:
    """Return ``sessions`` and a false one for each weekend day in the range on which the market is closed."""
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    closed = [day for day in days if day.weekday() >= _SATURDAY and calendar.session(day) is None]
    ghosts = [_ghost(day, calendar) for day in closed]
    return sorted([*sessions, *ghosts], key=lambda session: session.opens_at)


def _ghost(day: date, calendar: SessionCalendar) -> Session:
    model, coming = calendar.previous(day), calendar.next(day)
    shift = day - model.trade_date
    return Session(
        trade_date=day,
        opens_at=model.opens_at + shift,
        closes_at=min(model.closes_at + shift, coming.opens_at),
    )


def with_missing(minutes: Bars, symbol: str, share: float) -> Bars:
    """Drop this share of the bars."""
    return minutes[~_chance(minutes, f"{symbol} missing", share)] if share else minutes


def revised(minutes: Bars, sessions: Sequence[Session], share: float) -> Bars:
    """Raise the close of each session's middle minute by this share of its price."""
    if not share or not len(minutes):
        return minutes
    rows, ohlcv = _middles(minutes, sessions), minutes.ohlcv.copy()
    ohlcv[rows, CLOSE] *= 1 + share
    ohlcv[rows, HIGH] = np.maximum(ohlcv[rows, HIGH], ohlcv[rows, CLOSE])
    return Bars(minutes.ts, ohlcv)


def spiked(minutes: Bars, sessions: Sequence[Session], share: float) -> Bars:
    """Raise the high of each session's middle minute by this share of its price."""
    if not share or not len(minutes):
        return minutes
    rows, ohlcv = _middles(minutes, sessions), minutes.ohlcv.copy()
    ohlcv[rows, HIGH] *= 1 + share
    return Bars(minutes.ts, ohlcv)


def _middles(minutes: Bars, sessions: Sequence[Session]) -> Mask:
    """Return which bars are the middle minutes of their sessions."""
    middles = [session.opens_at + (session.closes_at - session.opens_at) / 2 for session in sessions]
    wanted = np.array([to_instant(middle) for middle in middles]).astype("datetime64[m]")
    rows: Mask = np.isin(minutes.ts.astype("datetime64[m]"), wanted)
    return rows


def with_duplicates(bars: Bars, symbol: str, share: float) -> Bars:
    """Repeat this share of the bars, the second time closing at the low."""
    if not share:
        return bars
    again = bars[_chance(bars, f"{symbol} duplicate", share)]
    ohlcv = again.ohlcv.copy()
    ohlcv[:, CLOSE] = ohlcv[:, LOW]
    both = concat([bars, Bars(again.ts, ohlcv)])
    return both[np.argsort(both.ts, kind="stable")]


def scaled(bars: Bars, divisor: float) -> Bars:
    """Divide prices, not volumes."""
    if divisor == 1.0:
        return bars
    ohlcv = bars.ohlcv.copy()
    ohlcv[:, OPEN : CLOSE + 1] /= divisor
    return Bars(bars.ts, ohlcv)


def blank_rows(bars: Bars, symbol: str, share: float) -> Mask:
    """Return which bars come with an empty close."""
    return _chance(bars, f"{symbol} blank", share)


def _chance(bars: Bars, key: str, share: float) -> Mask:
    """Return a mask of about this share of the bars: always the same ones for the same key."""
    return spread(bars.ts.astype(np.int64), key) < share
