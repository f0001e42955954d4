"""Which of the wanted runs to request now: none that is under way, and none twice for the same state.

All requests for runs pass through here: the sensors and both deadlines want the same sessions. Not here: what is
wanted (``closes``, ``healing``), and where requests are kept (``storage.run_requests``).
"""

from collections.abc import Container, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

AGAIN = timedelta(minutes=10)
"""How long a request without result stands: its run died before it worked, or was never created."""

LEVELS = "levels"
"""The asset name under which daily levels and pivot points are requested: one step computes both."""


class Target(NamedTuple):
    """What one request is for: one session of one series, or its levels.

    Attributes:
        asset: name of a candle asset, or LEVELS.
    """

    symbol: str
    trade_date: date
    asset: str


def choose_targets(
    wanted: Mapping[Target, datetime | None],
    *,
    requested: Mapping[Target, datetime],
    under_way: Container[Target],
    now: datetime,
) -> set[Target]:
    """Return which of ``wanted`` to request now.

    A target is requested again as soon as its state has changed since the last request, else ten minutes after it. So
    a run that died costs ten minutes, and one that changes nothing, such as levels that can't be computed, is launched
    at most every ten minutes.

    Args:
        wanted: targets, and when the state that makes them wanted changed; ``None`` = nothing is stored.
        requested: when a target was last requested.
        under_way: targets of queued and running runs.
    """
    return {
        target
        for target, changed_at in wanted.items()
        if target not in under_way and not _stands(requested.get(target), changed_at, now)
    }


def _stands(requested_at: datetime | None, changed_at: datetime | None, now: datetime) -> bool:
    if requested_at is None or (changed_at is not None and changed_at >= requested_at):
        return False
    # A request in the future was made by a clock that has been set back since.
    return requested_at <= now < requested_at + AGAIN
