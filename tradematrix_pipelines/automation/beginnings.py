"""When a symbol's data may be late for the first time: not before they had a chance to come.

A new installation, or a symbol that was just added in the middle of its session, has nothing yet and is not late for
it. Not here: what is late (``markets.freshness``, ``watch``).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

FIRST_CHANCE = timedelta(minutes=15)
"""From a symbol's beginning until it is judged: a run for its last sessions, and a first live pull."""


def began_at(created_at: datetime, first_checked_at: datetime | None, now: datetime) -> datetime:
    """Return when a symbol began.

    That is when it was added. Where that is still to come, because the row is of the machine's time and the clock is a
    trial's, it is when the vendor was first asked for it, or else right now.
    """
    if created_at <= now:
        return created_at
    return min(first_checked_at or now, now)


def judged(symbol: str, began: Mapping[str, datetime], now: datetime) -> bool:
    """Whether a symbol's data can be late at ``now``; one whose beginning is not known can."""
    return symbol not in began or now >= began[symbol] + FIRST_CHANCE
