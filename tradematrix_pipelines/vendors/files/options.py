"""What a user says of files that they don't say themselves: zone, stamps, order of dates.

Here: the options of a folder, and of one series in it. Not here: what a file says itself (``dialects``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.markets.zones import WallClock, parse_wall_clock
from tradematrix_pipelines.settings import Settings

Stamps = Literal["open", "close"]
DateOrder = Literal["day", "month"]
ZONE, DATES = "TRADEMATRIX_FILES_ZONE", "TRADEMATRIX_FILES_DATES"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How one series is read.

    Attributes:
        length: of a bar; ``None`` for daily ones.
        own_clock: the clock that the user names for this symbol; it comes before the one that a format documents.
        clock: the clock that the user names for the folder; it comes after it.
        stamps: whether stamps are opens or closes of bars; of daily bars they are dates.
        dates: whether day or month comes first in 03.04.2026, where a format does not document it.
    """

    length: timedelta | None
    own_clock: WallClock | None = None
    clock: WallClock | None = None
    stamps: Stamps = "open"
    dates: DateOrder | None = None

    @property
    def daily(self) -> bool:
        """Whether these are daily bars."""
        return self.length is None


@dataclass(frozen=True, kw_only=True, slots=True)
class FileOptions:
    """How a folder is read.

    Attributes:
        clock: of local times.
        clocks: the same for single symbols, by the symbol's name at the folder.
    """

    clock: WallClock | None = None
    clocks: Mapping[str, WallClock] = field(default_factory=dict)
    stamps: Stamps = "open"
    dates: DateOrder | None = None

    def reading(self, name: str, timeframe: Timeframe) -> Reading:
        """Return how a series is read; ``name`` is the symbol's at the folder."""
        return Reading(
            length=timeframe.length,
            own_clock=self.clocks.get(name),
            clock=self.clock,
            stamps=self.stamps,
            dates=self.dates,
        )


def file_options(settings: Settings) -> FileOptions:
    """Return the options that the settings have."""
    clock, clocks = _clocks(settings.files_zone)
    return FileOptions(clock=clock, clocks=clocks, stamps=settings.files_stamps, dates=settings.files_dates)


def _clocks(entries: Sequence[str]) -> tuple[WallClock | None, dict[str, WallClock]]:
    """Return the clock of the folder, and those of single symbols."""
    clocks = {}
    for entry in entries:
        name, _, zone = entry.rpartition("=")
        clocks[name.strip()] = parse_wall_clock(zone.strip())
    return clocks.pop("", None), clocks
