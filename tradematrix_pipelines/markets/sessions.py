"""What a trading session is, and the grid of bars inside it.

Here: one session as a value. Not here: which days have one (``calendars``).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.markets.timeframes import Timeframe

Instants = npt.NDArray[np.datetime64]
"""UTC instants as ``datetime64[us]``; numpy has no zones, so this alias stands for UTC."""


@dataclass(frozen=True, slots=True)
class Session:
    """One trading session, named by its trade date.

    Attributes:
        trade_date: the session's name; outside exchanges the day on which it closes.
        opens_at: first instant of the session, aware, UTC.
        closes_at: first instant after the session, aware, UTC.
        break_starts_at: start of the midday break where the exchange has one, else ``None``.
        break_ends_at: its end.
        may_open_at: until when bars may be absent at the start, although any that exist belong to the session; aware,
            UTC; ``None`` where every bar from the open on is required.
        may_close_at: from when on bars may be absent at the end, on the same terms.
        may_be_closed: whether no bar at all means that the market was closed.
    """

    trade_date: date
    opens_at: datetime
    closes_at: datetime
    break_starts_at: datetime | None = None
    break_ends_at: datetime | None = None
    may_open_at: datetime | None = None
    may_close_at: datetime | None = None
    may_be_closed: bool = False

    @property
    def required_from(self) -> datetime:
        """The first instant from which bars are required."""
        return self.may_open_at or self.opens_at

    @property
    def required_until(self) -> datetime:
        """The first instant from which on bars are no longer required."""
        return self.may_close_at or self.closes_at

    def bar_opens(self, timeframe: Timeframe) -> Instants:
        """Return the opens of all bars of the session, ascending, anchored at the session's open.

        A coarser bar that the close cuts short is included; one that lies wholly in the break is not.
        The daily bar opens with the session.
        """
        opens, closes = to_instant(self.opens_at), to_instant(self.closes_at)
        minutes = timeframe.minutes
        if minutes is None:
            return np.array([opens])
        grid = np.arange(opens, closes, np.timedelta64(minutes, "m"))
        if self.break_starts_at is None or self.break_ends_at is None:
            return grid
        pause = (to_instant(self.break_starts_at), to_instant(self.break_ends_at))
        inside = (grid >= pause[0]) & (grid + np.timedelta64(minutes, "m") <= pause[1])
        return grid[~inside]


def to_instant(moment: datetime) -> np.datetime64:
    """Return an aware datetime as ``datetime64[us]`` in UTC."""
    if moment.tzinfo is None:
        msg = f"{moment!r} has no zone"
        raise ValueError(msg)
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def from_instant(instant: np.datetime64) -> datetime:
    """Return an instant of numpy's, which is UTC, as an aware datetime: the inverse of :func:`to_instant`."""
    moment: datetime = instant.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)
