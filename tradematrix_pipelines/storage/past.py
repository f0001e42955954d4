"""The tables of coverage and levels as they were at an instant, from their histories.

Here: what stands in a query in the place of the table. Not here: the histories themselves, which triggers fill
(``migrations``), candles, which are read in bulk (``reading``), or the queries.

What was stored before histories were kept is known from its last write on.
"""

from datetime import datetime

from sqlalchemy import Subquery, Table, text

from tradematrix_pipelines.storage.tables import session_coverage

# The keys are the history's own columns, so that a condition on them uses its index.
_COVERAGE = """
    SELECT {columns} FROM session_coverage_history AS h
    CROSS JOIN LATERAL jsonb_populate_record(NULL::session_coverage, h.coverage) AS r
    WHERE h.stored_at <= :as_of AND (h.replaced_at > :as_of OR h.replaced_at IS NULL)
"""
_LEVELS = """
    SELECT {columns} FROM levels_history AS h
    CROSS JOIN LATERAL
        jsonb_populate_record(NULL::{table}, h.levels || jsonb_build_object('method', h.kind)) AS r
    WHERE (h.kind <> 'daily') = :pivots
        AND h.published_at <= :as_of AND (h.replaced_at > :as_of OR h.replaced_at IS NULL)
"""


def coverage_at(as_of: datetime) -> Subquery:
    """Return ``session_coverage`` at an instant (aware).

    ``attempts`` and ``checked_at`` are those of the row's last change before it.
    """
    own = {"symbol_id": "h.symbol_id", "timeframe": "h.timeframe", "trade_date": "h.trade_date"}
    query = _COVERAGE.format(columns=_columns(session_coverage, own))
    return text(query).bindparams(as_of=as_of).columns(*session_coverage.columns).subquery()


def levels_at(table: Table, as_of: datetime) -> Subquery:
    """Return ``levels_daily`` or ``pivot_levels`` at an instant (aware)."""
    own = {"symbol_id": "h.symbol_id", "trade_date": "h.trade_date", "computed_at": "h.published_at"}
    query = _LEVELS.format(columns=_columns(table, own), table=table.name)
    values = {"as_of": as_of, "pivots": "method" in table.columns}
    return text(query).bindparams(**values).columns(*table.columns).subquery()


def _columns(table: Table, own: dict[str, str]) -> str:
    return ", ".join(f"{own.get(name, f'r.{name}')} AS {name}" for name in table.columns.keys())  # noqa: SIM118  # its columns iterate as columns
