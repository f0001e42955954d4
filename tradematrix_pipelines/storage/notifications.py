"""Notifications of incidents and of touched levels: each opening, each closing and each touch once.

Here: what is not yet notified, and notifying it. Not here: what is open (``storage.incidents``), or how it is worded
and sent (``alerts``).

One process notifies at a time; another does nothing meanwhile. What is notified is marked in the transaction that sends
the message. So nothing is sent twice or in part, and a delivery that fails or a process that dies changes nothing. A
process that dies between the services' answer and the commit makes the message come again: better twice than never.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, case, func, select, text, update

from tradematrix_pipelines.alerts.channels import Alerter, AlertError
from tradematrix_pipelines.alerts.incidents import RecordedIncident
from tradematrix_pipelines.alerts.messages import TouchedLevel, compose
from tradematrix_pipelines.storage.incidents import to_incident
from tradematrix_pipelines.storage.tables import incidents, level_touches, market_symbols

# Older ones are not sent: the price has moved on, or the incident was over before a service was configured.
_TOUCH_AGE = timedelta(hours=1)
_OVER_AGE = timedelta(days=7)

# Released when the transaction ends, however it does. The number keeps the key apart from other locks'.
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('telling', 20261120))")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Notified:
    """How much was notified. An incident notified only once it was over counts as opened and as closed."""

    opened: int = 0
    closed: int = 0
    touches: int = 0


def notify(engine: Engine, alerter: Alerter, *, now: datetime) -> Notified:
    """Send one message with all that is not yet notified, and mark it as notified.

    Without a service, or while another process notifies, nothing is sent or marked. If only some services refuse the
    message, it counts as notified, and a warning is logged: sent again, it would reach the other services twice.

    Args:
        now: aware, UTC.

    Raises:
        AlertError: no service accepted it; nothing is marked as notified.
    """
    if not alerter.configured:
        return Notified()
    with engine.begin() as connection:
        if not connection.execute(_TRY_LOCK).scalar_one():
            return Notified()
        pending, touches = not_yet_notified(connection), take_touches(connection, now=now)
        mark_notified(connection, [incident.id for incident in pending], now=now)
        recent = [
            incident for incident in pending if incident.closed_at is None or incident.closed_at >= now - _OVER_AGE
        ]
        if recent or touches:
            message = compose(recent, touches)
            try:
                alerter.send(message.title, message.body)
            except AlertError as error:
                if not error.taken:
                    raise
                _logger.warning("%s", error)
    return Notified(
        opened=sum(incident.opening_notified_at is None for incident in recent),
        closed=sum(incident.closed_at is not None for incident in recent),
        touches=len(touches),
    )


def not_yet_notified(connection: Connection) -> list[RecordedIncident]:
    """Return the incidents whose opening or closing is not yet notified, oldest first.

    They are locked until the transaction ends: none of them closes while its state is sent.
    """
    column = incidents.c
    pending = column.opening_notified_at.is_(None) | (
        column.closed_at.is_not(None) & column.closing_notified_at.is_(None)
    )
    query = select(incidents).where(pending).order_by(column.id).with_for_update()
    return [to_incident(row) for row in connection.execute(query)]


def mark_notified(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """Mark the opening of these incidents as notified, and the closing of those that are over."""
    column = incidents.c
    notified = {
        "opening_notified_at": func.coalesce(column.opening_notified_at, now),
        "closing_notified_at": case((column.closed_at.is_not(None), now)),
    }
    connection.execute(update(incidents).where(column.id.in_(ids)).values(notified))


def take_touches(connection: Connection, *, now: datetime) -> list[TouchedLevel]:
    """Mark all touches as notified, and return those to send, oldest first.

    To be sent are the ones not yet notified, of the last hour, and of symbols with touch alerts.
    """
    statement = (
        update(level_touches)
        .where(level_touches.c.notified_at.is_(None), market_symbols.c.id == level_touches.c.symbol_id)
        .values(notified_at=now)
        .returning(level_touches, *(market_symbols.c[name] for name in ("symbol", "tick_size", "touch_alerts")))
    )
    rows = [row for row in connection.execute(statement) if row.touch_alerts and row.at >= now - _TOUCH_AGE]
    names = ("symbol", "level", "level_price", "price", "tick_size", "at")
    return [
        TouchedLevel(**{name: getattr(row, name) for name in names})
        for row in sorted(rows, key=lambda row: (row.at, row.symbol, row.level))
    ]
