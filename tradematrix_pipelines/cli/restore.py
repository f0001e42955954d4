"""``tradematrix restore``: an empty database, filled from a backup."""

from pathlib import Path

import click
from sqlalchemy import URL, create_engine

from tradematrix_pipelines.cli.backup import dump_file, names, parts, with_dagster_option
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.postgres.clients import restore
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import child_environment, load_settings
from tradematrix_pipelines.storage.contents import count_rows, is_empty
from tradematrix_pipelines.storage.database import prepare
from tradematrix_pipelines.storage.schema import grant_views
from tradematrix_pipelines.storage.symbols import read_symbols


@click.command()
@click.option(
    "--from", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the dumps."
)
@with_dagster_option
@json_option
def command(*, folder: Path, with_dagster: bool, as_json: bool) -> None:
    """Fill an empty database from a backup, and bring its schema up to date.

    That of a new TRADEMATRIX_HOME, or a new one that TRADEMATRIX_DATABASE_URL names; one with tables is refused.
    `tradematrix compare --with URL` compares it with the one that the backup is of.
    """
    settings = load_settings().model_copy(update={"auto_migrate": True})
    for name in names(with_dagster=with_dagster):
        if not dump_file(folder, name).is_file():
            raise UsageError(f"there is no {dump_file(folder, name)}: name the folder that `tradematrix backup` filled")
    with open_databases(settings) as databases:
        chosen = list(parts(databases, with_dagster=with_dagster))
        for name, url in chosen:
            _check_empty(name, url)
        for name, url in chosen:
            restore(url, dump_file(folder, name), environment=child_environment(settings))
        engine = create_engine(databases.market)
        try:
            prepare(engine, now=settings.clock.now())
            grant_views(engine)
            rows = count_rows(engine)
            with open_instance(settings) as instance:
                sync_symbols(instance, [symbol.name for symbol in read_symbols(engine)])
        finally:
            engine.dispose()
    show([{"table": name, "rows": count} for name, count in rows.items()], as_json=as_json, title="Restored")


def _check_empty(name: str, url: URL) -> None:
    engine = create_engine(url)
    try:
        if not is_empty(engine):
            variable = "TRADEMATRIX_DATABASE_URL" if name == "market" else "TRADEMATRIX_DAGSTER_DATABASE_URL"
            raise UsageError(
                f"database {url.database!r} has tables: restore into a new one, named by {variable}, or with a "
                "TRADEMATRIX_HOME of its own"
            )
    finally:
        engine.dispose()
