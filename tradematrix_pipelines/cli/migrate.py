"""``tradematrix migrate``: brings the market database's schema up to date, and Dagster's partitions with it."""

import click
from sqlalchemy import create_engine

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import prepare
from tradematrix_pipelines.storage.schema import make_missing_views
from tradematrix_pipelines.storage.symbols import read_symbols


@click.command()
def command() -> None:
    """Bring the schema up to date; every command does so at its start, unless TRADEMATRIX_AUTO_MIGRATE=0. Idempotent.

    Creates both databases where they are missing, with Dagster's tables. A fleet runs it before its services start.
    """
    settings = load_settings().model_copy(update={"auto_migrate": True})
    with open_databases(settings) as databases:
        engine = create_engine(databases.market)
        try:
            applied = prepare(engine, now=settings.clock.now())
            views = make_missing_views(engine)
            with open_instance(settings) as instance:
                sync_symbols(instance, [symbol.name for symbol in read_symbols(engine)])
        finally:
            engine.dispose()
    if views:
        click.echo("the views api.* and legacy.* are there now")
    click.echo(f"applied {', '.join(applied)}" if applied else "up to date")
