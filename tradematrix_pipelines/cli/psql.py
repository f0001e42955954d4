"""``tradematrix psql``: the bundled client on the market database."""

import subprocess
import sys

import click
from sqlalchemy import URL

from tradematrix_pipelines.cli.common import open_database
from tradematrix_pipelines.postgres.programs import bin_dir
from tradematrix_pipelines.settings import child_environment


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Open psql on the market database; arguments are passed on: psql -At -c "select count(*) from ohlc"."""
    with open_database() as (settings, database):
        url, password = _without_password(database.databases.market)
        # In the environment: an argument could be read by every user of the machine.
        environment = child_environment(settings) | ({"PGPASSWORD": password} if password else {})
        done = subprocess.run(  # noqa: S603 - the bundled client, with the user's own arguments
            [bin_dir() / "psql", "-X", url, *arguments], env=environment, check=False
        )
    sys.exit(done.returncode)


def _without_password(url: URL) -> tuple[str, str | None]:
    """Return the URL for libpq without its password, and the password."""
    option = url.query.get("password")
    password = url.password or (option if isinstance(option, str) else None)
    # `URL.set(password=None)` would leave the password, and show it as ***.
    bare = URL.create(
        "postgresql", username=url.username, host=url.host, port=url.port, database=url.database, query=url.query
    )
    return bare.difference_update_query(["password"]).render_as_string(), password
