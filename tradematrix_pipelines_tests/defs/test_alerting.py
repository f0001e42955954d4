"""What goes wrong in the system reaches a service, once, and so does its end: real instance, real HTTP."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tradematrix_pipelines.storage.market import Market
from tradematrix_pipelines.storage.symbols import set_active
from tradematrix_pipelines.storage.tables import ohlc
from tradematrix_pipelines_tests.alerts.receiver import Receiver, running_receiver
from tradematrix_pipelines_tests.defs.day import CLOSED, OPEN, Day


@pytest.fixture
def told(day: Day) -> Iterator[Receiver]:
    """A service that the installation tells; three symbols are enough to tell of."""
    with Market.open(day.settings) as market:
        for name in ("DJI", "XAG/USD"):
            set_active(market.engine, name, active=False)
    with running_receiver() as receiver:
        day.settings = replace(day.settings, alert_urls=(receiver.url,))
        yield receiver


def tick(day: Day, told: Receiver) -> list[str]:
    """Evaluate the alerts twice, and return the bodies of the messages that arrived."""
    before = len(told.messages)
    day.sensor("alerts")
    day.sensor("alerts")
    return [message["message"] for message in told.messages[before:]]


def catch_up(day: Day) -> None:
    while not isinstance(asked := day.sensor("session_close"), str):
        day.carry_out(asked)


def stay_fresh(day: Day) -> None:
    """Make all symbols look as if their newest minute had just closed, for as long as the test looks."""
    with Market.open(day.settings) as market, market.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO current_prices "
            "(symbol_id, trade_date, price, session_high, session_low, at, source, updated_at) "
            "SELECT id, '2026-11-20', 1, 1, 1, '2026-12-01', 'files', now() FROM market_symbols"
        )


def test_a_stale_market_is_told_once_and_again_when_it_is_over(day: Day, told: Receiver) -> None:
    catch_up(day)
    assert day.pull(day.schedule("live"))
    assert tick(day, told) == []
    day.at(OPEN + timedelta(minutes=20))
    [message] = tick(day, told)
    assert message.count("stale market") == 2
    assert "stale market: DAX: session 2026-11-20 has no bar for more than 15 minutes of trading" in message
    assert day.pull(day.schedule("live"))
    [message] = tick(day, told)
    assert message.count("over: stale market") == 2


def test_missing_levels_are_told_at_the_deadline_and_not_before(day: Day, told: Receiver) -> None:
    catch_up(day)
    stay_fresh(day)
    assert tick(day.at(datetime(2026, 11, 20, 19, 58, tzinfo=UTC)), told) == []
    [message] = tick(day.at(datetime(2026, 11, 20, 19, 59, tzinfo=UTC)), told)
    assert message.startswith("levels missing: DAX has no levels for 2026-11-23, due at 20:59 in Berlin")
    [message] = tick(day.at(datetime(2026, 11, 21, 6, 55, tzinfo=UTC)), told)
    assert message.count("levels missing") == 2
    assert "NDX has no levels for 2026-11-23, due at 07:55 in Berlin" in message
    catch_up(day)
    [message] = tick(day, told)
    assert day.ask("SELECT count(*) FROM incidents WHERE closed_at IS NULL") == [(0,)]
    assert message.count("over: levels missing") == 3


def test_a_failed_run_and_a_session_given_up(day: Day, told: Receiver) -> None:
    day.simulator.set_faults("gated@NDX")
    day.at(CLOSED)
    catch_up(day)
    [message] = tick(day, told)
    assert "run failure: NDX 2026-11-17 to 2026-11-20: run " in message
    now = CLOSED
    for _ in range(7):
        now += timedelta(days=1)
        day.carry_out(day.at(now).sensor("self_healing"))
    assert len(tick(day, told)) == 1
    given_up = "SELECT message FROM incidents WHERE kind = 'session_open' AND closed_at IS NULL ORDER BY id DESC"
    messages = [str(text) for (text,) in day.ask(given_up)]
    assert len(messages) == 4
    assert any("NDX 2026-11-20 (1m, 5m, 15m, 1h, 1d) was tried 8 times and given up: " in text for text in messages)
    day.simulator.set_faults()
    day.carry_out(day.schedule("daily_close"))
    assert len(tick(day, told)) == 1
    assert day.ask(given_up) == []
    assert day.ask("SELECT count(*) FROM incidents WHERE kind = 'run_failure' AND closed_at IS NULL") == [(0,)]


def test_credits_that_run_out(day: Day, told: Receiver) -> None:
    catch_up(day)
    with Market.open(day.settings) as market, market.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO vendor_credits (vendor, reserved_at, credits, purpose, settled) "
            "VALUES ('twelve_data', %s, 760, 'other', true)",
            (OPEN - timedelta(hours=2),),
        )
    messages = [message for message in tick(day, told) if "credits low" in message]
    assert len(messages) == 1
    assert "of the day's 800 credits are left until 00:00 UTC" in messages[0]


def test_a_day_that_does_not_fit_its_minutes(day: Day, told: Receiver) -> None:
    catch_up(day.at(CLOSED))
    assert tick(day, told) == []
    with Market.open(day.settings) as market, market.engine.begin() as connection:
        connection.execute(
            update(ohlc)
            .where(ohlc.c.timeframe == "1d", ohlc.c.ts == datetime(2026, 11, 20, 8, tzinfo=UTC))
            .values(high=ohlc.c.high * 1.01)
        )
    [message] = tick(day, told)
    assert "vendor disagreement: DAX 2026-11-20: the official day's high and low" in message


def test_touches_are_told_once_of_symbols_that_are_watched(day: Day, told: Receiver) -> None:
    opened = datetime(2026, 11, 19, 22, tzinfo=UTC)
    catch_up(day.at(opened + timedelta(minutes=5)))
    day.at(opened + timedelta(minutes=20))
    assert day.pull(day.schedule("live"))
    assert day.ask("SELECT count(*) FROM level_touches") == [(0,)], "nobody watches"
    with Market.open(day.settings) as market, market.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE market_symbols SET touch_alerts = true WHERE symbol = 'EUR/USD'")
        connection.exec_driver_sql(
            "UPDATE levels_daily SET y_high = (SELECT close FROM ohlc WHERE timeframe = '1m' "
            "AND symbol_id = levels_daily.symbol_id AND ts <= %s ORDER BY ts DESC LIMIT 1) "
            "WHERE trade_date = '2026-11-20' AND y_high < 2",
            (opened + timedelta(minutes=10),),
        )
    assert day.pull(day.at(opened + timedelta(minutes=40)).schedule("live"))
    message = "\n".join(tick(day, told))
    assert "EUR/USD touched y_high 1." in message
    assert message.count(" touched ") == message.count("EUR/USD touched ")
    assert day.ask("SELECT count(*) FROM level_touches WHERE told_at IS NULL") == [(0,)]
    assert day.pull(day.at(opened + timedelta(minutes=60)).schedule("live"))
    assert "y_high" not in "\n".join(tick(day, told)), "once a session"
