"""Runs that a command hands to Dagster's queue, for its launcher to carry out wherever that is, and follows to the end.

Here: creating and queueing them as the web UI does, and what became of them. Not here: runs in this process (``runs``),
and which runs a command needs (``defs.backfill``).
"""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
from dagster._core.definitions.selector import JobSubsetSelector
from dagster._core.remote_representation.code_location import CodeLocation
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG
from dagster._core.workspace.context import BaseWorkspaceRequestContext

from tradematrix_pipelines.defs.internals.run_tags import range_tags
from tradematrix_pipelines.defs.internals.runs import RunOutcome, outcome_of
from tradematrix_pipelines.defs.internals.workspace import open_workspace
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.settings import Settings

_QUEUE = "QUEUED_RUN_COORDINATOR"
_POLL_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """Dagster's queue, as a command uses it."""

    instance: dg.DagsterInstance
    workspace: BaseWorkspaceRequestContext
    location: CodeLocation

    def submit(
        self,
        job_name: str,
        *,
        symbol: str,
        first: date,
        last: date,
        assets: Collection[dg.AssetKey] = (),
        run_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Queue a run of ``job_name`` for one symbol's trade dates ``first`` to ``last``, and return its id.

        Args:
            assets: the job's assets to materialize; all of them when empty.
        """
        [repository] = self.location.get_repositories().values()
        job = self.location.get_job(
            JobSubsetSelector(
                location_name=self.location.name,
                repository_name=repository.name,
                job_name=job_name,
                op_selection=None,
                asset_selection=assets or None,
                # Without the checks of the selected assets: they judge the present, and this is history.
                asset_check_selection=[] if assets else None,
            )
        )
        config = dict(run_config or {})
        plan = self.location.get_execution_plan(
            job, config, step_keys_to_execute=None, known_state=None, instance=self.instance
        )
        run = self.instance.create_run(
            job_name=job_name,
            run_id=None,
            run_config=config,
            status=None,
            tags={**job.tags, **range_tags(symbol, first, last), **(tags or {})},
            root_run_id=None,
            parent_run_id=None,
            step_keys_to_execute=plan.execution_plan_snapshot.step_keys_to_execute,
            execution_plan_snapshot=plan.execution_plan_snapshot,
            job_snapshot=job.job_snapshot,
            parent_job_snapshot=job.parent_job_snapshot,
            asset_selection=frozenset(assets) or None,
            asset_check_selection=frozenset() if assets else None,
            resolved_op_selection=job.resolved_op_selection,
            op_selection=None,
            remote_job_origin=job.get_remote_origin(),
            # Launchers that make a container a run take its image from here.
            job_code_origin=job.get_python_origin(),
            asset_graph=repository.asset_graph,
        )
        self.instance.submit_run(run.run_id, self.workspace)
        return run.run_id

    def follow(self, run_id: str) -> RunOutcome:
        """Wait until a run has ended, with the retries that Dagster makes of it, and return how."""
        while True:
            run = self.instance.get_run_by_id(run_id)
            if run is None:
                return RunOutcome(run_id=run_id, error="the run has been deleted", failed=())
            if run.is_finished and (retry := run.tags.get(AUTO_RETRY_RUN_ID_TAG)):
                run_id = retry
            elif run.is_finished and not run.is_complete_and_waiting_to_retry:
                return self._outcome(run)
            else:
                time.sleep(_POLL_SECONDS)

    def _outcome(self, run: dg.DagsterRun) -> RunOutcome:
        if run.is_success:
            return RunOutcome(run_id=run.run_id, error=None, failed=())
        if run.status is dg.DagsterRunStatus.CANCELED:
            return RunOutcome(run_id=run.run_id, error="the run was cancelled in Dagster", failed=())
        entries = self.instance.all_logs(run.run_id)
        return outcome_of(run.run_id, [entry.dagster_event for entry in entries if entry.dagster_event is not None])


@contextmanager
def open_queue(instance: dg.DagsterInstance, settings: Settings) -> Iterator[Queue]:
    """Open Dagster's queue for a command.

    Raises:
        TradeMatrixError: no daemon empties it, or the code location can't be loaded.
    """
    status = instance.get_daemon_statuses([_QUEUE])[_QUEUE]
    if not status.healthy:
        raise TradeMatrixError(
            "no daemon has reported lately, so nobody would carry out the runs: start `tradematrix up` or "
            "`tradematrix serve daemon`, or leave out --submit"
        )
    with open_workspace(instance, settings) as (workspace, location):
        yield Queue(instance=instance, workspace=workspace, location=location)
