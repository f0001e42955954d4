"""Run requests of the trading day: none twice, none lost with its run. Real Postgres, a real instance."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG, WILL_RETRY_TAG

from tradematrix_pipelines.defs.internals.runs import job_origin
from tradematrix_pipelines.defs.partitions import known_symbols, sync_symbols
from tradematrix_pipelines.defs.retry_policy import NO_RUN_RETRIES
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import add_symbols, read_symbols, set_active
from tradematrix_pipelines_tests.defs.day import CLOSED, OPEN, Answer, Day

MINUTE = timedelta(minutes=1)
DEADLINE = datetime(2026, 11, 20, 19, 59, tzinfo=UTC)


def asked(answer: Answer) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the partitions and assets of each requested run."""
    if isinstance(answer, str):
        return []
    return sorted(
        (
            request.tags[ASSET_PARTITION_RANGE_START_TAG],
            request.tags[ASSET_PARTITION_RANGE_END_TAG],
            tuple(sorted(key.to_user_string() for key in request.asset_selection or ())),
        )
        for request in answer
    )


@pytest.fixture
def dax(day: Day) -> Day:
    """The DAX alone, when its session has closed and nothing is stored."""
    with Database.open(day.settings) as database:
        for name in ("NDX", "DJI", "EUR/USD", "XAG/USD"):
            set_active(database.engine, name, active=False)
    return day.at(DEADLINE)


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED])
def test_what_is_queued_or_running_is_not_requested(dax: Day, status: dg.DagsterRunStatus) -> None:
    [run] = dax.queue(dax.sensor("session_close"))
    if status is dg.DagsterRunStatus.STARTED:
        dax.instance.handle_new_event(_event(run, dg.DagsterEventType.RUN_START))
    for hours in range(3):
        dax.at(DEADLINE + hours * timedelta(hours=1))
        for answer in (dax.sensor("session_close"), dax.schedule("daily_close"), dax.schedule("pivots")):
            due = 4 * len(Timeframe)
            assert answer == f"a run is under way for all that is due ({due}), or was requested in the last 10 minutes"


def test_neighbours_share_runs_where_many_symbols_close(dax: Day) -> None:
    with Database.open(dax.settings) as database:
        [known] = read_symbols(database.engine)
        others = [
            replace(
                known, id=None, name=f"DAX{n}", alias=None, vendor_symbols={"twelve_data": "NO" if n == 3 else "GDAXI"}
            )
            for n in range(11)
        ]
        add_symbols(database.engine, others, now=OPEN)
        sync_symbols(dax.instance, [symbol.name for symbol in read_symbols(database.engine)])
    assert len(known_symbols(dax.instance)) == 12
    answer = dax.sensor("session_close")
    assert not isinstance(answer, str)
    assert [request.tags["sessions"] for request in answer] == [
        "DAX…DAX1 2026-11-17…20",
        "DAX2…DAX4 2026-11-17…20",
        "DAX5…DAX7 2026-11-17…20",
        "DAX8…DAX10 2026-11-17…20",
    ]
    runs = dax.queue(answer)
    assert not asked(dax.at(DEADLINE + 60 * MINUTE).sensor("session_close")), "those in between are under way, too"
    for run in runs:
        die_for_good(dax, run)
    errors = dax.carry_out(dax.sensor("session_close"))
    assert [error is None for error in errors] == [True, False, True, True], "one symbol of the second is unknown"
    complete = "SELECT symbol FROM session_coverage JOIN market_symbols ON id = symbol_id WHERE status = 'complete'"
    assert {name for (name,) in dax.ask(complete)} == {symbol.name for symbol in [known, *others]} - {"DAX3"}


@pytest.mark.parametrize("first", ["session_close", "daily_close"])
def test_a_failed_run_is_requested_again_ten_minutes_later(dax: Day, first: str) -> None:
    answer = dax.sensor(first) if first == "session_close" else dax.schedule(first)
    wanted = asked(answer)
    assert len(wanted) == 1
    for number in range(1, 4):
        [run] = dax.queue(answer)
        die_for_good(dax, run)
        assert not asked(dax.at(DEADLINE + number * 10 * MINUTE - MINUTE).sensor("session_close"))
        answer = dax.at(DEADLINE + number * 10 * MINUTE).sensor("session_close")
        assert asked(answer) == wanted, "whoever comes first asks for it again"


def test_a_run_that_the_daemon_retries_is_not_requested_as_well(dax: Day) -> None:
    [run] = dax.queue(dax.sensor("session_close"))
    dax.instance.report_run_failed(run, "its process is gone")
    assert dax.instance.get_run_by_id(run.run_id).tags[WILL_RETRY_TAG] == "true"  # type: ignore[union-attr]  # it is there
    assert not asked(dax.at(DEADLINE + 60 * MINUTE).sensor("session_close"))


def test_a_sensor_and_a_deadline_at_the_same_instant_request_once(dax: Day) -> None:
    # Evaluated side by side, before the daemon has made any run for either.
    answers: list[Answer] = []
    together = Barrier(2)

    def tick(kind: str) -> None:
        together.wait()
        answers.append(dax.sensor("session_close") if kind == "sensor" else dax.schedule("daily_close"))

    threads = [Thread(target=tick, args=(kind,)) for kind in ("sensor", "schedule")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(asked(answer)) for answer in answers) == [0, 1]


def test_a_deadline_requests_once_what_is_due_and_incomplete(dax: Day) -> None:
    dax.simulator.set_faults("gated@GDAXI")
    dax.carry_out(dax.sensor("session_close"))
    dax.at(DEADLINE + MINUTE)
    assert asked(dax.schedule("daily_close")) == asked_all("2026-11-17", "2026-11-20"), "it has failed since"
    assert not asked(dax.schedule("daily_close"))
    assert not asked(dax.at(DEADLINE + 6 * MINUTE).sensor("self_healing"))


def test_missing_levels_are_requested_every_ten_minutes_or_when_candles_change(dax: Day) -> None:
    dax.carry_out(dax.sensor("session_close"))
    levels = dax.at(DEADLINE + MINUTE).sensor("session_close")
    assert [assets for _, _, assets in asked(levels)] == [
        ("daily_levels", "level_book", "level_outcomes", "pivot_points")
    ]
    asked_for = 1
    for seconds in range(30, 30 * 60 + 1, 30):
        asked_for += len(asked(dax.at(DEADLINE + MINUTE + timedelta(seconds=seconds)).sensor("session_close")))
    assert asked_for == 4, "in half an hour"
    dax.at(DEADLINE + 32 * MINUTE)
    assert not asked(dax.sensor("session_close"))
    with Database.open(dax.settings) as database, database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE session_coverage SET checked_at = %s", (dax.clock.now(),))
    assert asked(dax.at(DEADLINE + 33 * MINUTE).sensor("session_close")) == asked(levels)


def test_healing_requests_a_session_again_after_its_run_failed(day: Day) -> None:
    day.simulator.set_faults("gated@NDX")
    day.carry_out(day.at(CLOSED).sensor("session_close"))
    first = day.at(CLOSED + 6 * MINUTE).sensor("self_healing")
    for run in day.queue(first):
        die_for_good(day, run)
    assert not asked(day.at(CLOSED + 7 * MINUTE).sensor("self_healing"))
    assert asked(day.at(CLOSED + 16 * MINUTE).sensor("self_healing")) == asked(first) != []


def test_a_tick_with_nothing_to_do_does_not_open_dagsters_instance(dax: Day) -> None:
    with Database.open(dax.settings) as database:
        set_active(database.engine, "DAX", active=False)
    repository = dax.defs.get_repository_def()
    for name in ("session_close", "self_healing"):
        with dg.build_sensor_context(repository_def=repository) as context:  # it has none to open
            assert dax.find_sensor(name).evaluate_tick(context).skip_message
    for name in ("live", "daily_close", "pivots"):
        with dg.build_schedule_context(repository_def=repository) as at:
            assert repository.get_schedule_def(name).evaluate_tick(at).skip_message


def test_a_queued_pull_is_not_requested_again(day: Day) -> None:
    run = day.instance.create_run_for_job(
        day.defs.resolve_job_def("pull_live"),
        run_config={"ops": {"pull": {"config": {"symbols": ["DAX"]}}}},
        status=dg.DagsterRunStatus.QUEUED,
        remote_job_origin=job_origin("pull_live"),
    )
    day.at(OPEN + MINUTE)
    assert day.schedule("live") == "the previous pull is still under way"
    day.instance.report_run_failed(run, "the machine was loaded")
    assert not isinstance(day.schedule("live"), str)


def die_for_good(day: Day, run: dg.DagsterRun) -> None:
    """Let a run fail before it has done anything, as the last that the daemon retries by itself."""
    day.instance.add_run_tags(run.run_id, NO_RUN_RETRIES)
    [tagged] = day.instance.get_runs(dg.RunsFilter(run_ids=[run.run_id]))
    day.instance.report_run_failed(tagged, "the machine was loaded")


def asked_all(first: str, last: str) -> list[tuple[str, str, tuple[str, ...]]]:
    assets = sorted(f"ohlc_{timeframe}" for timeframe in Timeframe)
    return [(f"{first}|DAX", f"{last}|DAX", tuple(assets))]


def _event(run: dg.DagsterRun, kind: dg.DagsterEventType) -> dg.EventLogEntry:
    event = dg.DagsterEvent(event_type_value=kind.value, job_name=run.job_name)
    return dg.EventLogEntry(
        error_info=None, level=20, user_message="", run_id=run.run_id, timestamp=0.0, job_name=run.job_name,
        dagster_event=event,
    )  # fmt: skip
