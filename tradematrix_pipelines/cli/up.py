"""``tradematrix up``: runs the web UI and the daemon."""

import click

from tradematrix_pipelines.cli.one_up import OneUp
from tradematrix_pipelines.cli.services import Services, check_port, ui_url
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address the UI listens on.")
port_option = click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Its port.")


@click.command()
@host_option
@port_option
def command(*, host: str, port: int) -> None:
    """Run the web UI and the daemon until Ctrl-C, `tradematrix stop`, or the terminal's end.

    Only one runs per home. Without TRADEMATRIX_DATABASE_URL the embedded Postgres starts and stops with them.
    """
    settings = load_settings()
    with OneUp(settings.home, url=ui_url(host, port)) as up:
        check_port(host, port)
        with Database.open(settings) as database:
            with open_instance(settings) as instance:
                sync_symbols(instance, [symbol.name for symbol in read_symbols(database.engine)])
            Services(settings, host=host, port=port, up=up).run()
