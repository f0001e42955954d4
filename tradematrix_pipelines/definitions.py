"""Everything that Dagster loads from this project: what lies in ``defs/``, and what ``dg scaffold defs`` puts there."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dagster as dg

from tradematrix_pipelines.defs.installation import Installation, building_for
from tradematrix_pipelines.defs.internals.code_servers import fork_run_workers
from tradematrix_pipelines.defs.internals.loading import loading_for_commands
from tradematrix_pipelines.defs.internals.names import disable_dagster_warnings
from tradematrix_pipelines.defs.internals.run_log import write_run_logs
from tradematrix_pipelines.defs.kept_open import KeptOpen
from tradematrix_pipelines.log_output import write_logs
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.tracing import send_traces


def build_defs(settings: Settings, resources: Mapping[str, Any] = MappingProxyType({})) -> dg.Definitions:
    """Return the definitions for these settings; ``resources`` replaces resources of the same name.

    For commands and tests: they are without what only the UI shows.
    """
    send_traces(settings)
    with building_for(Installation(settings=settings, resources=resources)), loading_for_commands():
        return _load()


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions for the environment's settings."""
    settings = load_settings()
    write_logs(settings)
    write_run_logs(settings)
    send_traces(settings)
    fork_run_workers()
    with building_for(Installation(settings=settings, kept=KeptOpen(settings))):
        return _load()


def _load() -> dg.Definitions:
    # Multi-partition mappings and backfill policies are called beta; the lock pins the version they are tested with.
    with disable_dagster_warnings():
        return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
