"""The timeframes: a name and a row each. Nothing about when a bar opens: that is the session's (``sessions``)."""

import re
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Protocol

from tradematrix_pipelines.errors import UsageError


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

_UNITS = {
    "m": 1, "min": 1, "mins": 1, "minute": 1, "minutes": 1, "t": 1,
    "h": 60, "hour": 60, "hours": 60, "hr": 60,
    "d": None, "day": None, "days": None, "daily": None,
}  # fmt: skip  # a line a unit
_COUNT_FIRST = re.compile(r"(\d*)\s*([a-z]+)")
_UNIT_FIRST = re.compile(r"([a-z])(\d+)")


def parse_timeframe(text: str) -> Timeframe:
    """Return the timeframe that a person means: ``1h``, ``1H``, ``60m``, ``60min``, ``H1``, ``hour``, ``d``, ``daily``.

    Raises:
        UsageError: there is none; the message suggests the nearest and lists all.
    """
    written = text.strip().lower()
    if (reversed_ := _UNIT_FIRST.fullmatch(written)) is not None:
        written = f"{reversed_[2]}{reversed_[1]}"
    parts = _COUNT_FIRST.fullmatch(written)
    if parts is not None and parts[2] in _UNITS:
        unit, count = _UNITS[parts[2]], int(parts[1] or 1)
        minutes = None if unit is None and count == 1 else (unit or 24 * 60) * count
        for timeframe, row in ROWS.items():
            if row.minutes == minutes:
                return timeframe
    names = [timeframe.value for timeframe in Timeframe]
    close = get_close_matches(written, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UsageError(f"there is no timeframe {text!r}: {hint}There are {', '.join(names)}")


INTRADAY = tuple(timeframe for timeframe in Timeframe if timeframe.minutes is not None)
"""All but the daily bar, finest first."""
