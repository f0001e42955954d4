"""What a call costs: the plan's limits, and the ledger that every call is booked in.

Here: the limits as values, the reservation before a call and the correction after it.
Not here: where bookings are stored (``storage.credits`` keeps them in Postgres, shared by all processes).
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from tradematrix_pipelines.errors import UsageError

BACKFILL = "backfill"
"""The purpose of past sessions, which must not use the live share."""

VERIFY = "verify"
"""The purpose of asking for stored sessions again, which must not use the live share either."""

LIVE, CLOSE, HEAL = "live", "close", "heal"
"""The purposes of the trading day: live pulls, sessions that have closed, and sessions that are fetched again."""

_SPARING = frozenset({BACKFILL, VERIFY})
"""Every other purpose may use the whole plan."""

_FORM = re.compile(r"(?P<minute>\d+)(?:/(?P<day>\d+))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The limits of a vendor's plan.

    Attributes:
        per_minute: credits in any rolling 60 seconds; ``None`` = no limit.
        per_day: credits of a UTC day; ``None`` = no limit.
        live_share: part of both limits, 0 to 1, that backfills and verifications leave to live pulls.
    """

    per_minute: int | None
    per_day: int | None
    live_share: float = 0.25

    def minute_budget(self, purpose: str) -> int | None:
        """Return the credits that ``purpose`` may see booked within 60 seconds, itself included."""
        return self._budget(self.per_minute, purpose)

    def day_budget(self, purpose: str) -> int | None:
        """Return the credits that ``purpose`` may see booked on one UTC day, itself included."""
        return self._budget(self.per_day, purpose)

    def _budget(self, limit: int | None, purpose: str) -> int | None:
        if limit is None or purpose not in _SPARING:
            return limit
        return max(1, limit - math.floor(limit * self.live_share))


UNLIMITED = Plan(per_minute=None, per_day=None)

PLANS = {
    "basic": Plan(per_minute=8, per_day=800),
    "grow": Plan(per_minute=55, per_day=None),
    "pro": Plan(per_minute=610, per_day=None),
    "ultra": Plan(per_minute=2584, per_day=None),
    "unlimited": UNLIMITED,
}
"""Twelve Data's plans at their entry size. Only Basic has a day's limit; bigger sizes are written as a number."""


def parse_plan(text: str) -> Plan:
    """Return the plan that ``text`` names: a name of :data:`PLANS`, ``377`` (a minute) or ``8/800`` (a minute/a day).

    Raises:
        UsageError: it names no plan.
    """
    known = PLANS.get(text.strip().lower())
    if known is not None:
        return known
    match = _FORM.fullmatch(text.strip())
    if match is None or int(match["minute"]) == 0:
        raise UsageError(
            f"{text!r} is not a plan: give {', '.join(PLANS)}, or credits a minute (377), or a minute and a day (8/800)"
        )
    return Plan(per_minute=int(match["minute"]), per_day=None if match["day"] is None else int(match["day"]))


def day_resets_at(now: datetime) -> datetime:
    """Return the next midnight UTC after ``now``: when the day's credits are available again."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)


def next_minute_at(now: datetime) -> datetime:
    """Return the start of the clock minute after ``now``: when a refused call is tried again."""
    return now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """Credits booked for a call that is about to be made.

    Attributes:
        id: the booking's key in its ledger.
        credits: credits booked.
    """

    id: int
    vendor: str
    credits: int
    purpose: str


class Ledger(Protocol):
    """The credits of all calls of all processes. Safe to call from several threads."""

    def reserve(
        self,
        *,
        vendor: str,
        credits: int,  # noqa: A002 - the domain's word
        purpose: str,
        at_least: int | None = None,
    ) -> Reservation:
        """Book ``credits`` for a call to ``vendor``, waiting, for a bounded time, until the minute has room.

        Args:
            at_least: how many are enough; as many of ``credits`` are booked as there is room for without waiting
                longer. ``None`` = all of them are needed.

        Raises:
            MinuteLimit: the minute had no room within the bounded wait.
            DayLimit: the day's credits, less the live share for a backfill, are spent.
        """
        ...

    def settle(
        self,
        reservation: Reservation,
        *,
        charged: int | None,
        used: int | None = None,
        left: int | None = None,
        refused: bool = False,
    ) -> None:
        """Correct a booking from what the vendor's answer said.

        Args:
            reservation: what :meth:`reserve` returned.
            charged: credits the call really cost; ``None`` = not known, the booking stands; 0 = it never
                reached the vendor.
            used: credits used in the current minute by the vendor's own count (``api-credits-used``).
            left: credits left in the current minute by the vendor's own count (``api-credits-left``).
            refused: the answer was that the minute's credits are spent: no call is made before the next minute.
        """
        ...


@dataclass(frozen=True, slots=True)
class NoLedger:
    """The ledger of a vendor without limits: it grants everything and remembers nothing."""

    def reserve(
        self,
        *,
        vendor: str,
        credits: int,  # noqa: A002 - the domain's word
        purpose: str,
        at_least: int | None = None,
    ) -> Reservation:
        del at_least
        return Reservation(id=0, vendor=vendor, credits=credits, purpose=purpose)

    def settle(
        self,
        reservation: Reservation,
        *,
        charged: int | None,
        used: int | None = None,
        left: int | None = None,
        refused: bool = False,
    ) -> None:
        del reservation, charged, used, left, refused
