"""A whole installation as a user runs it: a simulator, ``tradematrix up``, and what a browser asks of the web UI.

Each part is a process of its own, ended with its children. Here: starting, asking, waiting. Not here: what is expected.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from tradematrix_pipelines.cli.guard import Guard
from tradematrix_pipelines.defs.registry import STORED
from tradematrix_pipelines.postgres.home_lock import is_held
from tradematrix_pipelines.processes import has_ended

T = TypeVar("T")
ASSETS = tuple(asset.to_user_string() for asset in STORED)
HTTP = httpx.Client(verify=False, limits=httpx.Limits(max_keepalive_connections=0))
"""What asks servers on loopback: each ``httpx.get`` reads the machine's certificates, which is most of its cost."""
_COMMAND = "from tradematrix_pipelines.cli.main import main; main()"
_OWN = ("TRADEMATRIX_", "DAGSTER_", "TWELVE_DATA_")
_STOP_SECONDS = 60
_LAUNCH = """
mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
_STATUS = """
query Status($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } ... on PythonError { message } }
}"""
_RUNS = """
query Runs($filter: RunsFilter!) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status creationTime startTime endTime } } }
}"""
_RUN = """
mutation Run($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
_CANCEL = """
mutation Cancel($id: String!) {
  cancelPartitionBackfill(backfillId: $id) { __typename ... on PythonError { message } }
}"""
_AGAIN = """
mutation Again($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
_STEPS = """
query Steps($id: ID!) { runOrError(runId: $id) { ... on Run { status stepStats { stepKey } } } }"""
ENDED = {"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}


def environment(home: Path, **extra: str) -> dict[str, str]:
    """Return this process's environment, with nothing in it that tells of another installation.

    Nothing runs in it by itself, unless ``extra`` says so: what a test counts is what it asked for.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    return {**kept, "TRADEMATRIX_HOME": str(home), "TRADEMATRIX_AUTOMATION": "0", **extra}


def command(*arguments: str) -> list[str]:
    """Return what runs ``tradematrix`` with these arguments."""
    return [sys.executable, "-u", "-c", _COMMAND, *arguments]


def tradematrix(env: Mapping[str, str], *arguments: str, timeout: float = 300) -> str:
    """Run a command to its end, and return what it printed.

    Raises:
        AssertionError: it failed.
    """
    done = subprocess.run(
        command(*arguments), env=dict(env), capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, f"{arguments} exited with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def running(
    env: Mapping[str, str], *arguments: str, log: Path, program: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the block ends, then end it as Ctrl-C would; should this process be killed, it ends, too.

    Args:
        program: what is run with the arguments; by default ``tradematrix``.
    """
    guard = Guard()
    with log.open("ab") as output:
        child = subprocess.Popen(
            [*program, *arguments] if program else command(*arguments),
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=guard.group,
        )
    try:
        yield child
        end(child)
    finally:
        guard.end()
        child.wait()


def end(child: subprocess.Popen[bytes]) -> None:
    """End a process as Ctrl-C would, where it runs.

    Raises:
        subprocess.TimeoutExpired: that doesn't help.
    """
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        child.wait(_STOP_SECONDS)


def wait_for(what: str, ask: Callable[[], T | None], *, seconds: float, every: float = 0.5) -> T:
    """Ask until the answer is true, and return it.

    Raises:
        TimeoutError: it never was.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = ask()
        if answer:
            return answer
        time.sleep(every)
    raise TimeoutError(f"{what}: not within {seconds:.0f} s")


def left_behind(home: Path) -> list[str]:
    """Return the processes of a home that live, and the locks in it that are held."""
    alive = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            identity = (process.environ().get("TRADEMATRIX_HOME"), process.cwd(), *process.cmdline())
            mine = str(home) in identity or process.cwd().startswith(f"{home}/")
            if mine and process.pid != os.getpid() and not has_ended(process):
                alive.append(f"{process.pid} {' '.join(process.cmdline())}")
    return alive + [name for name in ("up", "lease", "watch", "gate") if is_held(home / name)]


def wait_until_nothing_is_left(home: Path, *, seconds: float = 60) -> None:
    """Wait until no process of a home lives and no lock in it is held.

    Raises:
        AssertionError: some are; the message lists them.
    """
    with suppress(TimeoutError):
        wait_for("the end of everything", lambda: not left_behind(home), seconds=seconds)
    assert left_behind(home) == []


def free_port() -> int:
    """Return a port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, kw_only=True, slots=True)
class Vendor:
    """A simulator's address, and what to ask it about itself."""

    url: str

    @property
    def counts(self) -> dict[str, int]:
        """Calls, credits and refusals so far."""
        counts: dict[str, int] = HTTP.get(f"{self.url}/_control/stats", timeout=30).json()
        return counts

    def set_faults(self, *faults: str) -> None:
        """Replace all faults."""
        HTTP.post(f"{self.url}/_control/faults", json={"faults": faults}, timeout=30).raise_for_status()


@contextmanager
def vendor(home: Path, *arguments: str, clock: str = "") -> Iterator[Vendor]:
    """Run ``tradematrix simulate`` on a free port."""
    port = free_port()
    env = environment(home, TRADEMATRIX_CLOCK=clock)
    with running(env, "simulate", "--port", str(port), *arguments, log=home / "simulate.log"):
        simulator = Vendor(url=f"http://127.0.0.1:{port}")
        wait_for("the simulator", lambda: answers(f"{simulator.url}/_control/stats"), seconds=60)
        yield simulator


@dataclass(frozen=True, kw_only=True, slots=True)
class Ui:
    """The web UI's GraphQL, which is what a person's clicks end up in."""

    url: str
    process: subprocess.Popen[bytes]

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Return the data that a query answers with.

        Raises:
            httpx.HTTPError: nobody listens, or there is no answer.
            RuntimeError: the answer tells of errors.
        """
        answer = HTTP.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=120)
        if "json" not in answer.headers.get("content-type", ""):
            answer.raise_for_status()
        body = answer.json()
        if "errors" in body:
            raise RuntimeError(body["errors"])
        data: dict[str, Any] = body["data"]
        return data

    def backfill(self, dates: Sequence[date], symbols: Sequence[str], assets: Sequence[str] = ASSETS) -> str:
        """Launch a backfill of a rectangle of partitions as the UI's dialog does, and return its id."""
        params = {
            "assetSelection": [{"path": [asset]} for asset in assets],
            "partitionNames": [f"{day}|{symbol}" for symbol in symbols for day in dates],
            "tags": [],
        }
        launched = self.ask(_LAUNCH, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        backfill_id: str = launched["backfillId"]
        return backfill_id

    def cancel(self, backfill_id: str) -> None:
        """Cancel a backfill."""
        answer = self.ask(_CANCEL, id=backfill_id)["cancelPartitionBackfill"]
        assert answer["__typename"] == "CancelBackfillSuccess", answer

    def run_again(self, run_id: str, strategy: str) -> str:
        """Re-execute a run that ended, and return the new run's id."""
        params = {"parentRunId": run_id, "strategy": strategy}
        launched = self.ask(_AGAIN, params=params)["launchRunReexecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        new_id: str = launched["run"]["runId"]
        return new_id

    def finish_run(self, run_id: str, *, seconds: float) -> tuple[str, list[str]]:
        """Wait until a run has ended, and return its status and its steps."""

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = self.ask(_STEPS, id=run_id)["runOrError"]
            return found if found["status"] in {"SUCCESS", "FAILURE", "CANCELED"} else None

        run = wait_for(f"the end of run {run_id}", ended, seconds=seconds)
        return str(run["status"]), [str(step["stepKey"]) for step in run["stepStats"]]

    def run(self, job: str, *, tags: Mapping[str, str], assets: Sequence[str] = ()) -> str:
        """Launch a run of a job, or of some of its assets, and return its id."""
        location = {"repositoryLocationName": "tradematrix_pipelines", "repositoryName": "__repository__"}
        params = {
            "selector": {
                **location,
                "pipelineName": job,
                **({"assetSelection": [{"path": [asset]} for asset in assets]} if assets else {}),
            },
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        launched = self.ask(_RUN, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id: str = launched["run"]["runId"]
        return run_id

    def backfill_status(self, backfill_id: str) -> str:
        """Return a backfill's status; empty while the UI, or the database behind it, is down."""
        try:
            answer = self.ask(_STATUS, id=backfill_id)["partitionBackfillOrError"]
        except (httpx.HTTPError, RuntimeError):
            return ""
        return str(answer.get("status", answer))

    def finish(self, backfill_id: str, *, seconds: float) -> str:
        """Wait until a backfill has ended, and return its status."""

        def ended() -> str | None:
            status = self.backfill_status(backfill_id)
            return status if status in ENDED else None

        return wait_for(f"the end of backfill {backfill_id}", ended, seconds=seconds)

    def runs(self, *, statuses: Sequence[str] = (), tags: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Return the runs with one of these statuses and all of these tags, newest first."""
        conditions: dict[str, object] = {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]}
        if statuses:
            conditions["statuses"] = list(statuses)
        found: list[dict[str, Any]] = self.ask(_RUNS, filter=conditions)["runsOrError"]["results"]
        return found


@contextmanager
def ui(env: Mapping[str, str], home: Path, *, port: int | None = None, board_port: int | None = None) -> Iterator[Ui]:
    """Run ``tradematrix up``, on a free port where none is named; without a board, unless its port is."""
    port = port or free_port()
    board = ["--no-board"] if board_port is None else ["--board-port", str(board_port)]
    with running(env, "up", "--port", str(port), *board, log=home / "up.log") as process:
        web = Ui(url=f"http://127.0.0.1:{port}", process=process)

        def ready() -> bool:
            assert process.poll() is None, (home / "up.log").read_text()
            return answers(f"{web.url}/server_info")

        wait_for("the web UI", ready, seconds=180)
        yield web


def json_logs(home: Path) -> list[dict[str, Any]]:
    """Return what ``up``'s services wrote to their logs in JSON.

    Raises:
        AssertionError: a line is something else.
    """
    lines = "".join((home / "logs" / f"{name}.log").read_text() for name in ("daemon", "webserver")).splitlines()
    assert [line for line in lines if not line.startswith("{")] == []
    return [json.loads(line) for line in lines]


def answers(url: str) -> bool:
    """Whether a server answers there with a success."""
    try:
        return HTTP.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False
