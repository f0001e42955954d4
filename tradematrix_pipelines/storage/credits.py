"""The ledger of vendor credits in Postgres, one for all processes.

Here: when a call may be made, and how its answer corrects the count. Not here: what the limits are
(``vendors.credits``), the SQL (``credit_rows``).

A vendor counts a call when it arrives, which is at some time between its booking and its answer. So a booking counts
from when it is made until a minute after its answer: on settling, ``reserved_at`` moves to the instant of the answer.
In any 60 seconds, rolling or by the clock, and however long calls take, no more calls arrive than the limit: when the
last of them was booked, all others were counted. A booking whose process died counts as under way for a while.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from sqlalchemy import Engine, delete

from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.credit_rows import VendorRows, shared_now
from tradematrix_pipelines.storage.tables import vendor_credits
from tradematrix_pipelines.vendors.credits import Plan, Reservation, day_resets_at, next_minute_at
from tradematrix_pipelines.vendors.errors import BadRequest, DayLimit, MinuteLimit
from tradematrix_pipelines.vendors.registry import declared_plans

OTHER = "other"
"""The purpose of credits that the vendor counted and we didn't book: another client uses the same key."""

REFUSED = "refused"
"""The purpose of a row without credits that records a refusal: the minute's credits are spent."""

_MINUTE, _HOUR = timedelta(seconds=60), timedelta(hours=1)
_NOT_BOOKED = 0
_BELIEVABLE = 2
"""Most times the minute's limit that a vendor's count is believed: refused calls are counted too, to a point."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class CreditUsage:
    """A vendor's credits, spent and left; ``None`` left = no limit.

    Attributes:
        minute_used: credits of the last 60 seconds and of the calls under way.
        day_used: credits of this UTC day.
        by_purpose: those of the day by purpose.
        resets_at: when the day's credits are reset, aware, UTC.
    """

    minute_used: int
    minute_left: int | None
    day_used: int
    day_left: int | None
    by_purpose: dict[str, int]
    resets_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CreditLedger:
    """The credits of vendors, as a ``vendors.credits.Ledger``. Safe to use from threads and processes at once.

    Attributes:
        plans: the limits of each vendor that has any; calls to other vendors are granted and not booked.
        max_wait: the longest that a booking waits for room in the minute, on the clock.
        under_way: the longest that a call can take, on the clock; a booking without an answer counts that much longer.
    """

    engine: Engine
    plans: Mapping[str, Plan]
    clock: Clock
    max_wait: timedelta = timedelta(minutes=10)
    under_way: timedelta = timedelta(minutes=2)

    def reserve(
        self,
        *,
        vendor: str,
        credits: int,  # noqa: A002  # the domain's word
        purpose: str,
        at_least: int | None = None,
    ) -> Reservation:
        """Book credits, waiting until the minute has room for them, or for ``at_least`` of them.

        Raises:
            MinuteLimit: none are free within ``max_wait``.
            DayLimit: the day's credits that this purpose may use are spent.
            BadRequest: the plan never has that many.
        """
        if vendor not in self.plans:
            return Reservation(id=_NOT_BOOKED, vendor=vendor, credits=credits, purpose=purpose)
        waited = timedelta()
        while True:
            outcome = self._book(vendor, credits, purpose, at_least=credits if at_least is None else at_least)
            if isinstance(outcome, Reservation):
                return outcome
            # The requested wait counts, not the time that passed: a clock that stands still must not block us for ever.
            waited += outcome
            reason = f"the credits of {vendor} for this minute are spent, as far as {purpose} may use them"
            if waited > self.max_wait:
                raise MinuteLimit(f"{reason}, and none came free within {self.max_wait}: try again later")
            _logger.info("%s: waiting %.1f s", reason, outcome.total_seconds())
            self.clock.sleep(outcome.total_seconds())

    def settle(
        self,
        reservation: Reservation,
        *,
        charged: int | None,
        used: int | None = None,
        left: int | None = None,
        refused: bool = False,
    ) -> None:
        """Correct a booking from the answer; the arguments are those of ``vendors.credits.Ledger``.

        Args:
            refused: the answer was that the minute's credits are spent: no call is made before the next clock minute.
        """
        del left  # the plan says it
        if reservation.id == _NOT_BOOKED:
            return
        limit = self.plans[reservation.vendor].per_minute
        if used is not None and limit is not None and used > _BELIEVABLE * limit:
            _warn_once(reservation.vendor, used, limit)
            used = None
        with self.engine.begin() as connection:
            rows = VendorRows.locked(connection, reservation.vendor, self.clock, self.under_way)
            booked_at = rows.settle(reservation.id, reservation.credits if charged is None else charged)
            if used is not None:
                # The vendor counted back a minute from our call's arrival, which wasn't before its booking.
                unknown = used - sum(rows.totals(booked_at - _MINUTE).values())
                if unknown > 0:
                    rows.add(unknown, OTHER)
            if refused or (used is not None and limit is not None and used > limit):
                rows.add(0, REFUSED)

    def usage(self, vendor: str, now: datetime) -> CreditUsage:
        """Return the credits of a vendor of ``plans`` at ``now``, or where hosts share a clock, at its instant."""
        plan = self.plans[vendor]
        with self.engine.connect() as connection:
            rows = VendorRows(connection, vendor, shared_now(connection, self.clock) or now, self.under_way)
            now, minute_ago = rows.now, rows.now - _MINUTE
            minute = sum(rows.totals(minute_ago).values())
            by_purpose = rows.totals(_midnight(now))
        day = sum(by_purpose.values())
        return CreditUsage(
            minute_used=minute,
            minute_left=_left(plan.per_minute, minute),
            day_used=day,
            day_left=_left(plan.per_day, day),
            by_purpose=by_purpose,
            resets_at=day_resets_at(now),
        )

    def hours(self, vendor: str, now: datetime) -> dict[datetime, dict[str, int]]:
        """Return the credits of this UTC day by the beginning of their hour, and by purpose; hours without any too.

        They are those of :meth:`usage`, at the same instant.
        """
        with self.engine.connect() as connection:
            rows = VendorRows(connection, vendor, shared_now(connection, self.clock) or now, self.under_way)
            midnight = _midnight(rows.now)
            count = (rows.now - midnight) // _HOUR + 1
            hours: dict[datetime, dict[str, int]] = {midnight + n * _HOUR: {} for n in range(count)}
            for hour, purpose, total in rows.by_hour(midnight):
                hours[hour][purpose] = total
        return hours

    def _book(self, vendor: str, amount: int, purpose: str, *, at_least: int) -> Reservation | timedelta:
        """Book now, or return how long to wait before another attempt."""
        with self.engine.begin() as connection:
            rows = VendorRows.locked(connection, vendor, self.clock, self.under_way)
            self._check_day(rows, at_least, purpose)
            free_at = self._free_at(rows, at_least, purpose)
            if free_at > rows.now:
                return free_at - rows.now
            if at_least < amount:
                amount = max(at_least, self._room(rows, amount, purpose))
            row = rows.add(amount, purpose, settled=False)
            return Reservation(id=row, vendor=vendor, credits=amount, purpose=purpose)

    def _room(self, rows: VendorRows, amount: int, purpose: str) -> int:
        """Return how many of ``amount`` credits the minute and the day have room for now."""
        plan = self.plans[rows.vendor]
        budgets = (
            (plan.minute_budget(purpose), rows.now - _MINUTE + timedelta.resolution),  # a minute old counts no more
            (plan.day_budget(purpose), _midnight(rows.now)),
        )
        left = [budget - sum(rows.totals(since).values()) for budget, since in budgets if budget is not None]
        return min([amount, *left])

    def _check_day(self, rows: VendorRows, amount: int, purpose: str) -> None:
        plan = self.plans[rows.vendor]
        budget = plan.day_budget(purpose)
        if budget is None:
            return
        spent = sum(rows.totals(_midnight(rows.now)).values())
        if spent + amount > budget:
            resumes_at = day_resets_at(rows.now)
            raise DayLimit(
                f"{spent} of the day's {plan.per_day} credits of {rows.vendor} are spent, and {purpose} may spend "
                f"up to {budget}: they are reset at {resumes_at:%Y-%m-%d %H:%M} UTC",
                resumes_at=resumes_at,
            )

    def _free_at(self, rows: VendorRows, amount: int, purpose: str) -> datetime:
        """Return when the minute has room for ``amount`` credits; ``rows.now`` = it has now."""
        budget = self.plans[rows.vendor].minute_budget(purpose)
        if budget is None:
            return rows.now
        if amount > budget:
            raise BadRequest(f"{purpose} may spend {budget} credits of {rows.vendor} a minute, not {amount}: ask less")
        if rows.has(REFUSED, since=rows.now.replace(second=0, microsecond=0)):
            return next_minute_at(rows.now)
        blocked_by = rows.in_the_way(rows.now - _MINUTE, room=budget - amount)
        return rows.now if blocked_by is None else blocked_by + _MINUTE


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _left(limit: int | None, used: int) -> int | None:
    return None if limit is None else max(0, limit - used)


def open_ledger(engine: Engine, settings: Settings) -> CreditLedger:
    """Return the ledger of the vendors that ``settings`` name, each with the limits that it declares.

    Raises:
        UsageError: a vendor is unknown, or its plan is invalid.
    """
    return CreditLedger(engine=engine, plans=declared_plans(settings), clock=settings.clock)


@cache
def _warn_once(vendor: str, used: int, limit: int) -> None:
    _logger.warning(
        "%s reports %d credits used in a minute, with a plan of %d: ignored as impossible", vendor, used, limit
    )


def prune_credits(engine: Engine, *, before: datetime) -> int:
    """Delete the bookings made before an instant (aware, UTC); return how many."""
    with engine.begin() as connection:
        return connection.execute(delete(vendor_credits).where(vendor_credits.c.reserved_at < before)).rowcount
