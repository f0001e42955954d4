"""``tradematrix psql``: the bundled client on the market database."""

import subprocess
import sys

import click

from tradematrix_pipelines.cli.common import open_database
from tradematrix_pipelines.postgres.clients import for_client
from tradematrix_pipelines.postgres.programs import bin_dir
from tradematrix_pipelines.settings import child_environment


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Open psql on the market database; arguments are passed on: psql -At -c "select count(*) from ohlc"."""
    with open_database() as (settings, database):
        url, environment = for_client(database.databases.market, child_environment(settings))
        done = subprocess.run(  # noqa: S603 - the bundled client, with the user's own arguments
            [bin_dir() / "psql", "-X", url, *arguments], env=environment, check=False
        )
    sys.exit(done.returncode)
