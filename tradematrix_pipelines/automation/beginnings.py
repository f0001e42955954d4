"""From when on a symbol's data can be late: not before there was time to fetch them.

A new installation, or a symbol added in the middle of its session, has no data yet and is not late. Not here: what is
late (``markets.freshness``, ``alerts.detectors``).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

FIRST_CHANCE = timedelta(minutes=15)
"""From a symbol's beginning until it is judged: time for a run of its last sessions, and a first live pull."""


def began_at(created_at: datetime, first_checked_at: datetime | None, now: datetime) -> datetime:
    """Return when a symbol began.

    That is when it was added. Where that is in the future, because the row has the machine's time and the clock is set
    to another, it is when the vendor was first asked for it, or else ``now``.
    """
    if created_at <= now:
        return created_at
    return min(first_checked_at or now, now)


def judged(symbol: str, began: Mapping[str, datetime], now: datetime) -> bool:
    """Whether a symbol's data can be late at ``now``; one whose beginning is unknown can."""
    return symbol not in began or now >= began[symbol] + FIRST_CHANCE
