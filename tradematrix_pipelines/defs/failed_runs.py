"""Runs and backfills that failed permanently: after their last retry, and with their partitions still incomplete.

Here: those launched by a schedule, a sensor, the UI or a backfill. Not here: live pulls, because the next one makes up
for a failed one; nor a command's runs, whose user sees the failure.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

import dagster as dg

from tradematrix_pipelines.alerts.detectors import Incident, IncidentKind
from tradematrix_pipelines.automation.closures import SurpriseClosure
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.internals.names import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    IMPLICIT_ASSET_JOB_NAME,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
    BulkActionsFilter,
    BulkActionStatus,
)
from tradematrix_pipelines.defs.internals.runs import BATCH_TAG
from tradematrix_pipelines.defs.jobs import COMPUTE_LEVELS, INGEST_CANDLES, TRADING_DAY
from tradematrix_pipelines.defs.partitions import partitions_between
from tradematrix_pipelines.defs.registry import CANDLES
from tradematrix_pipelines.markets.partition_key import rectangle
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.coverage import count_incomplete
from tradematrix_pipelines.storage.database import Database

_JOBS = (INGEST_CANDLES, COMPUTE_LEVELS, TRADING_DAY, IMPLICIT_ASSET_JOB_NAME)
_RECENT = timedelta(days=1)
_MOST, _MOST_LATER = 200, 2000
_KIND = IncidentKind.RUN_FAILURE

_Key = tuple[str, str, str, frozenset[dg.AssetKey]]
"""Job, first and last partition, assets."""


def find_failed_runs(
    instance: dg.DagsterInstance, database: Database, now: datetime, *, closures: Iterable[SurpriseClosure] = ()
) -> list[Incident]:
    """Return what failed within the last day, unless its candles have been stored some other way since.

    A run that can't be judged is itself an incident; the others are judged all the same.

    Args:
        closures: sessions that are another incident's.
    """
    apart_from = [(name, closure.trade_date) for closure in closures for name in closure.symbols]
    incidents = []
    for key, run in _newest(instance).items():
        if run.status is dg.DagsterRunStatus.FAILURE and run.tags.get(WILL_RETRY_TAG) != "true":
            try:
                why = _judge(database, instance, key, now, apart_from)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other runs are judged
                why = f"its partitions can't be judged ({type(error).__name__}): see it in the UI"
            if why is not None:
                incidents.append(_incident(run, key, why))
    return [*incidents, *_failed_backfills(instance)]


def _incident(run: dg.DagsterRun, key: _Key, why: str) -> Incident:
    job, start, end, assets = key
    names = " ".join(sorted(asset.to_user_string() for asset in assets))
    shown = "a run launched in the UI" if job == IMPLICIT_ASSET_JOB_NAME else f"a run of {job}"
    return Incident(
        key=f"{_KIND}|{job}|{start}|{end}|{names}",
        kind=_KIND,
        message=f"{_partitions(start, end)}: run {run.run_id[:8]}, {shown}, failed after its last retry: {why}",
    )


def _judge(
    database: Database,
    instance: dg.DagsterInstance,
    key: _Key,
    now: datetime,
    apart_from: Sequence[tuple[str, date]],
) -> str | None:
    """Return why the run's candles are incomplete, or ``None`` where all of them have been stored since."""
    _, start, end, assets = key
    timeframes = [CANDLES[asset] for asset in assets if asset in CANDLES] if assets else list(Timeframe)
    if not timeframes or not start:
        return "see it in the UI"
    dates = partitions_between(instance, start, end)
    names, days = list(dates), next(iter(dates.values()))
    known, incomplete = count_incomplete(
        database.engine, names, timeframes, days[0], days[-1], now=now, apart_from=apart_from
    )
    if incomplete is not None:
        return _reason(incomplete, alone=len(names) == 1)
    return None if known else "see it in the UI"


def _reason(row: StoredCoverage, *, alone: bool) -> str:
    return row.coverage.reason() if alone else f"{row.symbol} {row.coverage.trade_date}: {row.coverage.reason()}"


def _partitions(start: str, end: str) -> str:
    """Return a run's partitions for a message."""
    try:
        names, first, last = rectangle(start, end)
    except ValueError:
        return start or "no partition"
    symbols = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    return f"{symbols} {first}" if first == last else f"{symbols} {first} to {last}"


def _newest(instance: dg.DagsterInstance) -> dict[_Key, dg.DagsterRun]:
    """Return the newest run of each job, partitions and assets of which a run failed within the last day."""
    # Dagster stamps its runs by the machine's clock, whatever ours says.
    since = SystemClock().now() - _RECENT
    newest: dict[_Key, dg.RunRecord] = {}
    for job in _JOBS:
        failed = _records(instance, job, dg.DagsterRunStatus.FAILURE, since, _MOST)
        for record in failed:
            newest.setdefault(_key(record.dagster_run), record)
        later = _records(instance, job, dg.DagsterRunStatus.SUCCESS, since, _MOST_LATER) if failed else []
        for record in later:
            known = newest.get(_key(record.dagster_run))
            if known is not None and record.storage_id > known.storage_id:
                newest[_key(record.dagster_run)] = record
    return {key: record.dagster_run for key, record in newest.items()}


def _records(
    instance: dg.DagsterInstance, job: str, status: dg.DagsterRunStatus, since: datetime, limit: int
) -> list[dg.RunRecord]:
    ended = dg.RunsFilter(job_name=job, statuses=[status], updated_after=since)
    records = instance.get_run_records(ended, limit=limit)
    return [record for record in records if BATCH_TAG not in record.dagster_run.tags]


def _key(run: dg.DagsterRun) -> _Key:
    start = run.tags.get(ASSET_PARTITION_RANGE_START_TAG) or run.tags.get(PARTITION_NAME_TAG) or ""
    end = run.tags.get(ASSET_PARTITION_RANGE_END_TAG) or start
    return run.job_name, start, end, frozenset(run.asset_selection or ())


def _failed_backfills(instance: dg.DagsterInstance) -> Iterator[Incident]:
    """Yield the backfills of the last day that the daemon failed: none of their runs need have failed."""
    since = SystemClock().now() - _RECENT
    failed = BulkActionsFilter(statuses=[BulkActionStatus.FAILED], created_after=since)
    for backfill in instance.get_backfills(failed, limit=_MOST):
        error = backfill.error
        why = str(error.message).strip().partition("\n")[0] if error is not None else "see it in the UI"
        assets = ", ".join(key.to_user_string() for key in backfill.asset_selection or ())
        yield Incident(
            key=f"{_KIND}|backfill|{backfill.backfill_id}",
            kind=_KIND,
            message=f"backfill {backfill.backfill_id} of {assets} failed: {why}",
        )
