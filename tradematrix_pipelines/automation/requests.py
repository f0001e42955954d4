"""What may be requested now of what is wanted: nothing that is under way, and nothing twice for the same state.

Whoever asks for runs asks through this: the sensors and both deadlines want the same sessions. Not here: what is
wanted (``closes``, ``healing``), and where it is kept what was requested (``storage.run_requests``).
"""

from collections.abc import Container, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

AGAIN = timedelta(minutes=10)
"""How long a request stands that nothing has come of: its run died before it worked, or was never made."""

LEVELS = "levels"
"""What daily levels and pivot points are requested as: one step computes them."""


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

    What was requested is requested again once its state has changed since, at once; and where it has not, ten minutes
    later: so a run that died costs ten minutes, and one that works and changes nothing, such as levels that can't be
    computed, is made no more often than that.

    Args:
        wanted: with the instant at which the state changed that it is wanted for; ``None`` = nothing is stored.
        requested: when each was last requested.
        under_way: what a run is queued or running for.
    """
    return {
        target
        for target, changed_at in wanted.items()
        if target not in under_way and not _stands(requested.get(target), changed_at, now)
    }


def _stands(requested_at: datetime | None, changed_at: datetime | None, now: datetime) -> bool:
    if requested_at is None or (changed_at is not None and changed_at >= requested_at):
        return False
    # A request from the future is one of a clock that was set back since.
    return requested_at <= now < requested_at + AGAIN
