"""The rows of ``vendor_credits``: queries and writes.

Here: SQL. Not here: the decisions (``credits``, which also explains from when rows count).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sqlalchemy import Connection, CursorResult, TextClause, insert, select, text, update

from tradematrix_pipelines.clock import Clock, SystemClock
from tradematrix_pipelines.storage.tables import vendor_credits

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:vendor, 20260320))")  # the number: apart from other locks
_NOW = text("SELECT clock_timestamp()")  # not now(): that is when the transaction began, before it waited for the lock
_COUNTED = """
    SELECT id, credits, purpose,
           CASE WHEN settled THEN reserved_at ELSE least(reserved_at + :under_way, :now) END AS counted_at
    FROM vendor_credits
    WHERE vendor = :vendor AND reserved_at > :since - :under_way AND reserved_at <= :now
"""
_TOTALS = text(f"""
    SELECT purpose, sum(credits) AS total FROM ({_COUNTED}) AS counted
    WHERE counted_at >= :since GROUP BY purpose HAVING sum(credits) > 0 ORDER BY purpose
""")  # noqa: S608  # constants only
_BY_HOUR = text(f"""
    SELECT date_trunc('hour', counted_at, 'UTC') AS hour, purpose, sum(credits) AS total FROM ({_COUNTED}) AS counted
    WHERE counted_at >= :since GROUP BY 1, purpose HAVING sum(credits) > 0 ORDER BY 1, purpose
""")  # noqa: S608  # constants only
_IN_THE_WAY = text(f"""
    SELECT max(counted_at) FROM (
        SELECT counted_at, sum(credits) OVER (ORDER BY counted_at DESC, id DESC) AS newest_first
        FROM ({_COUNTED}) AS counted WHERE counted_at > :since
    ) AS recent WHERE newest_first > :room
""")  # noqa: S608  # constants only


def shared_now(connection: Connection, clock: Clock) -> datetime | None:
    """Return the instant that all hosts agree on, which is the database's; ``None`` where the clock isn't the system's.

    The clocks of hosts that share a ledger may differ by seconds.
    """
    if not isinstance(clock, SystemClock):
        return None
    now: datetime = connection.execute(_NOW).scalar_one()
    return now.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class VendorRows:
    """A vendor's rows at one instant of the ledger's clock, in the caller's transaction.

    Rows booked later than that instant were booked by a clock that has been set back since, and don't count.

    Attributes:
        now: the instant, aware, UTC.
        under_way: how long an unsettled row counts as if it was made just now.
    """

    connection: Connection
    vendor: str
    now: datetime
    under_way: timedelta

    @classmethod
    def locked(cls, connection: Connection, vendor: str, clock: Clock, under_way: timedelta) -> Self:
        """Lock these rows until the transaction ends, waiting for other holders of the lock."""
        connection.execute(_LOCK, {"vendor": vendor})
        return cls(connection, vendor, shared_now(connection, clock) or clock.now(), under_way)

    def totals(self, since: datetime) -> dict[str, int]:
        """Return the credits that count at or after ``since``, by purpose."""
        return {row["purpose"]: int(row["total"]) for row in self._execute(_TOTALS, since=since).mappings()}

    def by_hour(self, since: datetime) -> list[tuple[datetime, str, int]]:
        """Return the credits that count at or after ``since``: hour (aware, UTC), purpose, credits."""
        rows = self._execute(_BY_HOUR, since=since).mappings()
        return [(row["hour"].astimezone(UTC), row["purpose"], int(row["total"])) for row in rows]

    def in_the_way(self, since: datetime, *, room: int) -> datetime | None:
        """Return when the row counts that has to fall before ``since`` for at most ``room`` credits to be left.

        ``None`` = no more than that count now.
        """
        counted_at: datetime | None = self._execute(_IN_THE_WAY, since=since, room=room).scalar()
        return counted_at

    def has(self, purpose: str, since: datetime) -> bool:
        """Whether a row of this purpose was made at or after ``since``."""
        column = vendor_credits.c
        made = column.reserved_at.between(since, self.now)
        conditions = (column.vendor == self.vendor, column.purpose == purpose, made)
        return self.connection.execute(select(column.id).where(*conditions).limit(1)).first() is not None

    def add(self, amount: int, purpose: str, *, settled: bool = True) -> int:
        """Add a row of ``amount`` credits; return its id."""
        row = {"reserved_at": self.now, "credits": amount, "purpose": purpose, "settled": settled}
        added = insert(vendor_credits).values(vendor=self.vendor, **row).returning(vendor_credits.c.id)
        return int(self.connection.execute(added).scalar_one())

    def settle(self, row: int, amount: int) -> datetime:
        """Store the final credits of a row, which counts from now on; return when it was made."""
        is_row = vendor_credits.c.id == row
        made: datetime = self.connection.execute(select(vendor_credits.c.reserved_at).where(is_row)).scalar_one()
        self.connection.execute(
            update(vendor_credits).where(is_row).values(credits=amount, settled=True, reserved_at=self.now)
        )
        return made

    def _execute(self, query: TextClause, **terms: object) -> CursorResult[Any]:
        common = {"vendor": self.vendor, "now": self.now, "under_way": self.under_way}
        return self.connection.execute(query, {**common, **terms})
