"""``tm.symbols``: the instruments that are stored."""

from typing import TYPE_CHECKING, Any, Literal, overload

import pyarrow as pa

from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.reader.formats import CATEGORY, Format, check_format, convert, table_of
from tradematrix_pipelines.reader.opening import open_to_read
from tradematrix_pipelines.storage.symbols import read_symbols

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = pa.schema(
    [
        pa.field("symbol", CATEGORY),
        pa.field("alias", pa.string()),
        pa.field("instrument", CATEGORY),
        pa.field("calendar", CATEGORY),
        pa.field("timezone", CATEGORY),
        pa.field("exchange", CATEGORY),
        pa.field("currency", CATEGORY),
        pa.field("tick_size", pa.float64()),
        pa.field("active", pa.bool_()),
    ]
)
"""The columns of the frame, as Arrow has them."""


@overload
def symbols(
    *, only_active: bool = False, as_: Literal["pandas"] = "pandas", url: str | None = None
) -> "pd.DataFrame": ...


@overload
def symbols(*, only_active: bool = False, as_: Literal["arrow", "polars"], url: str | None = None) -> Any: ...


def symbols(*, only_active: bool = False, as_: Format = "pandas", url: str | None = None) -> Any:
    """Return the symbols, in the order in which they were added.

    Columns: ``symbol``, ``alias``, ``instrument``, ``calendar`` and its ``timezone``, ``exchange``, ``currency``,
    ``tick_size`` (in price units) and ``active``.

    Args:
        only_active: leave out those that are deactivated.
        as_: ``pandas``, ``arrow`` or ``polars``.
        url: the database to read; ``None`` = that of the settings.
    """
    check_format(as_)
    with open_to_read(url) as (_, database):
        rows = [_row(symbol) for symbol in read_symbols(database.engine, only_active=only_active)]
    return convert(table_of(rows, SCHEMA), as_)


def _row(symbol: Symbol) -> dict[str, object]:
    names = ("alias", "calendar", "exchange", "currency", "tick_size", "active")
    return {name: getattr(symbol, name) for name in names} | {
        "symbol": symbol.name,
        "instrument": str(symbol.instrument),
        "timezone": calendar_of(symbol).timezone.key,
    }
