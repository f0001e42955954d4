"""Each opening, each end and each touch is told once, whoever tells and however often a service refuses."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from tradematrix_pipelines.alerts.channels import Alerter, AlertError
from tradematrix_pipelines.alerts.incidents import Incident, IncidentKind
from tradematrix_pipelines.storage.database import Market
from tradematrix_pipelines.storage.incidents import read_open, read_since, record
from tradematrix_pipelines.storage.notifications import Told, mark_told, tell, untold
from tradematrix_pipelines.storage.symbols import find_symbols, set_touch_alerts
from tradematrix_pipelines.storage.tables import level_touches
from tradematrix_pipelines_tests.alerts.receiver import SECRETS, Receiver

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STALE, CREDITS = IncidentKind.STALE_MARKET, IncidentKind.CREDITS_LOW


def judge(market: Market, *keys: str, kinds: Sequence[IncidentKind] = (STALE,), now: datetime = NOW) -> None:
    found = [Incident(key=key, kind=STALE, message=f"{key} stands still") for key in keys]
    record(market.engine, found, kinds=kinds, now=now)


def touch(market: Market, symbol: str, at: datetime, level: str = "classic r1") -> None:
    [found] = find_symbols(market.engine, [symbol])
    row = {"trade_date": date(2026, 11, 20), "symbol_id": found.id, "level": level, "at": at}
    with market.engine.begin() as connection:
        connection.execute(insert(level_touches).values(**row, level_price=24312.333333, price=24312.5))


def touches_untold(market: Market) -> int:
    with market.engine.connect() as connection:
        return len(connection.execute(select(level_touches).where(level_touches.c.told_at.is_(None))).all())


def test_an_incident_is_told_once_and_once_when_it_is_over(market: Market, receiver: Receiver) -> None:
    alerter, told = Alerter([receiver.url]), []
    for minute, keys in enumerate(["", "a", "a", "ab", "b", "b", "", ""]):
        judge(market, *keys, now=NOW + minute * MINUTE)
        told.append(tell(market.engine, alerter, now=NOW + minute * MINUTE))
    nothing, opened, closed = Told(), Told(opened=1), Told(closed=1)
    assert told == [nothing, opened, nothing, opened, closed, nothing, closed, nothing]
    assert [each["message"] for each in receiver.messages] == [
        "stale market: a stands still (since 2026-11-20 20:01 UTC)",
        "stale market: b stands still (since 2026-11-20 20:03 UTC)",
        "over: stale market: a stands still (2026-11-20 20:01 to 2026-11-20 20:04 UTC)",
        "over: stale market: b stands still (2026-11-20 20:03 to 2026-11-20 20:06 UTC)",
    ]
    assert read_open(market.engine) == []
    assert [each.key for each in read_since(market.engine, NOW + 5 * MINUTE)] == ["b"]


def test_what_happens_in_one_tick_is_one_message(market: Market, receiver: Receiver) -> None:
    judge(market, "a")
    tell(market.engine, Alerter([receiver.url]), now=NOW)
    judge(market, "b", "c")
    assert tell(market.engine, Alerter([receiver.url]), now=NOW) == Told(opened=2, closed=1)
    assert receiver.titles == ["TradeMatrix: stale market", "TradeMatrix: 2 incidents, over: stale market"]


def test_an_incident_that_comes_back_is_a_new_one(market: Market, receiver: Receiver) -> None:
    for keys in ["a", "", "a"]:
        judge(market, *keys)
        tell(market.engine, Alerter([receiver.url]), now=NOW)
    assert receiver.titles == [f"TradeMatrix: {each}stale market" for each in ("", "over: ", "")]


def test_only_the_kinds_judged_close(market: Market) -> None:
    judge(market, "a")
    judge(market, kinds=(CREDITS,))
    judge(market, kinds=())
    assert [each.key for each in read_open(market.engine)] == ["a"]


@pytest.mark.parametrize("repetition", range(3))
def test_two_tellers_at_once_send_one_message(market: Market, receiver: Receiver, repetition: int) -> None:
    judge(market, "a", "b")
    set_touch_alerts(market.engine, "DAX", on=True)
    touch(market, "DAX", NOW)
    receiver.seconds = 0.3
    both = threading.Barrier(2)

    def teller() -> Told:
        alerter = Alerter([receiver.url])
        both.wait()
        return tell(market.engine, alerter, now=NOW)

    with ThreadPoolExecutor(2) as threads:
        told = [each.result() for each in [threads.submit(teller) for _ in range(2)]]
    assert sorted(told, key=lambda each: each.opened) == [Told(), Told(opened=2, touches=1)]
    assert receiver.titles == ["TradeMatrix: 2 incidents, DAX at classic r1"]


def test_who_comes_while_it_is_told_does_not_wait(market: Market, receiver: Receiver) -> None:
    judge(market, "a")
    receiver.seconds = 0.5
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(tell, market.engine, Alerter([receiver.url]), now=NOW)
        assert receiver.arrived.wait(5)
        judge(market, "a", "b")  # found again, and one more
        assert tell(market.engine, Alerter([receiver.url]), now=NOW) == Told()
        assert not first.done()
        judge(market, "b")  # a is over while people are told of it: that waits, and comes next
        assert first.result() == Told(opened=1)
    assert tell(market.engine, Alerter([receiver.url]), now=NOW) == Told(opened=1, closed=1)
    assert receiver.titles == ["TradeMatrix: stale market", "TradeMatrix: stale market, over: stale market"]


def test_nothing_closes_between_being_read_and_being_marked(market: Market, receiver: Receiver) -> None:
    judge(market, "a")
    with ThreadPoolExecutor(1) as thread:
        with market.engine.begin() as connection:
            [found] = untold(connection)
            closing = thread.submit(judge, market)
            assert not wait([closing], timeout=0.5).done
            mark_told(connection, [found.id], now=NOW)
        closing.result()
    assert tell(market.engine, Alerter([receiver.url]), now=NOW) == Told(closed=1)


def test_two_judges_at_once_open_one_incident(market: Market) -> None:
    both = threading.Barrier(4)

    def judging() -> None:
        both.wait()
        judge(market, "a", "b")

    with ThreadPoolExecutor(4) as threads:
        for each in [threads.submit(judging) for _ in range(4)]:
            each.result()
    assert [each.key for each in read_open(market.engine)] == ["a", "b"]


def test_what_nobody_took_is_told_at_the_next_tick(market: Market, receiver: Receiver) -> None:
    alerter = Alerter([receiver.url])
    set_touch_alerts(market.engine, "DAX", on=True)
    touch(market, "DAX", NOW)
    judge(market, "a", "b")
    receiver.status = 500
    for _ in range(2):
        with pytest.raises(AlertError, match=r"1 of 1 alert services refused: json \(HTTP 500\)"):
            tell(market.engine, alerter, now=NOW)
    judge(market, "b", now=NOW + MINUTE)
    receiver.status = 200
    assert tell(market.engine, alerter, now=NOW + MINUTE) == Told(opened=2, closed=1, touches=1)
    assert tell(market.engine, alerter, now=NOW + MINUTE) == Told()
    [message] = receiver.messages
    assert message["message"].splitlines() == [
        "stale market: b stands still (since 2026-11-20 20:00 UTC)",
        "was and is over: stale market: a stands still (2026-11-20 20:00 to 2026-11-20 20:01 UTC)",
        "DAX touched classic r1 24312.33, price 24312.50 (2026-11-20 20:00 UTC)",
    ]


def test_one_service_that_refuses_does_not_make_the_others_repeat_themselves(
    market: Market, receiver: Receiver, second: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    second.status = 500
    alerter = Alerter([receiver.url, second.url])
    judge(market, "a")
    with caplog.at_level(logging.WARNING):
        assert tell(market.engine, alerter, now=NOW) == Told(opened=1)
    assert tell(market.engine, alerter, now=NOW) == Told()
    assert len(receiver.messages) == 1
    assert "1 of 2 alert services refused: json (HTTP 500)" in caplog.text
    assert [secret for secret in SECRETS if secret in caplog.text] == []


def test_without_a_service_open_incidents_wait_for_one(market: Market, receiver: Receiver) -> None:
    judge(market, "long ago", "yesterday", "still")
    judge(market, "yesterday", "still", now=NOW + MINUTE)
    assert tell(market.engine, Alerter([]), now=NOW + MINUTE) == Told()
    later = NOW + timedelta(days=8)
    judge(market, "still", now=later - timedelta(days=1))
    assert tell(market.engine, Alerter([receiver.url]), now=later) == Told(opened=2, closed=1)
    [message] = receiver.messages
    assert message["title"] == "TradeMatrix: stale market, over: stale market"
    assert "long ago" not in message["message"]
    assert tell(market.engine, Alerter([receiver.url]), now=later) == Told()


def test_touches_of_the_last_hour_are_told_where_somebody_wants_them(market: Market, receiver: Receiver) -> None:
    set_touch_alerts(market.engine, "DAX", on=True)
    touch(market, "DAX", NOW - timedelta(minutes=61), "y_high")
    touch(market, "DAX", NOW - timedelta(minutes=60), "classic s1")
    touch(market, "DAX", NOW - timedelta(minutes=2), "classic pp")
    touch(market, "NDX", NOW)
    assert tell(market.engine, Alerter([receiver.url]), now=NOW) == Told(touches=2)
    [message] = receiver.messages
    assert message["title"] == "TradeMatrix: 2 levels touched"
    assert message["message"].splitlines() == [
        "DAX touched classic s1 24312.33, price 24312.50 (2026-11-20 19:00 UTC)",
        "DAX touched classic pp 24312.33, price 24312.50 (2026-11-20 19:58 UTC)",
    ]
    assert touches_untold(market) == 0
    set_touch_alerts(market.engine, "NDX", on=True)
    assert tell(market.engine, Alerter([receiver.url]), now=NOW) == Told()
