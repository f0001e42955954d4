"""Runs that failed for good: after their last retry, and with what they were for still not there."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)

from tradematrix_pipelines.alerts.incidents import Incident, IncidentKind
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.jobs import COMPUTE_LEVELS, INGEST_CANDLES, TRADING_DAY
from tradematrix_pipelines.defs.runs import BATCH_TAG
from tradematrix_pipelines.markets.partition_key import dates_by_symbol
from tradematrix_pipelines.trading_day.healing import is_red

_JOBS = (INGEST_CANDLES, COMPUTE_LEVELS, TRADING_DAY)
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_RECENT = timedelta(days=1)
_MOST = 200


def find_failed_runs(
    instance: dg.DagsterInstance, rows: Mapping[str, Sequence[StoredCoverage]], now: datetime
) -> list[Incident]:
    """Return the partitions whose newest run of the last day failed, unless they have come in by another way since.

    Live pulls are not among them, the next one makes up for one that failed; nor are a command's, whose user knows.

    Args:
        rows: recent coverage by symbol.
    """
    kind = IncidentKind.RUN_FAILURE
    found = []
    for (job, start, end, assets), run in _newest(instance).items():
        if run.status is not dg.DagsterRunStatus.FAILURE or run.tags.get(WILL_RETRY_TAG) == "true":
            continue
        [(symbol, dates)] = dates_by_symbol([start, end]).items()
        inside = [row for row in rows.get(symbol, []) if dates[0] <= row.coverage.trade_date <= dates[-1]]
        candles = not assets or any(name.startswith("ohlc_") for name in assets)
        red = [row for row in inside if is_red(row, now)] if candles else []
        if candles and inside and not red:
            continue
        why = red[0].coverage.reason() if red else "see it in the UI"
        days = f"{dates[0]}" if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
        found.append(
            Incident(
                key=f"{kind}|{job}|{start}|{end}|{' '.join(sorted(assets))}",
                kind=kind,
                message=f"{symbol} {days}: run {run.run_id[:8]} of {job} failed after its last retry: {why}",
            )
        )
    return found


_Key = tuple[str, str, str, frozenset[str]]


def _newest(instance: dg.DagsterInstance) -> dict[_Key, dg.DagsterRun]:
    """Return the newest run of each job, partitions and assets that ended within the last day."""
    found: dict[_Key, dg.DagsterRun] = {}
    for run in _ended(instance):
        start = run.tags.get(ASSET_PARTITION_RANGE_START_TAG) or run.tags.get(PARTITION_NAME_TAG)
        end = run.tags.get(ASSET_PARTITION_RANGE_END_TAG) or start
        if start is None or end is None or BATCH_TAG in run.tags:
            continue
        assets = frozenset(key.to_user_string() for key in run.asset_selection or ())
        found.setdefault((run.job_name, start, end, assets), run)
    return found


def _ended(instance: dg.DagsterInstance) -> Iterator[dg.DagsterRun]:
    # Dagster stamps its runs by the machine's clock, whatever ours says.
    since = SystemClock().now() - _RECENT
    for job in _JOBS:
        yield from instance.get_runs(dg.RunsFilter(job_name=job, statuses=_ENDED, updated_after=since), limit=_MOST)
