"""``tradematrix db-url``: the market database's URL, for other programs."""

from dataclasses import dataclass

import click
from sqlalchemy import URL

from tradematrix_pipelines.cli.common import open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.postgres.cluster import SUPERUSER
from tradematrix_pipelines.postgres.databases import DEFAULT_OPTIONS, MARKET_DATABASE
from tradematrix_pipelines.postgres.listening import tcp_password, tcp_port_of
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.api import READER, api_state, let_log_in
from tradematrix_pipelines.storage.database import Database


@dataclass(frozen=True, slots=True)
class _Printed:
    """A URL, and what a person has to know to use it."""

    url: URL
    note: str | None = None


@click.command()
@click.option(
    "--role",
    type=click.Choice(["owner", "reader"]),
    default="owner",
    show_default=True,
    help="reader: may read the views api.* and legacy.*, and nothing else.",
)
@json_option
def command(*, role: str, as_json: bool) -> None:
    """Print the URL of the market database, for psql, Jupyter, DuckDB or Grafana. It may contain a password.

    The embedded Postgres runs while `tradematrix up` does, and listens on a port with `up --pg-port`.
    """
    with open_database() as (settings, database):
        if role == "reader" and (advice := api_state(database.engine).advice) is not None:
            raise TradeMatrixError(f"there is no role to read with: {advice}")
        embedded = settings.database_url is None
        printed = _embedded(settings, database, role) if embedded else _given(database, role)
    url = printed.url.render_as_string(hide_password=False)
    if as_json:
        show([{"url": url, "role": role}], as_json=True)
        return
    click.echo(url)
    if printed.note is not None:
        click.echo(printed.note, err=True)


def _embedded(settings: Settings, database: Database, role: str) -> _Printed:
    user = READER if role == "reader" else SUPERUSER
    port = tcp_port_of(settings.home)
    if port is not None:
        password = tcp_password(settings.home)
        return _Printed(URL.create("postgresql", user, password, "127.0.0.1", port, MARKET_DATABASE))
    if role == "reader":
        let_log_in(database.engine, READER)
    url = _bare(database).set(username=user)
    return _Printed(url, "the embedded Postgres runs while `tradematrix up` does; `up --pg-port` lets it listen")


def _given(database: Database, role: str) -> _Printed:
    url = _bare(database)
    if role == "owner":
        return _Printed(url)
    named = URL.create("postgresql", READER, None, url.host, url.port, url.database, url.query)
    note = f"its password is not known here: ALTER ROLE {READER} LOGIN PASSWORD '…' sets one"
    return _Printed(named.difference_update_query(["user", "password"]), note)


def _bare(database: Database) -> URL:
    """Return the URL without what only our own connections need."""
    url = database.databases.market.set(drivername="postgresql")
    return url.difference_update_query(list(DEFAULT_OPTIONS))
