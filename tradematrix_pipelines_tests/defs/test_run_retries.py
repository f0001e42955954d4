"""A died run is retried although its code server has died with it."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.storage.tags import WILL_RETRY_TAG
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.context import IWorkspaceProcessContext, WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.auto_run_reexecution import auto_run_reexecution

from tradematrix_pipelines.defs.internals import run_retries
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.run_retries import keep_retrying_runs
from tradematrix_pipelines.settings import Settings

Retry = Callable[[dg.DagsterRun, IWorkspaceProcessContext], None]


class Server:
    """Dagster's function, while the code server is down for some attempts."""

    def __init__(self, down_for: int) -> None:
        self.down_for, self.attempts = down_for, 0

    def __call__(self, run: dg.DagsterRun, context: IWorkspaceProcessContext) -> None:
        self.attempts += 1
        if self.attempts <= self.down_for:
            raise DagsterUserCodeUnreachableError("connection refused")


@pytest.fixture
def daemon(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Server], str | None]]:
    """What the daemon does with a died run: return its tag that says whether it is retried."""
    with (
        open_instance(settings) as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace,
    ):

        def handle(server: Server) -> str | None:
            monkeypatch.setattr(auto_run_reexecution, "retry_run", server)
            keep_retrying_runs()
            keep_retrying_runs()
            run = create_run_for_test(instance, job_name="__ASSET_JOB", status=dg.DagsterRunStatus.STARTED)
            instance.report_run_failed(run, "its process is gone")
            [record] = instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))
            list(
                auto_run_reexecution.consume_new_runs_for_automatic_reexecution(
                    workspace, [record], logging.getLogger(__name__)
                )
            )
            [after] = instance.get_runs(dg.RunsFilter(run_ids=[run.run_id]))
            return after.tags.get(WILL_RETRY_TAG)

        yield handle


def test_the_daemon_goes_on_asking_until_the_code_server_is_back(daemon: Callable[[Server], str | None]) -> None:
    server = Server(down_for=3)
    assert daemon(server) == "true"
    assert server.attempts == 4


def test_a_code_server_that_stays_down_ends_it(
    daemon: Callable[[Server], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_retries, "LONGEST", timedelta(seconds=3))
    server = Server(down_for=1000)
    assert daemon(server) == "false"
    assert 2 <= server.attempts < 10
