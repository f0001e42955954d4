"""Cutting sessions into windows that one call can carry.

A window is as full as it can be: it runs across closes, nights and weekends and ends in the middle of a
session, so a backfill costs close to ⌈bars / limit⌉ calls. Pure; it also prices a backfill before it runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.markets.sessions import Instants, Session, from_instant, to_instant
from tradematrix_pipelines.markets.timeframes import Timeframe


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """One call's worth of bars.

    Attributes:
        start: first bar open, aware, UTC; midnight UTC of the first trade date for daily bars.
        end: end of the last bar (half open), on the same terms.
        sessions: the needed sessions with bars in it, ascending.
        finished: those of them whose last bar it contains.
    """

    start: datetime
    end: datetime
    sessions: tuple[Session, ...]
    finished: tuple[Session, ...]


def cut_windows(
    needed: Sequence[Session],
    *,
    between: Sequence[Session],
    timeframe: Timeframe,
    now: datetime,
    max_bars: int,
) -> Iterator[Window]:
    """Yield the windows that cover the bars of ``needed`` which have opened by ``now``.

    Args:
        needed: sessions to cover, ascending.
        between: all sessions of the calendar from the first to the last needed one: the vendor's answer
            has their bars too, so they count.
        timeframe: of the bars.
        now: bars that open later are not asked for.
        max_bars: bars that one call can carry.
    """
    grid, owner = _grid(between, timeframe, now)
    place = {session.trade_date: number for number, session in enumerate(between)}
    numbers = np.array([place[session.trade_date] for session in needed], dtype=np.int64)
    positions = np.flatnonzero(np.isin(owner, numbers))
    taken = 0
    while taken < len(positions):
        first = positions[taken]
        upto = int(np.searchsorted(positions, first + max_bars))
        last = positions[upto - 1]
        inside = np.unique(owner[positions[taken:upto]])
        cut = upto < len(positions) and owner[positions[upto]] == owner[last]
        sessions = tuple(between[number] for number in inside)
        yield Window(
            start=from_instant(grid[first]),
            end=from_instant(grid[last]) + (timeframe.length or timedelta(days=1)),
            sessions=sessions,
            finished=sessions[:-1] if cut else sessions,
        )
        taken = upto


def _grid(sessions: Sequence[Session], timeframe: Timeframe, now: datetime) -> tuple[Instants, npt.NDArray[np.int64]]:
    """Return the bar opens up to ``now``, and for each the number of its session."""
    started = [session for session in sessions if session.opens_at <= now]
    if not started:
        return np.array([], dtype="datetime64[us]"), np.array([], dtype=np.int64)
    if timeframe.length is None:
        days = np.array([session.trade_date for session in started], dtype="datetime64[us]")
        return days, np.arange(len(started))
    bars = [session.bar_opens(timeframe) for session in started]
    grid = np.concatenate(bars)
    owner = np.repeat(np.arange(len(bars)), [len(opens) for opens in bars])
    opened = grid <= to_instant(now)
    return grid[opened], owner[opened]
