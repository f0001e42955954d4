"""Runs a job in this process, recorded like any other run: the UI shows it, and can run it again."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_run
from dagster._core.execution.plan.objects import UserFailureData
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from tradematrix_pipelines.defs.internals.launcher import HOST_TAG
from tradematrix_pipelines.defs.internals.run_tags import date_range_tags, range_tags
from tradematrix_pipelines.defs.internals.workspace import MODULE
from tradematrix_pipelines.defs.retry_policy import INTERRUPTED
from tradematrix_pipelines.processes import process_space
from tradematrix_pipelines.settings import CODE_LOCATION

BATCH_TAG = "tradematrix/backfill"
"""Tag of the runs that one command makes; its value is the command's id."""

_FAILED_TABLE = "failed_partitions"
# The run's events are in its log, for the UI; on the terminal they would bury the command's own output.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedPartition:
    """A partition that failed, and why."""

    asset: str
    partition: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        error: one line; ``None`` when the run succeeded.
        failed: the partitions named by the step that failed.
    """

    run_id: str
    error: str | None
    failed: tuple[FailedPartition, ...]


def run_sessions(
    instance: dg.DagsterInstance,
    defs: dg.Definitions,
    job_name: str,
    *,
    symbol: str,
    first: date,
    last: date,
    assets: Collection[dg.AssetKey] = (),
    run_config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    location: str = CODE_LOCATION,
) -> RunOutcome:
    """Run ``job_name`` in this process for one symbol's trade dates ``first`` to ``last``, both partitions.

    Args:
        assets: the job's assets to materialize; all of them when empty.
        location: the code location's name in Dagster.

    Raises:
        KeyboardInterrupt: its step was interrupted.
    """
    every_tag = {**range_tags(symbol, first, last), **(tags or {})}
    return _run(instance, defs, job_name, assets=assets, run_config=run_config, tags=every_tag, location=location)


def run_dates(
    instance: dg.DagsterInstance,
    defs: dg.Definitions,
    asset: dg.AssetKey,
    *,
    first: date,
    last: date,
    tags: Mapping[str, str] | None = None,
    location: str = CODE_LOCATION,
) -> RunOutcome:
    """Materialize in this process the trade dates ``first`` to ``last``, both partitions, of an asset without symbols.

    Raises:
        KeyboardInterrupt: its step was interrupted.
    """
    every_tag = {**date_range_tags(first, last), **(tags or {})}
    return _run(
        instance, defs, IMPLICIT_ASSET_JOB_NAME, assets=[asset], run_config=None, tags=every_tag, location=location
    )


def _run(
    instance: dg.DagsterInstance,
    defs: dg.Definitions,
    job_name: str,
    *,
    assets: Collection[dg.AssetKey],
    run_config: Mapping[str, Any] | None,
    tags: Mapping[str, str],
    location: str,
) -> RunOutcome:
    whole = defs.resolve_job_def(job_name)
    selected = frozenset(assets) or None
    job = whole if selected is None else whole.get_subset(asset_selection=set(selected), asset_check_selection=set())
    config = {**_QUIET, **(run_config or {})}
    every_tag = {HOST_TAG: process_space(), **tags}
    run = instance.create_run_for_job(
        # The whole job, with an asset selection: the UI would warn of a run of a job that it doesn't know.
        job_def=whole,
        # Without the checks of the selected assets: they judge the present, and this is history.
        execution_plan=create_execution_plan(job, run_config=config, tags=every_tag),
        run_config=config,
        tags=every_tag,
        asset_selection=selected,
        remote_job_origin=job_origin(job_name, location),
    )
    result = execute_run(InMemoryJob(job), run, instance)
    if result.success:
        return RunOutcome(run_id=run.run_id, error=None, failed=())
    if any(data.description == INTERRUPTED for data in _details(result.all_events)):
        raise KeyboardInterrupt
    return outcome_of(run.run_id, result.all_events)


def job_origin(job_name: str, location: str = CODE_LOCATION) -> RemoteJobOrigin:
    """Return where Dagster finds a job of this project: it knows the code location by its name."""
    origin = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(executable_path=sys.executable, module_name=MODULE), location
    )
    return RemoteRepositoryOrigin(origin, "__repository__").get_job_origin(job_name)


def outcome_of(run_id: str, events: Sequence[dg.DagsterEvent]) -> RunOutcome:
    """Return how a failed run ended, by its events."""
    details = _details(events)
    failed = tuple(
        FailedPartition(**{name: str(value) for name, value in record.data.items()})
        for data in details
        if isinstance(table := data.metadata.get(_FAILED_TABLE), dg.TableMetadataValue)
        for record in table.records
    )
    return RunOutcome(run_id=run_id, error=_first_error(events, details), failed=failed)


def _details(events: Sequence[dg.DagsterEvent]) -> list[UserFailureData]:
    failures = [event.step_failure_data for event in events if event.is_step_failure]
    return [data.user_failure_data for data in failures if data.user_failure_data is not None]


def _first_error(events: Sequence[dg.DagsterEvent], details: Sequence[UserFailureData]) -> str:
    """Return why the run failed: the step's own description, else the innermost cause of the first error."""
    for data in details:
        if data.description:
            return data.description
    for event in events:
        error = getattr(event.event_specific_data, "error", None)
        if event.is_failure and error is not None:
            while error.cause is not None:
                error = error.cause
            return str(error.message).strip().partition(": ")[2] or str(error.message).strip()
    return "the run failed"
