"""Dagster's programs as this project runs them: module and arguments of web UI, daemon and code server.

Here: that, for ``up`` and ``serve``. Not here: their processes (``supervision``), and who starts which.
"""

from collections.abc import Sequence

from tradematrix_pipelines.defs.internals.workspace import MODULE, workspace_file
from tradematrix_pipelines.settings import Settings


def webserver(settings: Settings, *, host: str, port: int) -> list[str]:
    """Return the arguments that serve the web UI."""
    level = ["--dagster-log-level", settings.log_level]
    return ["tradematrix_pipelines.defs.internals.webserver", "-h", host, "-p", str(port), *level, *_common(settings)]


def daemon(settings: Settings) -> list[str]:
    """Return the arguments that run the daemon."""
    run = ["run", "--log-level", settings.log_level]
    return ["tradematrix_pipelines.defs.internals.daemon", *run, *_common(settings)]


def code_server(settings: Settings, *, host: str, port: int, image: str | None) -> list[str]:
    """Return the arguments that serve the definitions, and carry out runs where no launcher makes a container of each.

    Args:
        image: the image that such a launcher makes containers of; ``None`` = none.
    """
    where = ["-h", host, "-p", str(port), "--location-name", settings.code_location]
    return [
        *("dagster", "api", "grpc", "-m", MODULE, *where),
        # Runs are started with this Python, wherever its programs are.
        *("--use-python-environment-entry-point", "--empty-working-directory"),
        *("--log-level", _quiet(settings), "--log-format", _format(settings)),
        *(() if image is None else ("--container-image", image)),
    ]


def _common(settings: Settings) -> Sequence[str]:
    return [
        *("-w", str(workspace_file(settings))),
        *("--log-format", _format(settings)),
        *("--code-server-log-level", _quiet(settings)),
    ]


def _format(settings: Settings) -> str:
    return "colored" if settings.log_format == "text" else "json"


def _quiet(settings: Settings) -> str:
    """Return the level of code servers. Until they have loaded the definitions, they use a format of their own."""
    text = settings.log_format == "text"
    return "warning" if settings.log_level in {"debug", "info"} and not text else settings.log_level
