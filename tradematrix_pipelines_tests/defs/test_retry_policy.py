"""What is retried by itself, as a step and as a run, and what is not. Faults of the simulator, real Postgres."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events import RunFailureReason
from dagster._core.execution.api import create_execution_plan, execute_plan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode, auto_reexecution_should_retry_run
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, WILL_RETRY_TAG

from tradematrix_pipelines.automation.runs import Run
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.assets.ohlc import build_ohlc
from tradematrix_pipelines.defs.backfill import Task, execute
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.run_tags import range_tags
from tradematrix_pipelines.defs.internals.runs import BATCH_TAG, run_sessions
from tradematrix_pipelines.defs.jobs import INGEST_CANDLES
from tradematrix_pipelines.defs.partitions import session_partitions, sync_symbols
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols, set_active
from tradematrix_pipelines.vendors.credits import NoLedger, parse_plan
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.twelve_data import TwelveData

NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)
DAY = date(2026, 11, 20)
NDX = DEFAULT_SYMBOLS[1]
MINUTES = [dg.AssetKey("ohlc_1m")]
PLAIN = ("unlimited", None)
"""A simulator's plan, and the key that it takes."""
QUICK = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.01, jitter=0.0)


@dataclass
class Desk:
    """An installation whose vendor can be made to fail, and whose calls are retried quickly."""

    settings: Settings
    instance: dg.DagsterInstance
    simulator: Simulator
    vendor: TwelveData

    @property
    def defs(self) -> dg.Definitions:
        return build_defs(self.settings, resources={"vendors": (self.vendor,)})

    def step(self, symbol: str, *, tried: int = 0, **tags: str) -> list[dg.DagsterEvent]:
        """Execute the step once, and leave retries to the caller; return its events."""
        job = self.defs.resolve_job_def(INGEST_CANDLES).get_subset(asset_selection=set(MINUTES))
        run = self.instance.create_run_for_job(job, tags={**range_tags(symbol, DAY, DAY), **tags})
        known = KnownExecutionState(previous_retry_attempts={"ohlc": tried} if tried else {})
        plan = create_execution_plan(job, tags=run.tags, instance_ref=None, known_state=known)
        return list(execute_plan(plan, InMemoryJob(job), self.instance, run, retry_mode=RetryMode.DEFERRED))


@pytest.fixture(scope="module")
def installed(module_installation: Callable[..., Settings]) -> Iterator[tuple[Settings, dg.DagsterInstance]]:
    """One for all tests here: each fetches sessions that no other test has stored."""
    settings = module_installation()
    with open_instance(settings) as instance:
        sync_symbols(instance, [symbol.name for symbol in DEFAULT_SYMBOLS])
        yield settings, instance


@pytest.fixture
def desk(installed: tuple[Settings, dg.DagsterInstance], request: pytest.FixtureRequest) -> Iterator[Desk]:
    settings, instance = installed
    plan, key = getattr(request, "param", PLAIN)
    with Simulator(clock=FrozenClock(NOW), plan=parse_plan(plan), key=key) as simulator:
        vendor = TwelveData(
            base_url=simulator.url, key="any", ledger=NoLedger(), clock=FrozenClock(NOW), retry_policy=QUICK
        )
        yield Desk(settings, instance, simulator, vendor)
        vendor.close()


def test_the_policy_is_three_attempts_a_minute_apart_then_longer() -> None:
    settings = load_settings({"TRADEMATRIX_HOME": "unused"})
    step = build_ohlc(session_partitions(settings))
    expected = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
    assert step.op.retry_policy == expected


@pytest.mark.parametrize(
    ("desk", "fault", "tags", "again"),
    [
        (PLAIN, "broken", {}, True),
        (PLAIN, "html", {}, True),
        (PLAIN, "cut", {}, True),
        (PLAIN, "broken", {BATCH_TAG: "a command's"}, False),
        (PLAIN, "unknown", {}, False),
        (PLAIN, "gated", {}, False),
        (PLAIN, "scale=10000", {}, False),
        (PLAIN, "missing=0.5", {}, False),
        (("unlimited", "another key"), "", {}, False),
        (("100/0", None), "", {}, False),
    ],
    ids=[
        "fault", "malformed", "cut", "a command's run", "bad symbol", "not in plan", "wrong instrument", "partial",
        "bad key", "day limit",
    ],
    indirect=["desk"],
)  # fmt: skip
def test_a_step_is_retried_after_transient_errors(desk: Desk, fault: str, tags: dict[str, str], again: bool) -> None:
    if fault:
        desk.simulator.set_faults(fault)
    events = desk.step("DAX", **tags)
    waits = [event.step_retry_data.seconds_to_wait for event in events if event.is_step_up_for_retry]
    assert len(waits) == again
    assert all(0 <= (wait or 0) <= 120 for wait in waits), "a minute, give or take"
    assert any(event.is_step_failure for event in events) == (not again)
    assert not any(event.is_step_success for event in events)


def test_only_transient_failures_are_fetched_again(desk: Desk) -> None:
    desk.simulator.set_faults("broken@GDAXI", "gated@NDX")
    both = {ASSET_PARTITION_RANGE_END_TAG: f"{DAY}|NDX"}
    events = desk.step("DAX", **both)
    assert any(event.is_step_up_for_retry for event in events)
    assert desk.simulator.counts.calls == 2 + 1, "two attempts at a transient error, one at a permanent one"
    desk.step("DAX", tried=1, **both)
    assert desk.simulator.counts.calls == 3 + 2, "what failed permanently is not fetched again"


def test_a_successful_step_is_not_retried(desk: Desk) -> None:
    events = desk.step("DJI")
    assert any(event.is_step_success for event in events)
    assert not any(event.is_step_up_for_retry for event in events)


def test_a_deactivated_symbol_is_reported_and_not_retried(desk: Desk) -> None:
    with Database.open(desk.settings) as database:
        set_active(database.engine, "XAG/USD", active=False)
    events = desk.step("XAG/USD")
    assert not any(event.is_step_up_for_retry for event in events)
    [failure] = [event.step_failure_data for event in events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert "tradematrix symbols activate XAG/USD" in str(failure.user_failure_data.description)


class Cancelled(TwelveData):
    """A vendor during whose call somebody cancels the run: in the UI, or without an instance by Ctrl-C."""

    def __init__(self, instance: dg.DagsterInstance | None) -> None:
        super().__init__(base_url="http://127.0.0.1:1", key="any", ledger=NoLedger(), clock=FrozenClock(NOW))
        self.instance = instance

    def fetch(self, request: CandleRequest) -> CandleAnswer:
        if self.instance is not None:
            [run] = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            self.instance.report_run_canceling(run)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError(request)


def test_an_interrupted_command_ends_at_once(desk: Desk) -> None:
    task = Task(run=Run(symbol=NDX, first=DAY, last=DAY, timeframes=(Timeframe.M1,)), batch="a command's")
    defs = build_defs(desk.settings, resources={"vendors": (Cancelled(None),)})
    with pytest.raises(KeyboardInterrupt):
        execute(desk.instance, defs, task, location=desk.settings.code_location)


def test_a_cancelled_run_is_not_retried(desk: Desk) -> None:
    defs = build_defs(desk.settings, resources={"vendors": (Cancelled(desk.instance),)})
    with pytest.raises(KeyboardInterrupt):
        run_sessions(desk.instance, defs, INGEST_CANDLES, symbol="NDX", first=DAY, last=DAY, assets=MINUTES)
    [record] = desk.instance.get_run_records(limit=1)
    assert record.dagster_run.status is dg.DagsterRunStatus.CANCELED
    assert not desk.instance.all_logs(record.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)


class CancelledLater(Cancelled):
    """A vendor that answers once; somebody cancels the run during the second call."""

    def __init__(self, instance: dg.DagsterInstance | None, answers: TwelveData) -> None:
        super().__init__(instance)
        self.answers: TwelveData | None = answers

    def fetch(self, request: CandleRequest) -> CandleAnswer:
        answers, self.answers = self.answers, None
        return super().fetch(request) if answers is None else answers.fetch(request)


@pytest.mark.parametrize("cancelled", [True, False], ids=["in the UI", "Ctrl-C"])
def test_sessions_stored_before_a_cancel_show_as_materialized(desk: Desk, cancelled: bool) -> None:
    first, last = (date(2026, 6, 1), date(2026, 7, 10)) if cancelled else (date(2026, 8, 3), date(2026, 9, 11))
    vendor = CancelledLater(desk.instance if cancelled else None, desk.vendor)
    defs = build_defs(desk.settings, resources={"vendors": (vendor,)})
    with pytest.raises(KeyboardInterrupt):
        run_sessions(desk.instance, defs, INGEST_CANDLES, symbol="DJI", first=first, last=last)
    with Database.open(desk.settings) as database:
        [dji] = find_symbols(database.engine, ["DJI"])
        rows = read_coverage(database.engine, [dji], list(Timeframe), first, last)
    good: dict[str, set[date]] = {f"ohlc_{timeframe}": set() for timeframe in Timeframe}
    for row in rows:
        if row.coverage.ok and row.coverage.final:
            good[f"ohlc_{row.coverage.timeframe}"].add(row.coverage.trade_date)
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    weekdays = [day for day in every if day.weekday() < 5]
    stored = {
        asset: {f"{day}|DJI" for day in takewhile(of_asset.__contains__, weekdays)} for asset, of_asset in good.items()
    }
    assert any(len(stored[asset]) < len(of_asset) for asset, of_asset in good.items()), "closed days follow"
    assert 5 < len(stored["ohlc_1m"]) < 25, "some, not all"
    for asset, keys in stored.items():
        shown = desk.instance.get_materialized_partitions(dg.AssetKey(asset))
        assert {key for key in shown if f"{first}|" <= key <= f"{last}|Z" and key.endswith("|DJI")} == keys
    [record] = desk.instance.get_run_records(limit=1)
    assert record.dagster_run.tags.get(WILL_RETRY_TAG) in {None, "false"}
    assert not desk.instance.all_logs(record.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY)


# The daemon reads this tag, which Dagster sets when a run fails.
@pytest.mark.parametrize("fault", ["gated", "unknown"])
def test_a_run_whose_step_failed_is_not_retried(desk: Desk, fault: str) -> None:
    desk.simulator.set_faults(fault)
    outcome = run_sessions(desk.instance, desk.defs, INGEST_CANDLES, symbol="NDX", first=DAY, last=DAY, assets=MINUTES)
    run = desk.instance.get_run_by_id(outcome.run_id)
    assert run is not None
    assert outcome.error is not None
    assert run.tags[WILL_RETRY_TAG] == "false"
    assert may_start_again(desk.instance, run.run_id), "its process had died instead"


@pytest.mark.parametrize(
    ("environment", "again"),
    [
        ({"TRADEMATRIX_VENDOR": "twelve_data"}, False),  # without a key
        ({"TWELVE_DATA_API_KEY": "any", "TWELVE_DATA_PLAN": "no plan"}, False),
        ({"TRADEMATRIX_VENDOR": "no vendor"}, False),
        ({"TRADEMATRIX_DATABASE_URL": "postgresql://somebody@127.0.0.1:1/market"}, True),
    ],
    ids=["no key", "bad plan", "no vendor", "no database"],
)
def test_a_run_that_could_not_start_is_retried_where_that_may_help(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], again: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    outcome = run_sessions(
        desk.instance, build_defs(load_settings()), INGEST_CANDLES, symbol="DAX", first=DAY, last=DAY, assets=MINUTES
    )
    run = desk.instance.get_run_by_id(outcome.run_id)
    assert run is not None
    assert run.tags[WILL_RETRY_TAG] == str(again).lower()


def test_the_daemon_never_retries_a_commands_run(desk: Desk) -> None:
    desk.simulator.set_faults("gated")
    task = Task(run=Run(symbol=NDX, first=DAY, last=DAY, timeframes=(Timeframe.M1,)), batch="a command's")
    outcome = execute(desk.instance, desk.defs, task, location=desk.settings.code_location)
    assert outcome.error is not None
    assert not may_start_again(desk.instance, outcome.run_id)


def may_start_again(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the daemon would retry this failed run, had its process died."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return auto_reexecution_should_retry_run(instance, run, RunFailureReason.UNEXPECTED_TERMINATION)


def test_from_asset_failure_fetches_the_incomplete_part_of_a_range(desk: Desk) -> None:
    first, last, assets = date(2026, 10, 12), date(2026, 10, 16), [dg.AssetKey("ohlc_1m"), dg.AssetKey("ohlc_1d")]
    run_sessions(desk.instance, desk.defs, INGEST_CANDLES, symbol="NDX", first=first, last=last, assets=assets[1:])
    run_sessions(desk.instance, desk.defs, INGEST_CANDLES, symbol="NDX", first=first, last=first, assets=assets[:1])
    desk.simulator.set_faults("gated@NDX")
    outcome = run_sessions(
        desk.instance, desk.defs, INGEST_CANDLES, symbol="NDX", first=first, last=last, assets=assets
    )
    assert outcome.error is not None
    assert {failure.partition for failure in outcome.failed} == {f"2026-10-{day}|NDX" for day in (13, 14, 15, 16)}
    run = desk.instance.get_run_by_id(outcome.run_id)
    assert run is not None
    assert run.execution_plan_snapshot_id is not None
    snapshot = desk.instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    again, checks = desk.instance.run_domain.get_keys_to_reexecute(run.run_id, snapshot)
    assert again == {assets[0]}, "the days are there"
    assert checks == set()
