"""Each opening, closing and touch is notified once, whichever process notifies and however often a service refuses."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select

from tradematrix_pipelines.alerts.channels import Alerter, AlertError
from tradematrix_pipelines.alerts.detectors import Incident, IncidentKind
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.incidents import read_open, read_since, record
from tradematrix_pipelines.storage.notifications import Notified, mark_notified, not_yet_notified, notify
from tradematrix_pipelines.storage.symbols import find_symbols, set_touch_alerts
from tradematrix_pipelines.storage.tables import level_touches
from tradematrix_pipelines_tests.alerts.receiver import SECRETS, Receiver

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STALE, CREDITS = IncidentKind.STALE_MARKET, IncidentKind.CREDITS_LOW


def judge(database: Database, *keys: str, kinds: Sequence[IncidentKind] = (STALE,), now: datetime = NOW) -> None:
    current = [Incident(key=key, kind=STALE, message=f"{key} stands still") for key in keys]
    record(database.engine, current, kinds=kinds, now=now)


def touch(database: Database, symbol: str, at: datetime, level: str = "classic r1") -> None:
    [stored] = find_symbols(database.engine, [symbol])
    row = {"trade_date": date(2026, 11, 20), "symbol_id": stored.id, "level": level, "at": at}
    with database.engine.begin() as connection:
        connection.execute(insert(level_touches).values(**row, level_price=24312.333333, price=24312.5))


def happen(database: Database, *keys: str, now: datetime) -> None:
    kind = IncidentKind.LEVEL_CHANGED
    record(database.engine, [Incident(key=key, kind=kind, message=key) for key in keys], kinds=[kind], now=now)


def count_touches_not_notified(database: Database) -> int:
    with database.engine.connect() as connection:
        return len(connection.execute(select(level_touches).where(level_touches.c.notified_at.is_(None))).all())


def test_an_event_is_notified_once_and_not_when_it_is_over(database: Database, receiver: Receiver) -> None:
    alerter, outcomes = Alerter([SecretStr(receiver.url)]), []
    for minute, keys in enumerate(["a", "a", "", ""]):
        happen(database, *keys, now=NOW + minute * MINUTE)
        outcomes.append(notify(database.engine, alerter, now=NOW + minute * MINUTE))
    assert outcomes == [Notified(opened=1), Notified(), Notified(), Notified()]
    happen(database, "b", now=NOW + 5 * MINUTE)
    happen(database, now=NOW + 6 * MINUTE)
    assert notify(database.engine, alerter, now=NOW + 7 * MINUTE) == Notified(opened=1, closed=1)
    assert [message["message"] for message in receiver.messages] == [
        "level changed: a (since 2026-11-20 20:00 UTC)",
        "was and is over: level changed: b (2026-11-20 20:05 to 2026-11-20 20:06 UTC)",
    ]


def test_an_incident_is_notified_once_and_once_when_it_is_over(database: Database, receiver: Receiver) -> None:
    alerter, outcomes = Alerter([SecretStr(receiver.url)]), []
    for minute, keys in enumerate(["", "a", "a", "ab", "b", "b", "", ""]):
        judge(database, *keys, now=NOW + minute * MINUTE)
        outcomes.append(notify(database.engine, alerter, now=NOW + minute * MINUTE))
    nothing, opened, closed = Notified(), Notified(opened=1), Notified(closed=1)
    assert outcomes == [nothing, opened, nothing, opened, closed, nothing, closed, nothing]
    assert [message["message"] for message in receiver.messages] == [
        "stale market: a stands still (since 2026-11-20 20:01 UTC)",
        "stale market: b stands still (since 2026-11-20 20:03 UTC)",
        "over: stale market: a stands still (2026-11-20 20:01 to 2026-11-20 20:04 UTC)",
        "over: stale market: b stands still (2026-11-20 20:03 to 2026-11-20 20:06 UTC)",
    ]
    assert read_open(database.engine) == []
    assert [incident.key for incident in read_since(database.engine, NOW + 5 * MINUTE)] == ["b"]


def test_what_happens_in_one_tick_is_one_message(database: Database, receiver: Receiver) -> None:
    judge(database, "a")
    notify(database.engine, Alerter([SecretStr(receiver.url)]), now=NOW)
    judge(database, "b", "c")
    assert notify(database.engine, Alerter([SecretStr(receiver.url)]), now=NOW) == Notified(opened=2, closed=1)
    assert receiver.titles == ["TradeMatrix: stale market", "TradeMatrix: 2 incidents, over: stale market"]


def test_an_incident_that_comes_back_is_a_new_one(database: Database, receiver: Receiver) -> None:
    for keys in ["a", "", "a"]:
        judge(database, *keys)
        notify(database.engine, Alerter([SecretStr(receiver.url)]), now=NOW)
    assert receiver.titles == [f"TradeMatrix: {prefix}stale market" for prefix in ("", "over: ", "")]


def test_only_the_kinds_judged_close(database: Database) -> None:
    judge(database, "a")
    judge(database, kinds=(CREDITS,))
    judge(database, kinds=())
    assert [incident.key for incident in read_open(database.engine)] == ["a"]


@pytest.mark.parametrize("repetition", range(3))
def test_two_notifiers_at_once_send_one_message(database: Database, receiver: Receiver, repetition: int) -> None:
    judge(database, "a", "b")
    set_touch_alerts(database.engine, "DAX", on=True)
    touch(database, "DAX", NOW)
    receiver.seconds = 0.3
    both = threading.Barrier(2)

    def notifier() -> Notified:
        alerter = Alerter([SecretStr(receiver.url)])
        both.wait()
        return notify(database.engine, alerter, now=NOW)

    with ThreadPoolExecutor(2) as threads:
        outcomes = [future.result() for future in [threads.submit(notifier) for _ in range(2)]]
    assert sorted(outcomes, key=lambda outcome: outcome.opened) == [Notified(), Notified(opened=2, touches=1)]
    assert receiver.titles == ["TradeMatrix: 2 incidents, DAX at classic r1"]


def test_a_second_notifier_does_not_wait_for_the_first(database: Database, receiver: Receiver) -> None:
    judge(database, "a")
    receiver.seconds = 0.5
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(notify, database.engine, Alerter([SecretStr(receiver.url)]), now=NOW)
        assert receiver.arrived.wait(5)
        judge(database, "a", "b")  # detected again, and one more
        assert notify(database.engine, Alerter([SecretStr(receiver.url)]), now=NOW) == Notified()
        assert not first.done()
        judge(database, "b")  # a is over while its opening is sent: closing it waits, and is sent next
        assert first.result() == Notified(opened=1)
    assert notify(database.engine, Alerter([SecretStr(receiver.url)]), now=NOW) == Notified(opened=1, closed=1)
    assert receiver.titles == ["TradeMatrix: stale market", "TradeMatrix: stale market, over: stale market"]


def test_nothing_closes_between_being_read_and_being_marked(database: Database, receiver: Receiver) -> None:
    judge(database, "a")
    with ThreadPoolExecutor(1) as thread:
        with database.engine.begin() as connection:
            [incident] = not_yet_notified(connection)
            closing = thread.submit(judge, database)
            assert not wait([closing], timeout=0.5).done
            mark_notified(connection, [incident.id], now=NOW)
        closing.result()
    assert notify(database.engine, Alerter([SecretStr(receiver.url)]), now=NOW) == Notified(closed=1)


def test_two_judges_at_once_open_one_incident(database: Database) -> None:
    both = threading.Barrier(4)

    def judging() -> None:
        both.wait()
        judge(database, "a", "b")

    with ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(judging) for _ in range(4)]:
            future.result()
    assert [incident.key for incident in read_open(database.engine)] == ["a", "b"]


def test_what_no_service_accepted_is_sent_at_the_next_tick(database: Database, receiver: Receiver) -> None:
    alerter = Alerter([SecretStr(receiver.url)])
    set_touch_alerts(database.engine, "DAX", on=True)
    touch(database, "DAX", NOW)
    judge(database, "a", "b")
    receiver.status = 500
    for _ in range(2):
        with pytest.raises(AlertError, match=r"1 of 1 alert services refused: json \(HTTP 500\)"):
            notify(database.engine, alerter, now=NOW)
    judge(database, "b", now=NOW + MINUTE)
    receiver.status = 200
    assert notify(database.engine, alerter, now=NOW + MINUTE) == Notified(opened=2, closed=1, touches=1)
    assert notify(database.engine, alerter, now=NOW + MINUTE) == Notified()
    [message] = receiver.messages
    assert message["message"].splitlines() == [
        "stale market: b stands still (since 2026-11-20 20:00 UTC)",
        "was and is over: stale market: a stands still (2026-11-20 20:00 to 2026-11-20 20:01 UTC)",
        "DAX touched classic r1 24312.33, price 24312.50 (2026-11-20 20:00 UTC)",
    ]


def test_one_service_that_refuses_does_not_make_the_others_repeat_themselves(
    database: Database, receiver: Receiver, second: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    second.status = 500
    alerter = Alerter([SecretStr(receiver.url), SecretStr(second.url)])
    judge(database, "a")
    with caplog.at_level(logging.WARNING):
        assert notify(database.engine, alerter, now=NOW) == Notified(opened=1)
    assert notify(database.engine, alerter, now=NOW) == Notified()
    assert len(receiver.messages) == 1
    assert "1 of 2 alert services refused: json (HTTP 500)" in caplog.text
    assert [secret for secret in SECRETS if secret in caplog.text] == []


def test_without_a_service_open_incidents_wait_for_one(database: Database, receiver: Receiver) -> None:
    judge(database, "long ago", "yesterday", "still")
    judge(database, "yesterday", "still", now=NOW + MINUTE)
    assert notify(database.engine, Alerter([]), now=NOW + MINUTE) == Notified()
    later = NOW + timedelta(days=8)
    judge(database, "still", now=later - timedelta(days=1))
    assert notify(database.engine, Alerter([SecretStr(receiver.url)]), now=later) == Notified(opened=2, closed=1)
    [message] = receiver.messages
    assert message["title"] == "TradeMatrix: stale market, over: stale market"
    assert "long ago" not in message["message"]
    assert notify(database.engine, Alerter([SecretStr(receiver.url)]), now=later) == Notified()


def test_touches_of_the_last_hour_are_notified_where_enabled(database: Database, receiver: Receiver) -> None:
    set_touch_alerts(database.engine, "DAX", on=True)
    touch(database, "DAX", NOW - timedelta(minutes=61), "y_high")
    touch(database, "DAX", NOW - timedelta(minutes=60), "classic s1")
    touch(database, "DAX", NOW - timedelta(minutes=2), "classic pp")
    touch(database, "NDX", NOW)
    assert notify(database.engine, Alerter([SecretStr(receiver.url)]), now=NOW) == Notified(touches=2)
    [message] = receiver.messages
    assert message["title"] == "TradeMatrix: 2 levels touched"
    assert message["message"].splitlines() == [
        "DAX touched classic s1 24312.33, price 24312.50 (2026-11-20 19:00 UTC)",
        "DAX touched classic pp 24312.33, price 24312.50 (2026-11-20 19:58 UTC)",
    ]
    assert count_touches_not_notified(database) == 0
    set_touch_alerts(database.engine, "NDX", on=True)
    assert notify(database.engine, Alerter([SecretStr(receiver.url)]), now=NOW) == Notified()
