"""Dagster's instance as every process of this project opens it."""

from pathlib import Path

import dagster as dg

import tradematrix_pipelines
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.folders import private_folder
from tradematrix_pipelines.settings import Settings

_PACKAGE = Path(tradematrix_pipelines.__file__).parent


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Prepare Dagster's home and open its instance. Use it as a context manager."""
    return dg.DagsterInstance.from_config(str(prepare_dagster_home(settings)))


def prepare_dagster_home(settings: Settings) -> Path:
    """Make Dagster's home and link the project's ``dagster.yaml`` into it, unless it has one of its own."""
    home = settings.dagster_home
    config = home / "dagster.yaml"
    try:
        private_folder(home)
        if config.is_symlink() or not config.exists():
            config.unlink(missing_ok=True)
            config.symlink_to(project_file("dagster.yaml"))
    except OSError as error:
        raise TradeMatrixError(
            f"can't write to {home} ({error.strerror}): make it writable, or set TRADEMATRIX_HOME to another folder"
        ) from error
    return home


def project_file(name: str) -> Path:
    """Return the path of ``dagster.yaml`` or ``workspace.yaml``: in a checkout beside the package, else inside it."""
    beside = _PACKAGE.parent / name
    return beside if beside.exists() else _PACKAGE / name
