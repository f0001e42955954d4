"""``tradematrix serve``: one service of a fleet, as containers, pods and units start it; and whether it is well.

Here: what is the same for all of them: a database that is there and migrated, and a process that is the service itself,
so that signals and its end reach whoever supervises it. Not here: Dagster's programs (``dagster_programs``), and all of
them on one machine (``services``).
"""

import os
import sys
from collections.abc import Callable

import click
import httpx

from tradematrix_pipelines.cli import dagster_programs
from tradematrix_pipelines.cli.services import ui_url
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.postgres.databases import check_named
from tradematrix_pipelines.settings import Settings, child_environment, load_settings

_PORTS = {"webserver": 3000, "board": 3001, "code-server": 4000}
_ANSWER_SECONDS = 10.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
check_option = click.option(
    "--check", is_flag=True, help="Start nothing: exit with 0 where the service is well, else with 1 and the reason."
)


def _port_option(name: str) -> Callable[..., Callable[..., None]]:
    return click.option(
        "--port", type=click.IntRange(1, 65535), default=_PORTS[name], show_default=True, help="Port to listen on."
    )


@click.group()
def command() -> None:
    """Run one service of a fleet until a signal; all of them on one machine are `tradematrix up`.

    Each needs TRADEMATRIX_DATABASE_URL. Web UI and daemon load the definitions from TRADEMATRIX_CODE_SERVER where it is
    set. Logs go to standard error, as JSON with TRADEMATRIX_LOG_FORMAT=json.
    """


@command.command()
@host_option
@_port_option("webserver")
@check_option
def webserver(*, host: str, port: int, check: bool) -> None:
    """Serve Dagster's web UI. It asks for no password: put a proxy before it that does."""
    settings = _fleet_settings()
    if check:
        _check_http(f"{ui_url(_EVERYWHERE.get(host, host), port)}/server_info")
        return
    _prepare(settings)
    _become(settings, dagster_programs.webserver(settings, host=host, port=port))


@command.command()
@check_option
def daemon(*, check: bool) -> None:
    """Run Dagster's daemon: schedules, sensors, the queue of runs. One of a fleet, never two."""
    settings = _fleet_settings()
    if check:
        _check_daemon(settings)
        return
    _prepare(settings)
    _become(settings, dagster_programs.daemon(settings))


@command.command("code-server")
@host_option
@_port_option("code-server")
@click.option("--image", help="Image that launchers which make a container a run make them of.")
@check_option
def code_server(*, host: str, port: int, image: str | None, check: bool) -> None:
    """Serve the definitions to web UI and daemon, and carry out their runs. It trusts whoever reaches its port."""
    settings = _fleet_settings()
    if check:
        _check_code_server(_EVERYWHERE.get(host, host), port)
        return
    _prepare(settings)
    _become(settings, dagster_programs.code_server(settings, host=host, port=port, image=image))


@command.command("celery-worker")
@click.option("--concurrency", type=click.IntRange(1, 64), default=2, show_default=True, help="Runs at the same time.")
@click.option(
    "--queue",
    "queues",
    multiple=True,
    help="Queue of Celery to take runs from; may be repeated. By default that of runs whose tags name none.",
)
@check_option
def celery_worker(*, concurrency: int, queues: tuple[str, ...], check: bool) -> None:
    """Carry out runs where TRADEMATRIX_LAUNCHER=celery. SIGTERM lets those in progress end first."""
    # Imported here: they bring in Dagster.
    from tradematrix_pipelines.defs.internals import celery_worker as worker  # noqa: PLC0415
    from tradematrix_pipelines.defs.internals.celery_app import QUEUE, make_app  # noqa: PLC0415

    settings = _fleet_settings()
    if check:
        _check_celery_worker()
        return
    make_app(settings)
    _prepare(settings)
    queues = queues or (QUEUE,)
    _become(settings, worker.arguments(concurrency=concurrency, queues=queues, level=settings.log_level))


@command.command()
@host_option
@_port_option("board")
@click.option("--dagster-url", help="Where Dagster's web UI is, for the board's links.")
@check_option
def board(*, host: str, port: int, dagster_url: str | None, check: bool) -> None:
    """Serve the board, as `tradematrix board` does; on another address than loopback it requires a token."""
    settings = _fleet_settings()
    if check:
        _check_http(f"{ui_url(_EVERYWHERE.get(host, host), port)}/readyz")
        return
    # Imported here: a web server takes long to import.
    from tradematrix_pipelines.board.listening import listen  # noqa: PLC0415
    from tradematrix_pipelines.board.server import serve  # noqa: PLC0415
    from tradematrix_pipelines.board.tokens import required_token  # noqa: PLC0415

    serve(
        settings,
        host=host,
        listener=listen(host, port),
        token=required_token(settings, host),
        dagster_url=dagster_url,
    )


def _fleet_settings() -> Settings:
    """Return the settings of a service. An embedded server would end with the process that started it."""
    settings = load_settings().model_copy(update={"require_database": True})
    check_named(settings)
    return settings


def _prepare(settings: Settings) -> None:
    """Open both databases once, so that what is wrong with them is one line, and the symbols are Dagster's.

    Raises:
        TradeMatrixError: one can't be used, or its schema is not to be changed and not the one of this code.
    """
    from tradematrix_pipelines.defs.internals.dagster_home import open_instance  # noqa: PLC0415 - slow, not for checks
    from tradematrix_pipelines.defs.partitions import sync_symbols  # noqa: PLC0415
    from tradematrix_pipelines.storage.database import Database  # noqa: PLC0415
    from tradematrix_pipelines.storage.symbols import read_symbols  # noqa: PLC0415

    with Database.open(settings) as database, open_instance(settings) as instance:
        sync_symbols(instance, [symbol.name for symbol in read_symbols(database.engine)])


def _become(settings: Settings, arguments: list[str]) -> None:
    """Turn this process into a Python module with its arguments."""
    sys.stdout.flush()
    environment = {**child_environment(settings), "TRADEMATRIX_REQUIRE_DATABASE": "1"}
    os.chdir(settings.dagster_home)
    os.execve(sys.executable, [sys.executable, "-m", *arguments], environment)  # noqa: S606 - our own interpreter


def _check_http(url: str) -> None:
    try:
        answer = httpx.get(url, timeout=_ANSWER_SECONDS)
    except httpx.HTTPError as error:
        raise TradeMatrixError(f"{url} does not answer ({error}): see the log of its service") from error
    if not answer.is_success:
        raise TradeMatrixError(f"{url} answers {answer.status_code}: {answer.text[:200]}")


def _check_daemon(settings: Settings) -> None:
    from tradematrix_pipelines.defs.internals.dagster_home import open_instance  # noqa: PLC0415 - see above

    with open_instance(settings) as instance:
        unwell = [name for name, status in instance.get_daemon_statuses().items() if status.healthy is False]
    if unwell:
        raise TradeMatrixError(f"no heartbeat of {', '.join(unwell).lower()} lately: see the daemon's log")


def _check_code_server(host: str, port: int) -> None:
    from tradematrix_pipelines.defs.internals.workspace import answers  # noqa: PLC0415 - see above

    if not answers(host, port):
        raise TradeMatrixError(f"the code server on {host}:{port} does not answer: see its log")


def _check_celery_worker() -> None:
    from tradematrix_pipelines.defs.internals.celery_worker import workers_here  # noqa: PLC0415 - see above

    if not workers_here():
        raise TradeMatrixError("no Celery worker of this machine answers: see its log")
