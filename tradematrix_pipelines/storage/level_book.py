"""The rows of ``levels``: the level book, and its replaced versions in ``level_revisions``.

Here: writing and reading. Not here: what a level is (``levels.book``), or the candles that it comes from
(``book_inputs``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Select, delete, insert, select, tuple_, union_all
from sqlalchemy.dialects.postgresql import insert as upsert

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.levels.book.kinds import KINDS
from tradematrix_pipelines.levels.book.model import BookLevel, Kind
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.bulk import select_rows
from tradematrix_pipelines.storage.stamps import stamp
from tradematrix_pipelines.storage.tables import level_revisions, levels, market_symbols

if TYPE_CHECKING:  # see candles.frame
    import pandas as pd

_KEY = ("symbol_id", "trade_date", "kind", "name")
_VALUES = ("price", "unit", "known_at", "timeframe", "first_date", "last_date", "verdict")


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionBook:
    """The levels of one session, as they are stored.

    Attributes:
        doubtful: those that come from a doubtful session, by kind and name.
        whole: kinds of which the session has no other levels: stored ones that are not among ``levels`` are dropped.
    """

    symbol: Symbol
    trade_date: date
    levels: Sequence[BookLevel]
    doubtful: frozenset[tuple[Kind, str]] = frozenset()
    whole: Collection[Kind] = ()


def write_books(engine: Engine, books: Sequence[SessionBook], *, now: datetime) -> int:
    """Store the books in one transaction; return how many levels are new, changed or dropped.

    A level that stays as it is is not written.

    Args:
        now: stamp of new and changed levels, aware, UTC.
    """
    with engine.begin() as connection:
        stamp(connection, now)
        stored = _read_stored(connection, books)
        rows = {_key(row): row for book in books for row in (_row(book, level) for level in book.levels)}
        changed = [row for key, row in rows.items() if _differs(row, stored.get(key))]
        if changed:
            _upsert(connection, changed)
        whole = {(book.symbol.id, book.trade_date): book.whole for book in books}
        gone = [
            row
            for key, row in stored.items()
            if key not in rows and row["kind"] in whole[row["symbol_id"], row["trade_date"]]
        ]
        if gone:
            _drop(connection, gone)
    return len(changed) + len(gone)


def read_book(
    engine: Engine,
    symbols: Sequence[Symbol],
    first: date,
    last: date,
    *,
    kinds: Collection[Kind] = (),
    as_of: datetime | None = None,
) -> "pd.DataFrame":
    """Return the levels between two trade dates, both included, with a ``symbol`` column instead of its id.

    In the order of dates, symbols, kinds, ``known_at`` and prices, the highest first.

    Args:
        kinds: those to return; all where there are none.
        as_of: return what was published at this instant, aware; ``None`` = now.
    """
    import pandas as pd  # noqa: PLC0415 - see candles.frame

    rows = _rows(as_of).subquery()
    query = select(market_symbols.c.symbol, *(column for column in rows.c if column.name != "symbol_id")).join_from(
        rows, market_symbols, rows.c.symbol_id == market_symbols.c.id
    )
    query = query.where(
        rows.c.symbol_id.in_([symbol.id for symbol in symbols]), rows.c.trade_date.between(first, last)
    ).order_by(rows.c.trade_date, rows.c.symbol_id, rows.c.known_at, rows.c.price.desc(), rows.c.name)
    if kinds:
        query = query.where(rows.c.kind.in_([str(kind) for kind in kinds]))
    with engine.connect() as connection:
        result = connection.execute(query)
        frame = pd.DataFrame(result.all(), columns=list(result.keys()))
    order = {str(kind): place for place, kind in enumerate(KINDS)}
    return frame.sort_values(
        ["trade_date", "symbol", "kind"], key=lambda column: column.map(order) if column.name == "kind" else column,
        kind="stable", ignore_index=True,
    )  # fmt: skip


def _rows(as_of: datetime | None) -> Select[Any]:
    columns = (*_KEY, *_VALUES, "published_at")
    present = select(*(levels.c[name] for name in columns))
    if as_of is None:
        return present
    replaced = select(*(level_revisions.c[name] for name in columns)).where(level_revisions.c.replaced_at > as_of)
    both = union_all(present, replaced).subquery()
    return select(*(both.c[name] for name in columns)).where(both.c.published_at <= as_of)


def _read_stored(connection: Connection, books: Sequence[SessionBook]) -> dict[tuple[Any, ...], Mapping[Any, Any]]:
    sessions = [(book.symbol.id, book.trade_date) for book in books]
    query = select(levels).where(tuple_(levels.c.symbol_id, levels.c.trade_date).in_(sessions))
    return {_key(row): row for row in connection.execute(query).mappings()}


def _upsert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    statement = upsert(levels).from_select(list(rows[0]), select_rows(levels, rows))
    new = {name: statement.excluded[name] for name in _VALUES}
    connection.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=new))


def _drop(connection: Connection, rows: Sequence[Mapping[Any, Any]]) -> None:
    connection.execute(insert(level_revisions), [dict(row) for row in rows])
    keys = tuple_(*(levels.c[name] for name in _KEY))
    connection.execute(delete(levels).where(keys.in_([_key(row) for row in rows])))


def _key(row: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _KEY)


def _differs(row: Mapping[str, Any], stored: Mapping[Any, Any] | None) -> bool:
    return stored is None or any(row[name] != stored[name] for name in _VALUES)


def _row(book: SessionBook, level: BookLevel) -> dict[str, Any]:
    doubtful = (level.kind, level.name) in book.doubtful
    return {
        "symbol_id": book.symbol.id,
        "trade_date": book.trade_date,
        "kind": str(level.kind),
        "name": level.name,
        "price": level.price,
        "unit": str(level.unit),
        "known_at": level.known_at,
        "timeframe": str(level.source.timeframe),
        "first_date": level.source.first,
        "last_date": level.source.last,
        "verdict": str(Verdict.DOUBTFUL if doubtful else Verdict.ACCEPTED),
    }
