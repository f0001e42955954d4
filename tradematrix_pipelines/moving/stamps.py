"""Stamps of another system: how they become UTC instants, and how daily ones become trade dates.

Here: a correction that somebody asked for. Not here: which one fits (``shifts``).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradematrix_pipelines.candles.placement import Spans
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.sessions import Instants
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.markets.zones import WallClock, parse_wall_clock

MOST_MINUTES = 14 * 60
"""No zone is further from UTC."""

_MINUTES = re.compile(r"(?P<count>[+-]\d{1,4})m", re.ASCII)
_HALF_DAY = np.timedelta64(12, "h")


@dataclass(frozen=True, slots=True)
class Correction:
    """What turns a stamp into the UTC instant that it stands for.

    Attributes:
        clock: the stamps are what this clock showed, marked as UTC; ``None`` = a constant is added.
        minutes: added to each stamp where there is no clock.
    """

    clock: WallClock | None = None
    minutes: int = 0

    @classmethod
    def parse(cls, written: str) -> Self:
        """Return the correction that a person writes: ``Europe/Berlin``, ``-60m``, or ``none``.

        Raises:
            UsageError: it is neither a zone nor a number of minutes.
        """
        text = written.strip()
        if text.lower() == "none":
            return cls()
        if (match := _MINUTES.fullmatch(text)) is not None:
            minutes = int(match["count"])
            if abs(minutes) > MOST_MINUTES:
                raise UsageError(f"{text}: stamps are moved by {MOST_MINUTES} minutes at most")
            return cls(minutes=minutes)
        try:
            return cls(clock=parse_wall_clock(text))
        except ValueError:
            raise UsageError(
                f"{text!r} is no correction: write the zone whose clock the stamps show (Europe/Berlin), the minutes "
                "to be added (-60m), or none"
            ) from None

    def __str__(self) -> str:
        if self.clock is not None:
            return str(self.clock)
        return f"{self.minutes:+d}m" if self.minutes else "none"

    @property
    def is_none(self) -> bool:
        """Whether stamps stay as they are."""
        return self.clock is None and not self.minutes

    def to_utc(self, stamps: Instants) -> Instants:
        """Return the instants of these stamps; NaT in an hour that the clock shows twice, or never."""
        if self.clock is None:
            return stamps + np.timedelta64(self.minutes, "m")
        local = pd.DatetimeIndex(stamps) - pd.Timedelta(hours=self.clock.ahead)
        zoned = local.tz_localize(self.clock.zone, ambiguous="NaT", nonexistent="NaT")
        return zoned.tz_convert(None).to_numpy("datetime64[us]")

    def to_stamp(self, moment: datetime) -> datetime:
        """Return the stamp of an aware instant, as if it were UTC."""
        if self.clock is None:
            return moment - timedelta(minutes=self.minutes)
        shown = moment.astimezone(self.clock.zone).replace(tzinfo=UTC)
        return shown + timedelta(hours=self.clock.ahead)


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """The stamps of one series as the keys by which two systems' candles are compared.

    Attributes:
        keys: instants; of daily bars midnight UTC of the trade date; NaT where the instant is unknown.
        inside: whether each lies in a session of the calendar.
    """

    keys: Instants
    inside: npt.NDArray[np.bool_]


def place(stamps: Instants, timeframe: Timeframe, sessions: Spans, correction: Correction) -> Placed:
    """Return where the stamps of a series belong.

    A daily bar may be stamped with the midnight of its date, in UTC or on the corrected clock, or with its session's
    open. What is none of these belongs to the date whose noon is nearest.
    """
    corrected = correction.to_utc(stamps)
    if timeframe is not Timeframe.D1:
        return Placed(keys=corrected, inside=sessions.locate(corrected, timeframe) >= 0)
    keys = (corrected + _HALF_DAY).astype("datetime64[D]").astype("datetime64[us]")
    if len(sessions.dates):
        index = sessions.locate(corrected, timeframe)
        keys = np.where(index >= 0, sessions.dates[index].astype("datetime64[us]"), keys)
    for times in (corrected, stamps):
        keys = np.where(times == times.astype("datetime64[D]"), times, keys)
    return Placed(keys=keys, inside=sessions.locate_dates(keys) >= 0)
