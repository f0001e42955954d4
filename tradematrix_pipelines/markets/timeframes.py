"""The timeframes: a name and a row each. Nothing about when a bar opens: that is the session's (``sessions``)."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol


class Length(Protocol):
    """How long a bar is: of a timeframe, or of one that is made of it."""

    @property
    def minutes(self) -> int | None:
        """Length in minutes; ``None`` for a bar that lasts as long as its session."""
        ...


class Timeframe(StrEnum):
    """The length of a candle, from the finest to the coarsest.

    The value is the name used in tables, files and on the command line.
    """

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    D1 = "1d"

    @property
    def row(self) -> "Row":
        """All that distinguishes it from the others."""
        return ROWS[self]

    @property
    def minutes(self) -> int | None:
        """Length in minutes; ``None`` for the daily bar, which lasts as long as its session."""
        return self.row.minutes

    @property
    def length(self) -> timedelta | None:
        """The same as a timedelta."""
        return None if self.minutes is None else timedelta(minutes=self.minutes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What distinguishes a timeframe. It is made of the finest complete finer one, else of the vendor's own bars.

    Attributes:
        minutes: length; ``None`` for the daily bar.
        twelve_data: Twelve Data's name of it.
        yahoo: Yahoo's name of it.
        description: what its asset holds.
    """

    minutes: int | None
    twelve_data: str
    yahoo: str
    description: str


ROWS = {
    Timeframe.M1: Row(
        minutes=1,
        twelve_data="1min",
        yahoo="1m",
        description="One-minute candles: only closed bars, only inside the session, screened.",
    ),
    Timeframe.M5: Row(
        minutes=5,
        twelve_data="5min",
        yahoo="5m",
        description="Five-minute candles, from the minutes where they are complete, else the vendor's own.",
    ),
    Timeframe.M15: Row(
        minutes=15,
        twelve_data="15min",
        yahoo="15m",
        description="15-minute candles, from the finest complete finer ones, else the vendor's own.",
    ),
    Timeframe.H1: Row(
        minutes=60,
        twelve_data="1h",
        yahoo="60m",
        description="Hourly candles anchored at the session's open, from finer ones or the vendor's own.",
    ),
    Timeframe.D1: Row(
        minutes=None,
        twelve_data="1day",
        yahoo="1d",
        description="Daily candles: the vendor's official bar, or the 17:00 to 17:00 New York session for FX and "
        "metals.",
    ),
}

INTRADAY = tuple(timeframe for timeframe in Timeframe if timeframe.minutes is not None)
"""All but the daily bar, finest first."""
