"""The five timeframes. Nothing about when a bar opens: that is the session's (``sessions``)."""

from datetime import timedelta
from enum import StrEnum


class Timeframe(StrEnum):
    """The length of a candle; the value is the name used in tables, files and on the command line."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    D1 = "1d"

    @property
    def minutes(self) -> int | None:
        """Length in minutes; ``None`` for the daily bar, which lasts as long as its session."""
        return _MINUTES[self]

    @property
    def length(self) -> timedelta | None:
        """The same as a timedelta."""
        minutes = self.minutes
        return None if minutes is None else timedelta(minutes=minutes)


_MINUTES: dict[Timeframe, int | None] = {
    Timeframe.M1: 1,
    Timeframe.M5: 5,
    Timeframe.M15: 15,
    Timeframe.H1: 60,
    Timeframe.D1: None,
}

INTRADAY = (Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1)
"""All but the daily bar, finest first."""
