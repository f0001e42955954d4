"""Where a session spent its time and volume: point of control, value area, volume-weighted average price.

Market Profile (CBOT, J. Peter Steidlmayer, 1984): each half hour puts a mark on every price that it traded at. The
point of control has most marks; of several, the one nearest to the middle of the range. The value area has 70 % of
them: from the point of control on, it takes the two rows above or the two below, whichever have more, those above where
they have as many. The volume profile counts volume in the same way, each minute's spread evenly over its range.

Rows are one tick high, or the least multiple by 1, 2 or 5 and a power of ten with which a session has at most 400.

Here: the arithmetic on the minutes of the session before. Not here: whether these are usable.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.levels.book.history import Unavailable
from tradematrix_pipelines.levels.book.model import BookContext, Known, Minutes, Source
from tradematrix_pipelines.markets.sessions import Session, to_instant

BRACKET = np.timedelta64(30, "m")
VALUE_AREA = 0.7
MOST_ROWS = 400
_DIGITS = 10  # 13,871 x 0.0001 is 1.3871000000000002

_Floats = npt.NDArray[np.float64]


def time_profile(context: BookContext) -> Iterator[Known]:
    """Yield ``poc``, ``value_area_high`` and ``value_area_low`` of the time spent at each price."""
    session, minutes = _last_session(context)
    bracket = (minutes.ts - to_instant(session.opens_at)) // BRACKET
    starts = np.flatnonzero(np.diff(bracket, prepend=-1))
    highs, lows = np.maximum.reduceat(minutes.high, starts), np.minimum.reduceat(minutes.low, starts)
    yield from _levels(session, lows, highs, np.ones(len(starts)), tick=context.symbol.tick_size, spread=False)


def volume_profile(context: BookContext) -> Iterator[Known]:
    """Yield the same of the volume traded at each price."""
    session, minutes = _with_volume(context)
    tick = context.symbol.tick_size
    yield from _levels(session, minutes.low, minutes.high, minutes.volume, tick=tick, spread=True)


def vwap(context: BookContext) -> Iterator[Known]:
    """Yield ``previous_day``: the mean of (high + low + close) / 3 of the minutes, weighted by their volumes."""
    session, minutes = _with_volume(context)
    typical = (minutes.high + minutes.low + minutes.close) / 3
    price = float((typical * minutes.volume).sum() / minutes.volume.sum())
    yield Known(name="previous_day", price=price, known_at=session.closes_at, source=Source.minutes_of(session))


def row_height(low: float, high: float, tick: float) -> float:
    """Return the height of a row for a session with this range."""
    for power in itertools.count():
        for factor in (1, 2, 5):
            height: float = tick * factor * 10**power
            if (high - low) / height < MOST_ROWS:
                return height
    raise AssertionError  # it counts on for ever


def value_area(counts: _Floats) -> tuple[int, int, int]:
    """Return the rows of the point of control, and of the value area's low and high."""
    most = np.flatnonzero(counts == counts.max())
    middle = (len(counts) - 1) / 2
    poc = int(most[np.argmin(np.abs(most - middle))])
    low = high = poc
    inside, enough = counts[poc], VALUE_AREA * counts.sum()
    while inside < enough - 1e-9:
        above, below = counts[high + 1 : high + 3], counts[max(0, low - 2) : low]
        if len(above) and (above.sum() >= below.sum() or not len(below)):
            high, inside = high + len(above), inside + above.sum()
        else:
            low, inside = low - len(below), inside + below.sum()
    return poc, low, high


def _levels(
    session: Session, lows: _Floats, highs: _Floats, weights: _Floats, *, tick: float, spread: bool
) -> Iterator[Known]:
    """Yield the levels of a profile: each range counts its weight on every row, or ``spread`` over its rows."""
    height = row_height(float(lows.min()), float(highs.max()), tick)
    first, last = (np.floor(prices / height + 0.5).astype(np.int64) for prices in (lows, highs))
    lowest = int(first.min())
    each = weights / (last - first + 1) if spread else weights
    # Where a range begins its weight is added, after its end subtracted: the running sum is the profile.
    steps = np.zeros(int(last.max()) - lowest + 2)
    np.add.at(steps, first - lowest, each)
    np.add.at(steps, last - lowest + 1, -each)
    poc, low, high = value_area(np.round(np.cumsum(steps)[:-1], 9))
    for name, row in (("poc", poc), ("value_area_high", high), ("value_area_low", low)):
        price = round((row + lowest) * height, _DIGITS)
        yield Known(name=name, price=price, known_at=session.closes_at, source=Source.minutes_of(session))


def _last_session(context: BookContext) -> tuple[Session, Minutes]:
    session = context.calendar.previous(context.session.trade_date)
    if context.now < session.closes_at:
        raise Unavailable(f"known from {session.closes_at:%Y-%m-%d %H:%M} UTC on")
    if context.last_minutes is None or not len(context.last_minutes):
        raise Unavailable(f"the minutes of session {session.trade_date} are not stored complete, final and believed")
    return session, context.last_minutes


def _with_volume(context: BookContext) -> tuple[Session, Minutes]:
    session, minutes = _last_session(context)
    if np.isnan(minutes.volume).any() or not minutes.volume.sum():
        raise Unavailable(f"minutes of session {session.trade_date} have no volume")
    return session, minutes
