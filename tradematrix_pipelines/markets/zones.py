"""The clock that local times were read from: a zone, and hours that it is ahead of that zone.

Here: how a person names one. Not here: which times are local (``vendors.files``).
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_AHEAD = re.compile(r"(?P<zone>.+?)(?P<hours>[+-]\d{1,2})", re.ASCII)
_FURTHEST = 14


@dataclass(frozen=True, slots=True)
class WallClock:
    """A clock on a wall.

    Attributes:
        zone: whose daylight saving it keeps.
        ahead: hours that it is ahead of that zone; many brokers' servers are seven ahead of New York all year.
    """

    zone: ZoneInfo
    ahead: int = 0

    def __str__(self) -> str:
        return f"{self.zone.key}{self.ahead:+d}" if self.ahead else self.zone.key

    def skips(self, local: datetime) -> bool:
        """Whether daylight saving begins at this local time, so that the clock never shows it."""
        inside = local - timedelta(hours=self.ahead)
        before, after = (inside.replace(tzinfo=self.zone, fold=fold).utcoffset() for fold in (0, 1))
        return before is not None and after is not None and before < after


def parse_wall_clock(text: str) -> WallClock:
    """Return the clock that a person means: ``Europe/Berlin``, ``UTC``, ``UTC+2``, ``America/New_York+7``.

    Raises:
        ValueError: there is no such zone.
    """
    if (zone := _zone(text)) is not None:  # Etc/GMT+5 is the name of a zone
        return WallClock(zone)
    match = _AHEAD.fullmatch(text)
    zone = None if match is None else _zone(match["zone"])
    if match is None or zone is None or abs(int(match["hours"])) > _FURTHEST:
        raise ValueError(f"has {text!r}, which is no zone: write one like Europe/Berlin, UTC or America/New_York+7")
    return WallClock(zone, int(match["hours"]))


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: a folder of zones, such as Europe
        return None
