"""Where bars belong: whole columns of times against many sessions at once.

Here: sessions as arrays, and which session a bar lies in. Not here: what is done with a bar that lies in none
(``screen``), nor the grid of one session (``markets.sessions``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.markets.timeframes import Length, Timeframe

Indices = npt.NDArray[np.intp]
"""For each bar the position of its session; -1 where there is none."""

_NOWHERE = -1
_NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True, slots=True)
class Spans:
    """Ascending sessions as arrays, one element a session.

    Attributes:
        dates: trade dates, ``datetime64[D]``.
        opens: first instants.
        closes: first instants after.
        break_starts: starts of the midday breaks, NaT where there is none.
        break_ends: their ends.
    """

    dates: npt.NDArray[np.datetime64]
    opens: Instants
    closes: Instants
    break_starts: Instants
    break_ends: Instants

    def locate(self, ts: Instants, timeframe: Timeframe) -> Indices:
        """Return the session of each bar of a timeframe that opens at ``ts``.

        A bar belongs to the session that its open lies in, unless it lies wholly in the midday break. NaT is nowhere.
        """
        if not len(self.opens):
            return np.full(len(ts), _NOWHERE, dtype=np.intp)
        index = np.searchsorted(self.opens, ts, side="right") - 1
        # Before the first session the index is -1, which reads the last one: its open is later than such a time.
        inside = (ts >= self.opens[index]) & (ts < self.closes[index])
        if timeframe.minutes is not None and not np.isnat(self.break_starts).all():
            ends = ts + np.timedelta64(timeframe.minutes, "m")
            inside &= ~((ts >= self.break_starts[index]) & (ends <= self.break_ends[index]))
        return np.where(inside, index, _NOWHERE)

    def locate_dates(self, ts: Instants) -> Indices:
        """Return the session whose trade date is the UTC date of ``ts``: how vendors stamp daily bars."""
        if not len(self.dates):
            return np.full(len(ts), _NOWHERE, dtype=np.intp)
        days = ts.astype("datetime64[D]")
        index = np.minimum(np.searchsorted(self.dates, days), len(self.dates) - 1)
        return np.where(self.dates[index] == days, index, _NOWHERE)

    def locate_raw(self, ts: Instants, timeframe: Timeframe) -> Indices:
        """Return the session of each of a vendor's bars: by time, and of daily bars by date."""
        return self.locate_dates(ts) if timeframe.minutes is None else self.locate(ts, timeframe)

    def nearest(self, ts: Instants) -> Indices:
        """Return the session that each time lies in or nearest to; of two equally near the earlier. NaT is nowhere."""
        if not len(self.opens):
            return np.full(len(ts), _NOWHERE, dtype=np.intp)
        after = np.searchsorted(self.opens, ts, side="right")
        before = np.maximum(after - 1, 0)
        after = np.minimum(after, len(self.opens) - 1)
        closer = np.abs(self.opens[after] - ts) < np.maximum(ts - self.closes[before], np.timedelta64(0, "us"))
        return np.where(np.isnat(ts), _NOWHERE, np.where(closer, after, before))

    def reach_out(self, ts: Instants, index: Indices, timeframe: Timeframe) -> npt.NDArray[np.bool_]:
        """Return which bars of the sessions ``index`` would, at full length, reach past the close or into the break."""
        if timeframe.minutes is None or not len(self.opens):
            return np.zeros(len(ts), dtype=bool)
        ends = ts + np.timedelta64(timeframe.minutes, "m")
        breaks = self.break_starts[index], self.break_ends[index]  # NaT compares as false
        out: npt.NDArray[np.bool_] = (index >= 0) & (
            (ends > self.closes[index]) | ((ts < breaks[1]) & (ends > breaks[0]))
        )
        return out

    def follow_close(self, ts: Instants, timeframe: Timeframe) -> npt.NDArray[np.bool_]:
        """Return which bars, of those outside the sessions, open less than their length after a session's close."""
        if timeframe.minutes is None or not len(self.opens):
            return np.zeros(len(ts), dtype=bool)
        index = np.searchsorted(self.closes, ts, side="right") - 1
        followed: npt.NDArray[np.bool_] = (index >= 0) & (
            ts - self.closes[index] < np.timedelta64(timeframe.minutes, "m")
        )
        return followed

    def grid(self, timeframe: Length) -> tuple[Instants, Instants, Indices]:
        """Return the opens of all bars of the sessions, ascending, the first instants after each, and their sessions.

        Bars in a midday break are among them.
        """
        if timeframe.minutes is None:
            return self.opens, self.closes, np.arange(len(self.opens))
        length = np.timedelta64(timeframe.minutes, "m").astype("timedelta64[us]")
        counts = -(-(self.closes - self.opens) // length)
        index = np.repeat(np.arange(len(counts)), counts)
        numbers = np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)
        opens = self.opens[index] + numbers * length
        return opens, np.minimum(opens + length, self.closes[index]), index

    def bar_closes(self, ts: Instants, index: Indices, timeframe: Length) -> Instants:
        """Return the first instant after each bar; ``index`` is its session, which cuts its last bar short."""
        if timeframe.minutes is None:
            return self.closes[index]
        return np.minimum(ts + np.timedelta64(timeframe.minutes, "m"), self.closes[index])


def spans(sessions: Sequence[Session]) -> Spans:
    """Return ascending sessions (as ``SessionCalendar.sessions`` gives them) as arrays."""
    return Spans(
        dates=np.array([session.trade_date for session in sessions], dtype="datetime64[D]"),
        opens=_instants([session.opens_at for session in sessions]),
        closes=_instants([session.closes_at for session in sessions]),
        break_starts=_instants([session.break_starts_at for session in sessions]),
        break_ends=_instants([session.break_ends_at for session in sessions]),
    )


def _instants(moments: Sequence[datetime | None]) -> Instants:
    return np.array([_NEVER if moment is None else to_instant(moment) for moment in moments], dtype="datetime64[us]")
