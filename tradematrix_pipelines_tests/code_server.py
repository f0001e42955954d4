"""A code server of a file of definitions, as a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test
from dagster._grpc.client import DagsterGrpcClient

from tradematrix_pipelines_tests.stack import free_port, wait_for


@contextmanager
def code_server(file: Path) -> Iterator[tuple[int, DagsterGrpcClient]]:
    """Serve a file of definitions, in its folder; gives the server's pid, and a client."""
    port = free_port()
    command = [sys.executable, "-m", "dagster", "api", "grpc", "-f", file.name, "-h", "127.0.0.1", "-p", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=file.parent, stdout=quiet, stderr=quiet) as server:
        client = DagsterGrpcClient(host="127.0.0.1", port=port)
        try:
            wait_for("the code server", lambda: _answers(client), seconds=60)
            yield server.pid, client
        finally:
            server.terminate()


def create_run(instance: dg.DagsterInstance, client: DagsterGrpcClient, job_name: str) -> dg.DagsterRun:
    """Create a run of one of the server's jobs."""
    origin = GrpcServerCodeLocationOrigin(host="127.0.0.1", port=client.port, location_name="any")
    job = RemoteRepositoryOrigin(origin, "__repository__").get_job_origin(job_name)
    run: dg.DagsterRun = create_run_for_test(instance, job_name=job_name, remote_job_origin=job)
    return run


def _answers(client: DagsterGrpcClient) -> bool:
    try:
        return client.ping("hello")["echo"] == "hello"
    except dg.DagsterError:
        return False
