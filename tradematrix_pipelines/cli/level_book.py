"""What ``tradematrix levels --book`` prints: the level book of a session.

Here: rows of ``levels`` as a table or JSON. Not here: the command itself (``levels``).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.cli.common import simulated_title
from tradematrix_pipelines.cli.output import drop_usual, is_piped, note, price, show
from tradematrix_pipelines.levels.book.kinds import parse_kinds
from tradematrix_pipelines.levels.book.model import Unit
from tradematrix_pipelines.levels.pivots import Method
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_book import read_book


def show_book(
    database: Database,
    sessions: Sequence[tuple[Symbol, date]],
    *,
    kinds: Sequence[str] = (),
    method: Method | None = None,
    as_of: datetime | None = None,
    as_json: bool,
) -> None:
    """Print the book of each symbol's session of a trade date, as it is or was at ``as_of``.

    On a terminal, each has a table of its own.

    Args:
        method: whose pivot points a terminal shows, ``None`` for all; the others are many.

    Raises:
        UsageError: there is no kind of such a name.
    """
    wanted, absent = parse_kinds(kinds), []
    books: list[list[dict[str, Any]]] = []
    for symbol, day in sessions:
        levels = read_book(database.engine, [symbol], day, day, kinds=wanted, as_of=as_of)
        books.append([_row(symbol, row, as_json=as_json) for row in levels.to_dict("records")])
        if levels.empty:
            missing = f"run `tradematrix backfill {symbol.name} --from …`" if as_of is None else "not then"
            absent.append(f"{symbol.name} {day}: no level book is stored: {missing}")
    rows = [row for book in books for row in book]
    if as_json:
        show(rows, as_json=True)
    elif rows:
        drop_usual(rows, "verdict", str(Verdict.ACCEPTED))
        simulated = simulated_title(database)
        if is_piped():
            show(rows, as_json=False, title=simulated)
        for book in () if is_piped() else filter(None, books):
            _print(book, method, simulated)
    for line in absent:
        note(line, as_json=as_json)


def _of_method(rows: Sequence[dict[str, Any]], method: Method) -> list[dict[str, Any]]:
    """Return the rows without the pivot points of other methods."""
    others = tuple(f"{known} " for known in Method if known is not method)
    return [row for row in rows if not (row["kind"].endswith("_pivots") and row["name"].startswith(others))]


def _print(rows: Sequence[dict[str, Any]], method: Method | None, simulated: str | None) -> None:
    """Print one book, with what its rows have in common as the title."""
    title = f"{rows[0]['symbol']} {rows[0]['trade_date']:%a %Y-%m-%d}" + (f", {simulated}" if simulated else "")
    shown = rows if method is None else _of_method(rows, method)
    own = [{name: value for name, value in row.items() if name not in {"symbol", "trade_date"}} for row in shown]
    show(own, as_json=False, title=title, optional=("known_at", "unit"))


def _row(symbol: Symbol, row: Mapping[Any, Any], *, as_json: bool) -> dict[str, object]:
    source = {name: row[name] for name in ("timeframe", "first_date", "last_date")}
    ratio = row["unit"] == str(Unit.RATIO)
    number = f"{row['price']:.3f}" if ratio else price(row["price"], symbol.tick_size)
    return {
        "symbol": symbol.name,
        "trade_date": row["trade_date"],
        "kind": row["kind"],
        "name": row["name"],
        "price": row["price"] if as_json else number,
        "unit": row["unit"],
        "known_at": row["known_at"].to_pydatetime().astimezone(UTC),
        "verdict": row["verdict"],
        **(source if as_json else {}),
    }
