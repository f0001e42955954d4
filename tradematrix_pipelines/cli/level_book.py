"""What ``tradematrix levels --book`` prints: the level book of a session.

Here: rows of ``levels`` as a table or JSON. Not here: the command itself (``levels``).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.cli.output import drop_usual, price, show
from tradematrix_pipelines.levels.book.kinds import parse_kinds
from tradematrix_pipelines.levels.book.model import Unit
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_book import read_book


def show_book(
    database: Database,
    sessions: Sequence[tuple[Symbol, date]],
    *,
    kinds: Sequence[str] = (),
    as_of: datetime | None = None,
    as_json: bool,
) -> None:
    """Print the book of each symbol's session of a trade date, as it is or was at ``as_of``.

    Raises:
        UsageError: there is no kind of such a name.
    """
    wanted, rows = parse_kinds(kinds), []
    for symbol, day in sessions:
        levels = read_book(database.engine, [symbol], day, day, kinds=wanted, as_of=as_of)
        rows += [_row(symbol, row, as_json=as_json) for row in levels.to_dict("records")]
    if not as_json:
        drop_usual(rows, "verdict", str(Verdict.ACCEPTED))
    first = sessions[0][0].name if sessions else "SYMBOL"
    missing = f"no level book stored: run `tradematrix backfill {first} --from …`"
    show(rows, as_json=as_json, empty=missing if as_of is None else "no level book was stored then")


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
