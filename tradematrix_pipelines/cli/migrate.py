"""``tradematrix migrate``: brings the market database's schema up to date."""

import click
from sqlalchemy import create_engine

from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import prepare


@click.command()
def command() -> None:
    """Bring the schema up to date. Every command does so at its start. Idempotent."""
    with open_databases(load_settings()) as databases:
        engine = create_engine(databases.market)
        try:
            applied = prepare(engine)
        finally:
            engine.dispose()
    click.echo(f"applied {', '.join(applied)}" if applied else "up to date")
