"""What readers of the old system need: its symbols' ids, and the views of the schema ``legacy``.

Not here: what the views show (``migrations``).
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import Engine, text

from tradematrix_pipelines.storage.tables import market_symbols

_STATE = text("""
    SELECT current_database() AS database, current_user AS owner, to_regclass('legacy.ohlc') IS NOT NULL AS views,
        EXISTS (SELECT FROM session_coverage WHERE source = :source) AS imported
""")


def keep_ids(engine: Engine, ids: Mapping[str, str]) -> int:
    """Give symbols the ids that they had in the old system, so that its readers find them; return how many changed.

    Args:
        ids: by symbol; those that are no uuids are left out.
    """
    changed = 0
    with engine.begin() as connection:
        for symbol, written in ids.items():
            if (known := _uuid(written)) is None:
                continue
            table = market_symbols
            row = table.c.symbol == symbol, table.c.legacy_id != known
            changed += connection.execute(table.update().where(*row).values(legacy_id=known)).rowcount
    return changed


def missing_legacy_views(engine: Engine, source: str) -> str | None:
    """Return what to do where candles of ``source`` are stored and the views for its readers are not there."""
    with engine.connect() as connection:
        row = connection.execute(_STATE, {"source": source}).one()
    if row.views or not row.imported:
        return None
    return (
        f'the old system\'s readers have no schema legacy: have run GRANT CREATE ON DATABASE "{row.database}" '
        f'TO "{row.owner}", then `tradematrix migrate`'
    )


def _uuid(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None
