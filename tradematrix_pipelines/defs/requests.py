"""Turns tasks of the backlog into run requests.

Every sensor and schedule requests its runs through :func:`request_runs`, so that nothing is requested twice while a run
for it is under way. Not here: what the tasks are (``automation.backlog``), in which runs they are done
(``automation.runs``), and when the same may be requested again (``automation.requests``).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import dagster as dg

from tradematrix_pipelines.automation.backlog import Cause, FetchTask
from tradematrix_pipelines.automation.requests import LEVELS, Target
from tradematrix_pipelines.automation.runs import Run, plan_runs, share_runs
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.internals.names import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    NOT_FINISHED_STATUSES,
)
from tradematrix_pipelines.defs.internals.run_tags import BY_TAG, range_tags
from tradematrix_pipelines.defs.jobs import TRADING_DAY
from tradematrix_pipelines.defs.partitions import known_symbols, partitions_between
from tradematrix_pipelines.defs.registry import CANDLES, assets_of
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.run_requests import claim_requests
from tradematrix_pipelines.vendors.credits import BACKFILL, CLOSE, HEAL

NO_CHECKS: list[dg.AssetCheckKey] = []
"""The checks of runs that a sensor requests: freshness has a sensor of its own."""

RESUME = "resume"
"""Value of the tag ``by`` of the runs that resume what stopped at a limit."""

_REQUESTED = {BACKFILL: RESUME, CLOSE: "close", HEAL: "heal", LEVELS: "close"}
"""The value of the runs' tag ``by``, by what their candles are booked under."""

_PURPOSES = {
    Cause.CLOSED: CLOSE,
    Cause.INCOMPLETE: HEAL,
    Cause.CLOSURE: HEAL,
    Cause.SPARSE: HEAL,
    Cause.DOUBTFUL: HEAL,
    Cause.CREDITS: BACKFILL,
    Cause.LEVELS: LEVELS,
}
_RETRY_COMES = timedelta(minutes=2)
"""How long after a run's failure the daemon may still retry it by itself; later it doesn't."""


def request_runs(
    database: Database,
    open_instance: Callable[[], dg.DagsterInstance],
    tasks: Iterable[FetchTask],
    *,
    now: datetime,
    purpose: str | None = None,
    candles_job: str = TRADING_DAY,
    levels_job: str = TRADING_DAY,
) -> list[dg.RunRequest]:
    """Return the fewest runs for the tasks that are not under way, and not just requested for the same state.

    Their targets count as requested from now on, even if the caller's tick fails before it makes the runs.

    Args:
        open_instance: called where there are tasks only: in a tick it costs as much as all else.
        purpose: what the credits are booked under; by the task's cause where it is ``None``.
    """
    by_target = {task.target: task for task in tasks}
    if not by_target:
        return []
    symbols = {task.symbol.name: task.symbol for task in by_target.values()}
    wanted = {target: task.changed_at for target, task in by_target.items()}
    instance = open_instance()
    busy = under_way(instance)
    chosen = claim_requests(database.engine, list(symbols.values()), wanted, under_way=busy, now=now)
    by_purpose: dict[str, list[FetchTask]] = {}
    for target, task in by_target.items():
        if target in chosen:
            by_purpose.setdefault(purpose or _PURPOSES[task.cause], []).append(task)
    return [
        _request(runs, booked, job=candles_job if runs[0].timeframes else levels_job, now=now)
        for booked, of_purpose in by_purpose.items()
        for runs in share_runs(plan_runs(of_purpose), known_symbols(instance))
    ]


def under_way(instance: dg.DagsterInstance) -> set[Target]:
    """Return the targets of requested runs that are queued, running or about to be retried."""
    mine = {BY_TAG: sorted(set(_REQUESTED.values()))}
    # Dagster stamps its runs by the machine's clock, whatever ours says.
    since = SystemClock().now() - _RETRY_COMES
    died = dg.RunsFilter(tags=mine, statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    runs = [
        *instance.get_runs(dg.RunsFilter(tags=mine, statuses=NOT_FINISHED_STATUSES)),
        *(run for run in instance.get_runs(died) if run.is_complete_and_waiting_to_retry),
    ]
    return {target for run in runs for target in _targets(instance, run)}


def _targets(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[Target]:
    start, end = (run.tags.get(tag) for tag in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG))
    if start is None or end is None:
        return
    assets = {key.to_user_string() if key in CANDLES else LEVELS for key in run.asset_selection or ()}
    for symbol, days in partitions_between(instance, start, end).items():
        yield from (Target(symbol, day, asset) for day in days for asset in assets)


def _request(runs: Sequence[Run], purpose: str, *, job: str, now: datetime) -> dg.RunRequest:
    """Return the request of runs that are carried out as one: they differ in their symbol only."""
    run, first, last = runs[0], runs[0].symbol.name, runs[-1].symbol.name
    config = {"ops": {"ohlc": {"config": {"purpose": purpose, "refresh": run.refresh}}}} if run.timeframes else None
    return dg.RunRequest(
        # Unique: Dagster requires a key where a schedule requests several runs.
        run_key=f"{first} {last} {run.first} {run.last} {' '.join(run.timeframes or [LEVELS])} {now.isoformat()}",
        job_name=job,
        run_config=config,
        tags={**range_tags(first, run.first, run.last, last_symbol=last), BY_TAG: _REQUESTED[purpose]},
        asset_selection=assets_of(run),
        asset_check_keys=NO_CHECKS,
    )
