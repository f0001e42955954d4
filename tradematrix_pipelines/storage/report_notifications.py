"""Sends the morning page of the day to the alert services, once.

Here: which page, and that it is sent once. Not here: how a message is delivered (``alerts.channels``), or incidents
(``notifications``). It is sent on their terms: a delivery that fails changes nothing, and the next attempt is a tick
away.
"""

import logging
from datetime import date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine, select, update

from tradematrix_pipelines.alerts.channels import Alerter, AlertError
from tradematrix_pipelines.automation.deadlines import BERLIN
from tradematrix_pipelines.storage.tables import morning_reports as _table

_FROM, _UNTIL = time(8, 5), time(12)
"""When the page of the day is sent, in Berlin: after it was made anew, and while it is still morning."""

_logger = logging.getLogger(__name__)


def send_report(engine: Engine, alerter: Alerter, *, now: datetime, board_url: str | None) -> date | None:
    """Send the page of the day as an attachment, and mark it as sent; return its trade date, ``None`` = none was sent.

    Without a service, outside the morning, and while another process sends it, nothing is sent.

    Args:
        now: aware, UTC.
        board_url: where people open the board, for services that take no attachments.

    Raises:
        AlertError: no service accepted it; it is not marked as sent.
    """
    local = now.astimezone(BERLIN)
    if not alerter.configured or not _FROM <= local.time() < _UNTIL:
        return None
    day = local.date()
    of_day = (_table.c.trade_date == day, _table.c.notified_at.is_(None))
    with engine.begin() as connection:
        query = select(_table.c.html).where(*of_day).with_for_update(skip_locked=True)
        html: str | None = connection.execute(query).scalar_one_or_none()
        if html is None:
            return None
        connection.execute(update(_table).where(*of_day).values(notified_at=now))
        _send(alerter, day, html, board_url)
    return day


def _send(alerter: Alerter, day: date, html: str, board_url: str | None) -> None:
    link = "" if board_url is None else f" It is on the board, too: {board_url}/reports/{day}"
    with TemporaryDirectory(prefix="tradematrix-") as folder:
        page = Path(folder) / f"morning-{day}.html"
        page.write_text(html, encoding="utf-8")
        try:
            alerter.send(
                f"TradeMatrix: the morning page of {day:%a} {day}", f"The page is attached.{link}", attached=page
            )
        except AlertError as error:
            if not error.taken:
                raise
            _logger.warning("%s", error)
