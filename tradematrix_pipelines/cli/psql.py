"""``tradematrix psql``: the bundled client on the market database."""

import subprocess
import sys

import click

from tradematrix_pipelines.cli.common import open_market
from tradematrix_pipelines.settings import child_environment
from tradematrix_pipelines.storage.programs import bin_dir


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Open psql on the market database; arguments are passed on: psql -At -c "select count(*) from ohlc"."""
    with open_market() as (settings, market):
        url = market.databases.market.set(drivername="postgresql")
        # The password goes through the environment: an argument could be read by every user of the machine.
        environment = child_environment(settings) | ({"PGPASSWORD": str(url.password)} if url.password else {})
        done = subprocess.run(  # noqa: S603 - the bundled client, with the user's own arguments
            [bin_dir() / "psql", "-X", url.set(password=None).render_as_string(), *arguments],
            env=environment,
            check=False,
        )
    sys.exit(done.returncode)
