"""``tradematrix up``: the web UI and the daemon, as long as this command runs."""

import click

from tradematrix_pipelines.cli.common import open_market
from tradematrix_pipelines.cli.services import Services
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.storage.dagster_home import open_instance
from tradematrix_pipelines.storage.symbols import read_symbols

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address the UI listens on.")
port_option = click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Its port.")


@click.command()
@host_option
@port_option
def command(*, host: str, port: int) -> None:
    """Run the web UI and the daemon until Ctrl-C.

    Without TRADEMATRIX_DATABASE_URL the embedded Postgres runs with them, and stops after them.
    """
    with open_market() as (settings, market):
        with open_instance(settings) as instance:
            sync_symbols(instance, [symbol.name for symbol in read_symbols(market.engine)])
        Services(settings, host=host, port=port).run()
