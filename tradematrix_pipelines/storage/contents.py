"""What a database holds: whether it has tables, and how many rows each of ours has."""

from sqlalchemy import Engine, func, select, text

from tradematrix_pipelines.storage.tables import metadata

_HAS_TABLES = text("""
    SELECT EXISTS (
        SELECT FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
        WHERE nspname IN (current_schema(), 'api', 'legacy') AND relkind IN ('r', 'p', 'v', 'm', 'f')
    )
""")


def is_empty(engine: Engine) -> bool:
    """Return whether a database has no table where ours would lie."""
    with engine.connect() as connection:
        return not connection.execute(_HAS_TABLES).scalar_one()


def count_rows(engine: Engine) -> dict[str, int]:
    """Return how many rows each table has; one without any is absent."""
    with engine.connect() as connection:
        counts = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
    return {name: count for name, count in counts.items() if count}
