"""``tradematrix backup``: the databases as files.

Here: the command, and where each file is. Not here: the way back (``restore``), PostgreSQL's programs
(``postgres.clients``).
"""

from collections.abc import Iterator
from pathlib import Path

import click
from sqlalchemy import URL

from tradematrix_pipelines.cli.common import open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.postgres.clients import dump
from tradematrix_pipelines.postgres.databases import Databases
from tradematrix_pipelines.settings import child_environment

with_dagster_option = click.option(
    "--with-dagster", is_flag=True, help="Dagster's database too: runs, their logs, what the UI shows as materialized."
)


@click.command()
@click.option(
    "--to", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the dumps."
)
@with_dagster_option
@json_option
def command(*, folder: Path, with_dagster: bool, as_json: bool) -> None:
    """Write the market database to a file, as it is at one instant, whatever is written meanwhile.

    A file is there when it is whole: an earlier one stays until then.
    """
    with open_database() as (settings, database):
        folder.mkdir(parents=True, exist_ok=True)
        rows = []
        for name, url in parts(database.databases, with_dagster=with_dagster):
            file = dump_file(folder, name)
            dump(url, file, environment=child_environment(settings))
            rows.append({"database": name, "file": str(file), "bytes": file.stat().st_size})
    show(rows, as_json=as_json)


def names(*, with_dagster: bool) -> tuple[str, ...]:
    """Return the databases of a backup."""
    return ("market", "dagster") if with_dagster else ("market",)


def parts(databases: Databases, *, with_dagster: bool) -> Iterator[tuple[str, URL]]:
    """Yield the databases of a backup, and where each is."""
    for name in names(with_dagster=with_dagster):
        yield name, getattr(databases, name)


def dump_file(folder: Path, name: str) -> Path:
    """Return where the dump of a database lies."""
    return folder / f"{name}.dump"
