"""Telling people of incidents and of touched levels: each opening, each end and each touch once.

Here: what nobody was told of yet, and that it is told. Not here: what is open (``storage.incidents``), or how it is
worded and sent (``alerts``).

One process tells at a time; another that comes meanwhile leaves it to that one. What is told is marked in the
transaction that sends it. So nothing is sent twice or in pieces, a delivery that fails leaves all as it was, and so
does a process that dies; where it dies between the services' answer and the commit, the message comes again: better
twice than never.
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

# What is older says nothing any more: a price has moved on, an incident was over before there was anybody to tell.
_TOUCH_AGE = timedelta(hours=1)
_OVER_AGE = timedelta(days=7)

# Free again when the transaction ends, however it does. Apart from others' by the number.
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('telling', 20261120))")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Notified:
    """How much people were told of. An incident told as one that was and is over counts as opened and as closed."""

    opened: int = 0
    closed: int = 0
    touches: int = 0


def notify(engine: Engine, alerter: Alerter, *, now: datetime) -> Notified:
    """Send one message with all that nobody was told of yet, and note that it was told.

    Without a service, or while somebody else is telling, nothing is sent and nothing noted. Where some services took
    the message and others refused, it was told, and a warning is logged: sent again, it would reach the first twice.

    Args:
        now: aware, UTC.

    Raises:
        AlertError: no service took it; everything stays untold.
    """
    if not alerter.configured:
        return Notified()
    with engine.begin() as connection:
        if not connection.execute(_TRY_LOCK).scalar_one():
            return Notified()
        found, touches = not_yet_notified(connection), take_touches(connection, now=now)
        mark_notified(connection, [each.id for each in found], now=now)
        found = [each for each in found if each.closed_at is None or each.closed_at >= now - _OVER_AGE]
        if found or touches:
            message = compose(found, touches)
            try:
                alerter.send(message.title, message.body)
            except AlertError as error:
                if not error.taken:
                    raise
                _logger.warning("%s", error)
    return Notified(
        opened=sum(each.opening_notified_at is None for each in found),
        closed=sum(each.closed_at is not None for each in found),
        touches=len(touches),
    )


def not_yet_notified(connection: Connection) -> list[RecordedIncident]:
    """Return the incidents of whose opening or end nobody was told, oldest first.

    They are locked until the transaction ends: none of them closes while people are told how it stands.
    """
    column = incidents.c
    unheard = column.opening_notified_at.is_(None) | (
        column.closed_at.is_not(None) & column.closing_notified_at.is_(None)
    )
    query = select(incidents).where(unheard).order_by(column.id).with_for_update()
    return [to_incident(row) for row in connection.execute(query)]


def mark_notified(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """Note that people know how these incidents stand: that they opened, and where it is so, that they are over."""
    column = incidents.c
    told = {
        "opening_notified_at": func.coalesce(column.opening_notified_at, now),
        "closing_notified_at": case((column.closed_at.is_not(None), now)),
    }
    connection.execute(update(incidents).where(column.id.in_(ids)).values(told))


def take_touches(connection: Connection, *, now: datetime) -> list[TouchedLevel]:
    """Mark the touches that nobody was told of, and return those worth telling, oldest first.

    That is those of the last hour, of symbols whose touches somebody wants to hear of.
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
