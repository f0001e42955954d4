"""The workspace of the web UI and the daemon: which code location they load, and from where.

Here: the project's ``workspace.yaml``, one that is written where the settings name another server or name, and opening
it. Not here: what the code location has (``definitions``).
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from warnings import catch_warnings

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_representation.code_location import CodeLocation
from dagster._core.workspace.context import BaseWorkspaceRequestContext, WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._grpc.client import DagsterGrpcClient

from tradematrix_pipelines.defs.internals.dagster_home import project_file
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.folders import private_folder
from tradematrix_pipelines.settings import CODE_LOCATION, Settings

MODULE = "tradematrix_pipelines.definitions"


def workspace_file(settings: Settings) -> Path:
    """Return the workspace to load: the project's, or one in the home for the settings' own server or name.

    Raises:
        TradeMatrixError: it can't be written.
    """
    if settings.code_server is None and settings.code_location == CODE_LOCATION:
        return project_file("workspace.yaml")
    name = {"location_name": settings.code_location}
    if settings.code_server is None:
        entry: dict[str, dict[str, str | int]] = {"python_module": {"module_name": MODULE, **name}}
    else:
        host, port = server_address(settings.code_server)
        entry = {"grpc_server": {"host": host, "port": port, **name}}
    path = settings.home / "workspace.yaml"
    try:
        private_folder(path.parent)
        path.write_text(json.dumps({"load_from": [entry]}, indent=2))  # JSON is YAML
    except OSError as error:
        raise TradeMatrixError(
            f"can't write {path} ({error.strerror}): make it writable, or set TRADEMATRIX_HOME to another folder"
        ) from error
    return path


def server_address(text: str) -> tuple[str, int]:
    """Return host and port of a code server's address."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


@contextmanager
def open_workspace(
    instance: dg.DagsterInstance, settings: Settings
) -> Iterator[tuple[BaseWorkspaceRequestContext, CodeLocation]]:
    """Open the code location: the settings' server, or one that is started for as long as the block lasts.

    Raises:
        TradeMatrixError: it can't be loaded.
    """
    if settings.code_server is not None and not answers(*server_address(settings.code_server)):
        raise TradeMatrixError(
            f"the code server on {settings.code_server} does not answer: start `tradematrix serve code-server` there, "
            "or correct TRADEMATRIX_CODE_SERVER"
        )
    target = WorkspaceFileTarget(paths=[str(workspace_file(settings))])
    with ExitStack() as stack:
        with catch_warnings(action="ignore"):  # with a stack trace each; what went wrong is raised below
            process = stack.enter_context(WorkspaceProcessContext(instance, target, code_server_log_level="ERROR"))
        workspace = process.create_request_context()
        error = workspace.get_code_location_error(settings.code_location)
        if error is not None:
            while error.cause is not None:
                error = error.cause
            raise TradeMatrixError(
                f"can't load the code location {settings.code_location} ({error.message.strip().splitlines()[0]}): "
                "`dagster definitions validate` shows where"
            )
        location = workspace.get_code_location(settings.code_location)
        yield workspace, location


def answers(host: str, port: int) -> bool:
    """Whether a code server answers at an address."""
    try:
        DagsterGrpcClient(host=host, port=port).ping("")
    except DagsterUserCodeUnreachableError:
        return False
    return True
