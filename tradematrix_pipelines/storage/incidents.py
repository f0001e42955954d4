"""The incidents: which are open, which are over.

Here: recording and reading them. Not here: notifications (``storage.notifications``).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, case, select, text, update
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.alerts.detectors import EVENTS, Incident, IncidentKind
from tradematrix_pipelines.alerts.incidents import RecordedIncident, changes
from tradematrix_pipelines.storage.tables import incidents

# Judging is serialized: two processes at once could deadlock. The number keeps the key apart from other locks'.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('incidents', 20261120))")


def record(engine: Engine, current: Sequence[Incident], *, kinds: Collection[IncidentKind], now: datetime) -> None:
    """Open the current incidents that aren't open, and close the open ones of the judged kinds that aren't current.

    One that stays open keeps the message it was opened with. The closing of an event is not notified. Waits while a
    notification of one that closes is sent.

    Args:
        kinds: the kinds that were judged completely; incidents of other kinds stay open.
        now: when they were judged, aware, UTC.
    """
    with engine.begin() as connection:
        connection.execute(_LOCK)
        opened, closed = changes(current, _read_open(connection), kinds=kinds)
        if opened:
            rows = [
                {"key": incident.key, "kind": str(incident.kind), "message": incident.message} for incident in opened
            ]
            connection.execute(insert(incidents), [{**row, "opened_at": now} for row in rows])
        if closed:
            over = incidents.c.id.in_([incident.id for incident in closed])
            connection.execute(update(incidents).where(over).values(closed_at=now, closing_notified_at=_closing(now)))


def read_open(engine: Engine) -> list[RecordedIncident]:
    """Return the open incidents, oldest first."""
    with engine.connect() as connection:
        return _read_open(connection)


def read_since(engine: Engine, since: datetime) -> list[RecordedIncident]:
    """Return the open incidents, and those that closed at ``since`` (aware) or later, oldest first."""
    recent = incidents.c.closed_at.is_(None) | (incidents.c.closed_at >= since)
    query = select(incidents).where(recent).order_by(incidents.c.id)
    with engine.connect() as connection:
        return [to_incident(row) for row in connection.execute(query)]


def to_incident(row: Row[Any]) -> RecordedIncident:
    """Convert a row of ``incidents``."""
    return RecordedIncident(**{**row._mapping, "kind": IncidentKind(row.kind)})  # noqa: SLF001  # SQLAlchemy's public name


def _closing(now: datetime) -> ColumnElement[datetime | None]:
    """Return when a closing counts as notified without a message: that of an event does at once."""
    return case((incidents.c.kind.in_([str(kind) for kind in EVENTS]), now), else_=None)


def _read_open(connection: Connection) -> list[RecordedIncident]:
    query = select(incidents).where(incidents.c.closed_at.is_(None)).order_by(incidents.c.id)
    return [to_incident(row) for row in connection.execute(query)]
