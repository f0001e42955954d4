"""``tradematrix up``: runs the web UI, the daemon and the board."""

import socket
from contextlib import nullcontext

import click
from click.core import ParameterSource

from tradematrix_pipelines.cli.one_up import OneUp
from tradematrix_pipelines.cli.services import Services, check_port, listen_for_board, ui_url
from tradematrix_pipelines.cli.stored_history import with_stored_history
from tradematrix_pipelines.cli.supervision import say
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.postgres.cluster import SUPERUSER
from tradematrix_pipelines.postgres.listening import listen_on, tcp_password
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.api import READER, let_log_in
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address the UI listens on.")
port_option = click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Its port.")
board_port_option = click.option(
    "--board-port",
    type=click.IntRange(0, 65535),
    default=3001,
    show_default=True,
    help="Port of the board; where it is taken and not asked for, the next free one. 0 = no board.",
)
no_board_option = click.option("--no-board", is_flag=True, help="No board.")


@click.command()
@host_option
@port_option
@board_port_option
@no_board_option
@click.option(
    "--pg-port",
    type=click.IntRange(1, 65535),
    help="The embedded Postgres listens on this port of 127.0.0.1, too; `tradematrix db-url` has the password.",
)
@click.pass_context
def command(ctx: click.Context, *, host: str, port: int, board_port: int, no_board: bool, pg_port: int | None) -> None:
    """Run the web UI, the daemon and the board until Ctrl-C, `tradematrix stop`, or the terminal's end.

    Only one runs per home. Without TRADEMATRIX_DATABASE_URL the embedded Postgres starts and stops with them.
    """
    settings = load_settings()
    if pg_port is not None and settings.database_url is not None:
        raise UsageError("--pg-port is for the embedded Postgres: TRADEMATRIX_DATABASE_URL names another server")
    if pg_port is not None and settings.require_database:
        raise UsageError("--pg-port is for the embedded Postgres, which TRADEMATRIX_REQUIRE_DATABASE does not allow")
    with OneUp(settings.home, url=ui_url(host, port)) as up:
        check_port(host, port)
        board = board_socket(ctx, host, board_port, no_board=no_board, beside=port)
        with (
            nullcontext() if pg_port is None else listen_on(settings.home, pg_port),
            Database.open(settings) as database,
        ):
            if pg_port is not None:
                for role in (SUPERUSER, READER):
                    let_log_in(database.engine, role, password=tcp_password(settings.home))
                say(f"Postgres on 127.0.0.1:{pg_port} - `tradematrix db-url` prints its URL")
            with open_instance(settings) as instance:
                sync_symbols(instance, [symbol.name for symbol in read_symbols(database.engine)])
            settings = with_stored_history(settings, database)
            Services(settings, host=host, port=port, board=board, up=up).run()


def board_socket(ctx: click.Context, host: str, port: int, *, no_board: bool, beside: int) -> socket.socket | None:
    """Return the socket of the board that a command's options ask for; ``None`` = there is none."""
    named = ctx.get_parameter_source("board_port") is not ParameterSource.DEFAULT
    return listen_for_board(host, 0 if no_board else port, beside=beside, named=named)
