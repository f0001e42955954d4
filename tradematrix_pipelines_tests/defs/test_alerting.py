"""Incidents and their ends reach a service, each once: real instance, real HTTP."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from dagster._utils.error import SerializableErrorInfo
from pydantic import SecretStr

from tradematrix_pipelines.alerts.detectors import IncidentKind
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.alerting import find_incidents
from tradematrix_pipelines.defs.retry_policy import NO_RUN_RETRIES
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.postgres.embedded import ServerLease
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.stamps import stamp
from tradematrix_pipelines.storage.symbols import add_symbols, find_symbols, set_active
from tradematrix_pipelines_tests.alerts.receiver import Receiver, running_receiver
from tradematrix_pipelines_tests.conftest import install
from tradematrix_pipelines_tests.defs.day import CLOSED, OPEN, Day, running_day

CaughtUp = Callable[[datetime], Settings]

caught_up_at_open = pytest.mark.parametrize("day", [OPEN], indirect=True, ids=["open"])
caught_up_at_close = pytest.mark.parametrize("day", [CLOSED], indirect=True, ids=["closed"])


@pytest.fixture(scope="module")
def caught_up(postgres: ServerLease, tmp_path_factory: pytest.TempPathFactory) -> CaughtUp:
    """An installation of which no closed session is left to fetch, by its time; each test takes a copy."""

    @cache
    def make(now: datetime) -> Settings:
        with pytest.MonkeyPatch.context() as monkeypatch:
            settings = install(postgres, tmp_path_factory.mktemp("caught_up") / "home", monkeypatch)
            with running_day(monkeypatch) as day:
                watch_three(day)
                catch_up(day.at(now))
        return settings

    return make


@pytest.fixture
def day(
    request: pytest.FixtureRequest,
    postgres: ServerLease,
    caught_up: CaughtUp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Day]:
    """An installation at OPEN with nothing stored, or a copy of one that has caught up at the parameter."""
    now = getattr(request, "param", None)
    install(postgres, tmp_path / "home", monkeypatch, like=None if now is None else caught_up(now))
    with running_day(monkeypatch) as day:
        yield day.at(now or OPEN)


@pytest.fixture
def receiver(day: Day) -> Iterator[Receiver]:
    """A service that the installation notifies; it has three symbols."""
    watch_three(day)
    with running_receiver() as receiver:
        day.settings = day.settings.model_copy(update={"alert_urls": (SecretStr(receiver.url),)})
        yield receiver


def watch_three(day: Day) -> None:
    with Database.open(day.settings) as database:
        for name in ("DJI", "XAG/USD"):
            set_active(database.engine, name, active=False)


def tick(day: Day, receiver: Receiver) -> list[str]:
    """Evaluate the alerts twice, and return the bodies of the messages that arrived."""
    before = len(receiver.messages)
    day.sensor("alerts")
    day.sensor("alerts")
    return [message["message"] for message in receiver.messages[before:]]


def catch_up(day: Day) -> None:
    while not isinstance(asked := day.sensor("session_close"), str):
        day.carry_out(asked)


def stay_fresh(day: Day) -> None:
    """Make all symbols look as if their newest minute had just closed, for the rest of the test."""
    with Database.open(day.settings) as database, database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO current_prices "
            "(symbol_id, trade_date, price, session_high, session_low, at, source, updated_at) "
            "SELECT id, '2026-11-20', 1, 1, 1, '2026-12-01', 'files', now() FROM market_symbols"
        )


def test_the_first_minutes_of_an_installation_and_of_a_symbol_are_quiet(day: Day, receiver: Receiver) -> None:
    assert tick(day, receiver) == [], "nothing could be fetched yet"
    assert day.pull(day.schedule("live"))
    for _ in range(2):
        catch_up(day)
    day.at(OPEN + timedelta(minutes=20))
    assert day.pull(day.schedule("live"))
    assert tick(day, receiver) == []
    with Database.open(day.settings) as database:
        spx = replace(market_symbol(database, "NDX"), id=None, name="SPX", vendor_symbols={})
        add_symbols(database.engine, [spx], now=day.clock.now())
    assert tick(day.at(OPEN + timedelta(minutes=21)), receiver) == []
    [message] = tick(day.at(OPEN + timedelta(minutes=36)), receiver)
    assert "stale market: SPX" in message
    assert "levels missing: SPX" not in message, "07:55 was before it was there"


def market_symbol(database: Database, name: str) -> Symbol:
    return find_symbols(database.engine, [name], only_active=False)[0]


def test_every_kind_is_judged(day: Day) -> None:
    with Database.open(day.settings) as database:
        _, judged = find_incidents(database, day.settings, day.instance, now=CLOSED)
    assert sorted(judged) == sorted(IncidentKind)


@caught_up_at_open
def test_a_stale_market_notifies_once_and_again_when_it_is_over(day: Day, receiver: Receiver) -> None:
    assert day.pull(day.schedule("live"))
    assert tick(day, receiver) == []
    day.at(OPEN + timedelta(minutes=20))
    [message] = tick(day, receiver)
    assert message.count("stale market") == 2
    assert "stale market: DAX: session 2026-11-20 has no bar for more than 15 minutes of trading" in message
    assert day.pull(day.schedule("live"))
    [message] = tick(day, receiver)
    assert message.count("over: stale market") == 2


@caught_up_at_open
def test_missing_levels_notify_at_the_deadline_and_not_before(day: Day, receiver: Receiver) -> None:
    stay_fresh(day)
    assert tick(day.at(datetime(2026, 11, 20, 19, 58, tzinfo=UTC)), receiver) == []
    [message] = tick(day.at(datetime(2026, 11, 20, 19, 59, tzinfo=UTC)), receiver)
    assert message.startswith("levels missing: DAX has no levels for 2026-11-23, due at 20:59 in Berlin")
    [message] = tick(day.at(datetime(2026, 11, 21, 6, 55, tzinfo=UTC)), receiver)
    assert message.count("levels missing") == 2
    assert "NDX has no levels for 2026-11-23, due at 07:55 in Berlin" in message
    catch_up(day)
    [message] = tick(day, receiver)
    assert day.ask("SELECT count(*) FROM incidents WHERE closed_at IS NULL") == [(0,)]
    assert message.count("over: levels missing") == 3


def test_a_failed_run_and_an_exhausted_session(day: Day, receiver: Receiver) -> None:
    day.simulator.set_faults("gated@NDX")
    day.at(CLOSED)
    catch_up(day)
    [message] = tick(day, receiver)
    assert "run failure: NDX 2026-11-17 to 2026-11-20: run " in message
    now = CLOSED
    for _ in range(7):
        now += timedelta(days=1)
        day.carry_out(day.at(now).sensor("self_healing"))
    assert len(tick(day, receiver)) == 1
    given_up = "SELECT message FROM incidents WHERE kind = 'session_exhausted' AND closed_at IS NULL ORDER BY id DESC"
    messages = [str(text) for (text,) in day.ask(given_up)]
    assert len(messages) == 4
    assert any("NDX 2026-11-20 (1m, 5m, 15m, 1h, 1d) is exhausted after 8 attempts: " in text for text in messages)
    day.simulator.set_faults()
    day.carry_out(day.schedule("daily_close"))
    assert len(tick(day, receiver)) == 1
    assert day.ask(given_up) == []
    assert day.ask("SELECT count(*) FROM incidents WHERE kind = 'run_failure' AND closed_at IS NULL") == [(0,)]


def fail(day: Day, job: str, tags: dict[str, str], assets: Collection[str] = (), **later: str) -> dg.DagsterRun:
    """Let a run fail permanently, before it has done anything."""
    run = day.instance.create_run_for_job(
        day.defs.resolve_implicit_global_asset_job_def() if job == "__ASSET_JOB" else day.defs.resolve_job_def(job),
        tags=tags,
        asset_selection=frozenset(dg.AssetKey(name) for name in assets) or None,
    )
    day.instance.add_run_tags(run.run_id, {**NO_RUN_RETRIES, **later})
    [tagged] = day.instance.get_runs(dg.RunsFilter(run_ids=[run.run_id]))
    day.instance.report_run_failed(tagged, "the machine was loaded")
    return run


def open_incidents(day: Day, kind: str) -> list[str]:
    query = "SELECT message FROM incidents WHERE closed_at IS NULL AND kind = '" + kind + "' ORDER BY id"
    return [str(message) for (message,) in day.ask(query)]


def corners(start: str, end: str) -> dict[str, str]:
    return {ASSET_PARTITION_RANGE_START_TAG: start, ASSET_PARTITION_RANGE_END_TAG: end}


@caught_up_at_close
def test_a_failed_run_notifies_whoever_launched_it_and_whatever_it_was_for(day: Day, receiver: Receiver) -> None:
    assert tick(day, receiver) == []
    run = fail(day, "trading_day", corners("2026-11-23|DAX", "2026-11-24|EUR/USD"))
    fail(day, "__ASSET_JOB", {PARTITION_NAME_TAG: "2026-11-23|NDX"}, ["ohlc_1m"])
    fail(day, "__ASSET_JOB", corners("2026-11-23|NDX", "2026-11-23|NDX"), ["daily_levels"])
    fail(day, "__ASSET_JOB", corners("2026-11-19|DAX", "2026-11-20|EUR/USD"), ["ohlc_1m", "ohlc_1d"])
    fail(day, "ingest_candles", {})
    fail(day, "compute_levels", {}, **corners("nonsense", "nonsense"))
    tick(day, receiver)
    failures = {text.partition(": run")[0]: text for text in open_incidents(day, "run_failure")}
    assert len(open_incidents(day, "run_failure")) == 5
    assert set(failures) == {"DAX to EUR/USD 2026-11-23 to 2026-11-24", "NDX 2026-11-23", "no partition", "nonsense"}, (
        "the candles of 2026-11-19 and 20 are there"
    )
    assert failures["DAX to EUR/USD 2026-11-23 to 2026-11-24"].partition(": ")[2] == (
        f"run {run.run_id[:8]}, a run of trading_day, failed after its last retry: see it in the UI"
    )


@caught_up_at_close
def test_a_backfill_that_the_daemon_failed_notifies(day: Day, receiver: Receiver) -> None:
    failed = PartitionBackfill(
        backfill_id="abcdefgh",
        status=BulkActionStatus.FAILED,
        from_failure=False,
        tags={},
        backfill_timestamp=SystemClock().now().timestamp(),
        asset_selection=[dg.AssetKey("ohlc_1m")],
        error=SerializableErrorInfo("the partition existed at storage-time, but no longer does", [], None),
    )
    day.instance.add_backfill(failed)
    [message] = tick(day, receiver)
    assert "backfill abcdefgh of ohlc_1m failed: the partition existed at storage-time" in message


@caught_up_at_open
def test_a_kind_that_cant_be_judged_is_an_incident_and_silences_no_other(day: Day, receiver: Receiver) -> None:
    day.settings, right = day.settings.model_copy(update={"twelve_data_plan": "no such plan"}), day.settings
    day.at(OPEN + timedelta(minutes=20))
    [message] = tick(day, receiver)
    assert "stale market: DAX" in message
    assert "not judged: credits_low can't be judged (UsageError): see the log of the sensor `alerts`" in message
    day.settings = right
    [message] = tick(day, receiver)
    assert "over: not judged" in message
    assert len(open_incidents(day, "stale_market")) == 3, "still"


@caught_up_at_open
def test_a_symbol_without_a_calendar_does_not_affect_the_others(day: Day, receiver: Receiver) -> None:
    with Database.open(day.settings) as database, database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO market_symbols (symbol, instrument, calendar, timezone, currency, tick_size) "
            "VALUES ('XYZ', 'index', 'NOWHERE', 'UTC', 'USD', 0.01)"
        )
    day.at(OPEN + timedelta(minutes=20))
    assert "stale market: DAX" in tick(day, receiver)[0]
    assert day.pull(day.schedule("live"))


@caught_up_at_open
def test_credits_that_run_out(day: Day, receiver: Receiver) -> None:
    with Database.open(day.settings) as database, database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO vendor_credits (vendor, reserved_at, credits, purpose, settled) "
            "VALUES ('twelve_data', %s, 760, 'other', true)",
            (OPEN - timedelta(hours=2),),
        )
    messages = [message for message in tick(day, receiver) if "credits low" in message]
    assert len(messages) == 1
    assert "of the day's 800 credits are left until 00:00 UTC" in messages[0]


@caught_up_at_close
def test_a_session_that_stays_doubtful_asks_a_person(day: Day, receiver: Receiver) -> None:
    assert tick(day, receiver) == []
    with Database.open(day.settings) as database, database.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE session_coverage SET verdict = 'doubtful', doubt = 'wick: far out', attempts = 2 "
            "WHERE trade_date = '2026-11-20' AND symbol_id = (SELECT id FROM market_symbols WHERE symbol = 'DAX')"
        )
    messages = [message for message in tick(day, receiver) if "session doubtful" in message]
    assert len(messages) == 1
    assert "session doubtful: DAX 2026-11-20 is doubtful: wick: far out; accept it, if it is right" in messages[0]


@caught_up_at_close
def test_a_revised_day_that_changes_published_levels_notifies_once(day: Day, receiver: Receiver) -> None:
    catch_up(day)
    assert tick(day, receiver) == []
    [dax] = day.ask("SELECT y_high FROM levels_daily WHERE symbol_id = 1 AND trade_date = '2026-11-23'")
    old = float(str(dax[0]))
    day.at(CLOSED + timedelta(minutes=5))
    with Database.open(day.settings) as database, database.engine.begin() as connection:
        stamp(connection, day.clock.now())
        connection.exec_driver_sql(
            "UPDATE ohlc SET high = high + 1 WHERE timeframe = '1d' AND ts = '2026-11-20 08:00+00'"
        )
    catch_up(day)
    [message] = tick(day, receiver)
    assert message.startswith(f"level changed: DAX 2026-11-23: y_high {old:.2f} → {old + 1:.2f} and ")
    assert "candle 1d 2026-11-20 08:00 UTC was revised by twelve_data (since 2026-11-20 22:10 UTC)" in message
    assert tick(day.at(CLOSED + timedelta(minutes=9)), receiver) == []
    stay_fresh(day)
    messages = tick(day.at(datetime(2026, 11, 23, 16, 30, tzinfo=UTC)), receiver)
    assert "level changed" not in "".join(messages)
    query = "SELECT closed_at IS NOT NULL FROM incidents WHERE kind = 'level_changed'"
    assert day.ask(query) == [(True,)], "over with the session"


def test_touches_notify_once_of_symbols_that_are_watched(day: Day, receiver: Receiver) -> None:
    opened = datetime(2026, 11, 19, 22, tzinfo=UTC)
    catch_up(day.at(opened + timedelta(minutes=5)))
    day.at(opened + timedelta(minutes=20))
    assert day.pull(day.schedule("live"))
    assert day.ask("SELECT count(*) FROM level_touches") == [(0,)], "nobody watches"
    with Database.open(day.settings) as database, database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE market_symbols SET touch_alerts = true WHERE symbol = 'EUR/USD'")
        connection.exec_driver_sql(
            "UPDATE levels_daily SET y_high = (SELECT close FROM ohlc WHERE timeframe = '1m' "
            "AND symbol_id = levels_daily.symbol_id AND ts <= %s ORDER BY ts DESC LIMIT 1) "
            "WHERE trade_date = '2026-11-20' AND y_high < 2",
            (opened + timedelta(minutes=10),),
        )
    assert day.pull(day.at(opened + timedelta(minutes=40)).schedule("live"))
    message = "\n".join(tick(day, receiver))
    assert "EUR/USD touched y_high 1." in message
    assert message.count(" touched ") == message.count("EUR/USD touched ")
    assert day.ask("SELECT count(*) FROM level_touches WHERE notified_at IS NULL") == [(0,)]
    assert day.pull(day.at(opened + timedelta(minutes=60)).schedule("live"))
    assert "y_high" not in "\n".join(tick(day, receiver)), "once a session"
