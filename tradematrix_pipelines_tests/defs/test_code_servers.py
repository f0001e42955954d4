"""What a code server imports once, and how long the daemon keeps one."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin
from dagster._core.remote_representation.grpc_server_registry import (
    GrpcServerRegistry,
    ServerRegistryEntry,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.constants import GrpcServerCommand

from tradematrix_pipelines.defs.internals.code_servers import LONGEST_SECONDS, keep_code_servers
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines_tests.code_server import code_server, create_run
from tradematrix_pipelines_tests.stack import wait_for

FORKS = """
import json
from pathlib import Path
import dagster as dg
import psutil
from tradematrix_pipelines.defs.internals.code_servers import fork_run_workers

fork_run_workers()

@dg.op
def look():
    parents = [process.pid for process in psutil.Process().parents()]
    forked = "forkserver" in " ".join(psutil.Process().parent().cmdline())
    Path("seen.json").write_text(json.dumps([parents, forked, NUMBER]))

@dg.job
def looks():
    look()

defs = dg.Definitions(jobs=[looks], executor=dg.in_process_executor)
"""
EMPTY = "import dagster as dg\ndefs = dg.Definitions()\n"
BROKEN = "raise RuntimeError\n"


def looked(instance: dg.DagsterInstance, client: DagsterGrpcClient, folder: Path) -> tuple[list[int], bool, int]:
    """Run the job and return what it saw: its parents, whether it is a fork, and the number in the code."""
    run = create_run(instance, client, "looks")
    DefaultRunLauncher.launch_run_from_grpc_client(instance, run, client)

    def ended() -> bool:
        now = instance.get_run_by_id(run.run_id)
        return now is not None and now.is_finished

    wait_for("the run", ended, seconds=60)
    seen: tuple[list[int], bool, int] = json.loads((folder / "seen.json").read_text())
    return seen


def test_runs_are_forks_that_execute_the_code_of_the_disk(settings: Settings, tmp_path: Path) -> None:
    source = tmp_path / "looks.py"
    source.write_text(FORKS.replace("NUMBER", "1"))
    with open_instance(settings) as instance, code_server(source) as (server, client):
        first, forked, number = looked(instance, client, tmp_path)
        assert forked
        assert number == 1
        assert server in first, "who ends the code server's children ends its runs, too"
        source.write_text(FORKS.replace("NUMBER", "2"))
        again, forked, number = looked(instance, client, tmp_path)
        assert forked
        assert number == 2, "the process that is forked has nothing of the project"
        assert again[0] == first[0], "the libraries are imported once"
        psutil.Process(first[0]).kill()
        after, forked, _ = looked(instance, client, tmp_path)
        assert forked, "where that process has died, the next run starts another"
        assert after[0] != first[0]


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``keep_code_servers``, undone after the test."""
    monkeypatch.setattr(GrpcServerRegistry, "clear_all_grpc_endpoints", GrpcServerRegistry.clear_all_grpc_endpoints)
    return keep_code_servers


@pytest.fixture
def registry(settings: Settings) -> Iterator[GrpcServerRegistry]:
    with (
        open_instance(settings) as instance,
        GrpcServerRegistry(
            instance_ref=instance.get_ref(),
            server_command=GrpcServerCommand.API_GRPC,
            heartbeat_ttl=60,
            startup_timeout=60,
            wait_for_processes_on_shutdown=True,
            log_level="ERROR",
        ) as opened,
    ):
        yield opened


def test_a_code_server_is_kept_while_nothing_has_changed(
    registry: GrpcServerRegistry, keep: Callable[..., None], tmp_path: Path
) -> None:
    source, later = tmp_path / "code.py", time.time() + LONGEST_SECONDS + 60
    source.write_text(EMPTY)
    now = [time.time()]
    keep(tmp_path, clock=lambda: now[0])
    first = served_by(registry, source)
    assert served_by(registry, source) == first

    source.write_text(f"{EMPTY}# changed\n")
    os.utime(source, (later, later))  # within the same tick of the file system's clock it would have the same time
    changed = served_by(registry, source)
    assert changed != first
    assert served_by(registry, source) == changed

    psutil.Process(changed).kill()
    psutil.Process(changed).wait(20)
    revived = served_by(registry, source)
    assert revived != changed
    assert served_by(registry, source) == revived

    now[0] = later
    assert served_by(registry, source) != revived


def test_one_that_could_not_load_its_code_is_replaced(
    registry: GrpcServerRegistry, keep: Callable[..., None], tmp_path: Path
) -> None:
    source, elsewhere = tmp_path / "code.py", tmp_path / "project"
    elsewhere.mkdir()
    source.write_text(BROKEN)
    keep(elsewhere)
    broken = served_by(registry, source)
    assert served_by(registry, source) != broken, "what has broken it may be mended without a change of the project"
    source.write_text(EMPTY)
    mended = served_by(registry, source)
    assert served_by(registry, source) == mended


def served_by(registry: GrpcServerRegistry, source: Path) -> int:
    """Do what the daemon does each minute, and return the pid of the code server that it has then."""
    registry.clear_all_grpc_endpoints()
    entry = registry.get_grpc_server_entry(origin(source))
    assert isinstance(entry, ServerRegistryEntry)
    return entry.process.pid


def origin(source: Path) -> ManagedGrpcPythonEnvCodeLocationOrigin:
    target = LoadableTargetOrigin(
        executable_path=sys.executable, python_file=str(source), working_directory=str(source.parent)
    )
    return ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name="code")
