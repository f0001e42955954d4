"""The history of sessions while they were open, which grows with each live pull.

Here: counting and thinning it. Not here: how versions are kept (triggers, in ``migrations``), or how they are read
(``past``).
"""

from datetime import datetime

from sqlalchemy import Engine, text

_COUNT = text("SELECT count(*) FROM session_coverage_history WHERE NOT (coverage ->> 'final')::boolean")
# The last version before the final one stays: what was known at the close.
_THIN = text("""
    DELETE FROM session_coverage_history AS version
    WHERE NOT (coverage ->> 'final')::boolean AND replaced_at < :before AND EXISTS (
        SELECT FROM session_coverage_history AS later
        WHERE later.symbol_id = version.symbol_id AND later.timeframe = version.timeframe
            AND later.trade_date = version.trade_date AND later.id > version.id
            AND NOT (later.coverage ->> 'final')::boolean
    )
""")


def count_open_versions(engine: Engine) -> int:
    """Return how many versions of sessions that were not final are kept."""
    with engine.connect() as connection:
        return int(connection.execute(_COUNT).scalar_one())


def thin_open_versions(engine: Engine, *, before: datetime) -> int:
    """Delete those replaced before an instant (aware, UTC), but for the last of each session; return how many."""
    with engine.begin() as connection:
        return connection.execute(_THIN, {"before": before}).rowcount
