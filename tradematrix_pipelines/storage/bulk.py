"""Many rows in one statement, for tables that are too small for COPY and too big for a statement a row.

Here: rows as arrays. Not here: candles, which have a way of their own (``copy``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Table, cast, column, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY


def select_rows(table: Table, rows: Sequence[Mapping[str, Any]]) -> Select[Any]:
    """Return a query of these rows, one array a column: what ``INSERT … SELECT`` takes.

    PostgreSQL plans and parses it once; a statement a row costs ten times as much for a hundred rows.

    Args:
        rows: at least one; each has the same columns of ``table``, in the same order.
    """
    columns = [table.c[name] for name in rows[0]]
    arrays = [cast(literal([row[one.name] for row in rows], ARRAY(one.type)), ARRAY(one.type)) for one in columns]
    values = func.unnest(*arrays).table_valued(*(column(one.name, one.type) for one in columns)).render_derived()
    return select(*values.c)
