"""The morning page of the day goes to the alert services once, as an attachment."""

from base64 import b64decode
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import SecretStr

from tradematrix_pipelines.alerts.channels import Alerter, AlertError
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.morning_reports import write_report
from tradematrix_pipelines.storage.report_notifications import send_report
from tradematrix_pipelines_tests.alerts.receiver import Receiver

FRIDAY = date(2026, 11, 20)
EVENING = datetime(2026, 11, 19, 22, 5, tzinfo=UTC)
MORNING = datetime(2026, 11, 20, 7, 5, tzinfo=UTC)
"""Five past eight in Berlin."""
PAGE = "<!doctype html><title>Grüße</title>"


def send(database: Database, *receivers: Receiver, now: datetime = MORNING) -> date | None:
    alerter = Alerter([SecretStr(receiver.url) for receiver in receivers])
    return send_report(database.engine, alerter, now=now, board_url="http://127.0.0.1:3001")


def test_the_page_of_the_day_is_attached_once(database: Database, receiver: Receiver) -> None:
    assert send(database, receiver) is None, "there is no page"
    write_report(database.engine, FRIDAY, PAGE, now=EVENING)
    for not_then in (EVENING, MORNING - timedelta(minutes=1), MORNING + timedelta(hours=4)):
        assert send(database, receiver, now=not_then) is None
    assert send(database) is None, "there is no service"
    assert send(database, receiver) == FRIDAY
    [message] = receiver.messages
    assert message["title"] == "TradeMatrix: the morning page of Fri 2026-11-20"
    assert "http://127.0.0.1:3001/reports/2026-11-20" in message["message"]
    [attachment] = message["attachments"]
    assert isinstance(attachment, dict)
    assert attachment["filename"] == "morning-2026-11-20.html"
    assert b64decode(attachment["base64"]).decode() == PAGE
    write_report(database.engine, FRIDAY, f"{PAGE} anew", now=MORNING)
    assert send(database, receiver) is None, "made anew, it is not sent again"


def test_a_delivery_that_fails_is_made_up_for(database: Database, receiver: Receiver, second: Receiver) -> None:
    write_report(database.engine, FRIDAY, PAGE, now=EVENING)
    receiver.status = 500
    with pytest.raises(AlertError):
        send(database, receiver)
    assert send(database, receiver, second) == FRIDAY, "one service took it"
    receiver.status = 200
    assert send(database, receiver, second) is None
    assert (len(receiver.messages), len(second.messages)) == (0, 1)
