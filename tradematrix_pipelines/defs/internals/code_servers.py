"""Keeps code servers from importing the same again and again: with each run, and with each minute of the daemon.

Dagster's code server starts a new interpreter for each run, and its daemon a new code server each minute; both spend
most of that on imports. Here runs are forks of a process that has imported the libraries, and nothing of this project:
a run executes the code as it lies on the disk. And the daemon keeps its code server while the project's code is
unchanged, for an hour at most. Where Dagster has moved what this replaces, it does as it does by itself.
"""

import logging
import multiprocessing
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import dagster as dg

import tradematrix_pipelines

LONGEST_SECONDS = 3600.0
"""How long a code server is kept: what is installed beside the project is seen after that, and what leaks is freed."""

_LIBRARIES = (
    "dagster._cli",
    "dagster._core.execution.api",
    "dagster._grpc.client",
    "dagster._grpc.impl",
    "dagster.components",
    "dagster_postgres",
    "adbc_driver_postgresql.dbapi",
    "alembic",
    "apprise",
    "exchange_calendars",
    "httpx",
    "pandas",
    "psycopg",
    "pyarrow",
    "pydantic_settings",
    "sqlalchemy.dialects.postgresql",
    "stamina",
)
"""What every run imports, and takes long to; the rest comes with them."""

_PACKAGE = Path(tradematrix_pipelines.__file__).parent
_logger = logging.getLogger(__name__)


def fork_run_workers() -> None:
    """Have this process, if it is a code server, start runs as forks of a process with the libraries. Idempotent."""
    server = sys.modules.get("dagster._grpc.server")
    servicer = getattr(server, "DagsterApiServer", None)
    if servicer is None or sys.platform == "win32":
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LIBRARIES))

    def forking(_: object) -> ForkServerContext:
        return context

    # Each server gives itself a context that spawns: what it asks for later is the one that forks.
    servicer._mp_ctx = property(forking, lambda *_: None)  # noqa: SLF001 - what this is about


def keep_code_servers(folder: Path = _PACKAGE, *, clock: Callable[[], float] = time.time) -> None:
    """Have the daemon, if this process is one, replace its code servers only where they are to be replaced.

    Those are: all, where code in ``folder`` has changed, one has ended or could not load its code, or is an hour old.
    """
    # Whatever loads the definitions imports this module too, and needs nothing of gRPC.
    from dagster._core.remote_representation.grpc_server_registry import GrpcServerRegistry  # noqa: PLC0415

    replace_all = getattr(GrpcServerRegistry, "clear_all_grpc_endpoints", None)
    if replace_all is None:
        _logger.warning("this Dagster's daemon can't be kept from starting a code server each minute")
        return
    state = _state_of(folder)

    def clear_all_grpc_endpoints(registry: Any) -> None:
        nonlocal state
        before, state = state, _state_of(folder)
        entries = getattr(registry, "_active_entries", {"unknown": None})
        if state != before or not all(_is_to_be_kept(entry, clock()) for entry in list(entries.values())):
            replace_all(registry)

    GrpcServerRegistry.clear_all_grpc_endpoints = clear_all_grpc_endpoints  # type: ignore[method-assign]


def _is_to_be_kept(entry: Any, now: float) -> bool:
    from dagster._api.list_repositories import sync_list_repositories_grpc  # noqa: PLC0415 - see above

    process = getattr(entry, "process", None)
    if process is None or now - entry.creation_timestamp > LONGEST_SECONDS:
        return False
    try:
        sync_list_repositories_grpc(process.create_client())
    except dg.DagsterError:  # it is gone, or was not able to load the code
        return False
    return True


def _state_of(folder: Path) -> frozenset[tuple[Path, int]]:
    """Return the files of code below a folder, with their times."""
    state = set()
    for path in folder.rglob("*.py"):
        try:
            state.add((path, path.stat().st_mtime_ns))
        except OSError:  # gone since it was listed
            continue
    return frozenset(state)
