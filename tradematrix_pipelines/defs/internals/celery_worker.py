"""A Celery worker, started with ``python -m tradematrix_pipelines.defs.internals.celery_worker worker …``.

A signal to end lets it finish its runs first; a second one ends it at once, and Dagster starts its runs again.
"""

import os
import socket
import sys
from importlib import import_module

from tradematrix_pipelines.errors import TradeMatrixError

_PREFIX = "tradematrix"
_ANSWER_SECONDS = 5.0


def arguments(*, concurrency: int, queues: tuple[str, ...], level: str) -> list[str]:
    """Return the module and its arguments that turn this process into a worker.

    Args:
        concurrency: runs at the same time.
        queues: of Celery.
        level: of its log.
    """
    # Other programs' workers may share the broker, and others of ours the machine.
    name = f"{_PREFIX}-{os.getpid()}@{socket.gethostname()}"
    options = ["--hostname", name, "--concurrency", str(concurrency), "--queues", ",".join(queues)]
    return [__name__, "worker", *options, "--loglevel", level, "--without-gossip", "--without-mingle"]


def workers_here() -> list[str]:
    """Return the names of this machine's workers that answer.

    Raises:
        UsageError: the settings name no broker.
        TradeMatrixError: the broker does not answer.
    """
    from tradematrix_pipelines.defs.internals.celery_app import make_app  # noqa: PLC0415 - slow to import
    from tradematrix_pipelines.settings import load_settings  # noqa: PLC0415

    app = make_app(load_settings())
    try:
        app.connection_for_write().ensure_connection(max_retries=1, timeout=_ANSWER_SECONDS)
    except Exception as error:
        raise TradeMatrixError(
            f"the broker does not answer ({error}): start Redis, or correct TRADEMATRIX_CELERY_BROKER"
        ) from error
    answers = app.control.inspect(timeout=_ANSWER_SECONDS).ping() or {}
    here = f"@{socket.gethostname()}"
    return [name for name in answers if name.startswith(f"{_PREFIX}-") and name.endswith(here)]


def main() -> None:
    """Run the worker with this project's settings."""
    from tradematrix_pipelines.defs.internals.celery_app import make_app  # noqa: PLC0415 - slow to import
    from tradematrix_pipelines.log_output import write_logs  # noqa: PLC0415
    from tradematrix_pipelines.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    write_logs(settings, also=["celery"])
    # Where somebody listens to this signal, Celery leaves the loggers as they are.
    import_module("celery.signals").setup_logging.connect(_keep_logging)
    make_app(settings).worker_main(sys.argv[1:])


def _keep_logging(**_: object) -> None:
    pass


if __name__ == "__main__":
    main()
