"""A fleet: each service a process of its own, and commands whose runs Dagster's queue and launcher carry out."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.workspace import answers
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines_tests.stack import environment, free_port, running, wait_for

pytestmark = pytest.mark.system

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
UNSET_URL = {"TRADEMATRIX_DATABASE_URL": None}
UNSET = dict.fromkeys(("TRADEMATRIX_DATABASE_URL", "TRADEMATRIX_DATABASE_URL_FILE"))
DAYS = ("--from", "2026-11-19", "--to", "2026-11-20")


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """A migrated database, a code server and a daemon."""

    env: Mapping[str, str]
    port: int
    code_server: int
    simulator: Simulator

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env={**self.env, **UNSET_URL})


@pytest.fixture(scope="module")
def fleet(module_installation: Callable[..., Settings], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder, port = tmp_path_factory.mktemp("fleet"), free_port()
    settings = module_installation(TRADEMATRIX_CODE_SERVER=f"127.0.0.1:{port}", TRADEMATRIX_CODE_LOCATION="desk")
    assert settings.database_url is not None
    secret = folder / "url"
    secret.write_text(settings.database_url.get_secret_value())
    with Simulator(clock=FrozenClock(NOW)) as simulator, ExitStack() as stack:
        own = environment(
            settings.home,
            TRADEMATRIX_DATABASE_URL_FILE=str(secret),
            TRADEMATRIX_AUTO_MIGRATE="0",
            TRADEMATRIX_CODE_SERVER=f"127.0.0.1:{port}",
            TRADEMATRIX_CODE_LOCATION="desk",
            TRADEMATRIX_CLOCK=NOW.isoformat(),
            TRADEMATRIX_LOG_FORMAT="json",
            TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
            TWELVE_DATA_API_KEY="any",
            TWELVE_DATA_PLAN="unlimited",
        )
        early = CliRunner().invoke(main, ["serve", "daemon"], env={**own, **UNSET_URL})
        assert (early.exit_code, early.output.count("\n")) == (1, 1), early.output
        assert "`tradematrix migrate` creates it" in early.output
        assert CliRunner().invoke(main, ["migrate"], env={**own, **UNSET_URL}).exit_code == 0
        serving = ("serve", "code-server", "--port", str(port), "--image", "tradematrix:1")
        server = stack.enter_context(running(own, *serving, log=folder / "code-server.log"))
        wait_for("the code server", lambda: answers("127.0.0.1", port), seconds=120)
        stack.enter_context(running(own, "serve", "daemon", log=folder / "daemon.log"))
        with open_instance(load_settings()) as instance:
            wait_for(
                "the daemon", lambda: instance.get_daemon_statuses()["QUEUED_RUN_COORDINATOR"].healthy, seconds=120
            )
        yield Fleet(env=own, port=port, code_server=server.pid, simulator=simulator)


def test_a_submitted_backfill_runs_on_the_code_server_and_is_followed_to_its_end(fleet: Fleet) -> None:
    fleet.simulator.set_faults("gated@NDX")
    done = fleet.run("backfill", "DAX", "NDX", *DAYS, "--timeframe", "1h", "--submit", "--json")
    assert done.exit_code == 1, "a symbol failed"
    rows = {(row["symbol"], row["timeframe"]): row for row in json.loads(done.stdout)}
    assert {key: row["complete"] for key, row in rows.items()} == {("DAX", "1h"): 2, ("NDX", "1h"): 0}
    assert "queued 2 runs in Dagster" in done.stderr
    assert "plan" in done.stderr, "why, as the step has said it"
    with open_instance(load_settings()) as instance:
        runs = [record.dagster_run for record in instance.get_run_records()]
    assert {run.tags["by"] for run in runs} == {"cli"}
    origins = {run.remote_job_origin for run in runs}
    assert {origin.location_name for origin in origins if origin is not None} == {"desk"}
    code = [run.job_code_origin for run in runs if run.job_code_origin is not None]
    assert {origin.repository_origin.container_image for origin in code} == {"tradematrix:1"}

    fleet.simulator.set_faults()
    again = fleet.run("retry", "--submit", "--json")
    assert again.exit_code == 0, again.stderr
    assert {row["now"] for row in json.loads(again.stdout)} == {"complete"}


def test_a_service_is_the_process_that_its_supervisor_signals_and_says_whether_it_is_well(fleet: Fleet) -> None:
    line = psutil.Process(fleet.code_server).cmdline()
    assert ("dagster" in line, str(fleet.port) in line) == (True, True)
    assert fleet.run("serve", "code-server", "--port", str(fleet.port), "--check").exit_code == 0
    unwell = fleet.run("serve", "code-server", "--port", str(free_port()), "--check")
    assert (unwell.exit_code, "does not answer" in unwell.output) == (1, True)
    assert "does not answer" in fleet.run("serve", "webserver", "--port", str(free_port()), "--check").output


def test_a_code_server_that_does_not_answer_is_named(fleet: Fleet) -> None:
    elsewhere = f"127.0.0.1:{free_port()}"
    arguments = ["backfill", "DAX", *DAYS, "--submit"]
    done = CliRunner().invoke(main, arguments, env={**fleet.env, **UNSET_URL, "TRADEMATRIX_CODE_SERVER": elsewhere})
    assert (done.exit_code, f"the code server on {elsewhere} does not answer" in done.output) == (1, True), done.output


def test_without_a_daemon_nothing_is_queued(run: Callable[..., Result]) -> None:
    done = run("backfill", "DAX", *DAYS, "--submit")
    assert (done.exit_code, "no daemon has reported lately" in done.output) == (1, True)
    assert "no heartbeat of" in run("serve", "daemon", "--check").output


@pytest.mark.parametrize("service", ["webserver", "daemon", "code-server", "celery-worker", "board"])
def test_a_service_without_a_database_says_so(tmp_path: Path, service: str) -> None:
    done = CliRunner().invoke(main, ["serve", service], env={**UNSET, "TRADEMATRIX_HOME": str(tmp_path)})
    assert (done.exit_code, done.output.count("\n")) == (2, 1), done.output
    assert "TRADEMATRIX_DATABASE_URL is not set" in done.output
