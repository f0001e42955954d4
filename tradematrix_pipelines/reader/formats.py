"""The libraries whose frames the reader returns.

Here: from an Arrow table to a frame. Not here: which columns it has.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import pyarrow as pa

from tradematrix_pipelines.errors import UsageError

Format = Literal["pandas", "arrow", "polars"]
CATEGORY = pa.dictionary(pa.int32(), pa.string())
"""Text with a handful of values."""
INSTANT = pa.timestamp("us", tz="UTC")


def check_format(as_: str) -> None:
    """Check that frames of this name can be made.

    Raises:
        UsageError: there are none, or the library is not installed.
    """
    if as_ not in get_args(Format):
        raise UsageError(f"as_={as_!r} is none of {', '.join(get_args(Format))}")
    if as_ == "polars":
        _polars()


def convert(table: pa.Table, as_: str) -> Any:
    """Return a table as a frame of the library ``as_``. The table is not to be used afterwards."""
    match as_:
        case "arrow":
            return table
        case "polars":
            return _polars().from_arrow(table)
        case _:
            # Column by column: neither a consolidated copy, nor the Arrow column beside the one of pandas.
            return table.to_pandas(date_as_object=False, split_blocks=True, self_destruct=True)


def table_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return rows as a table; a value that a row does not have is null."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def _polars() -> Any:
    try:
        return importlib.import_module("polars")
    except ImportError:
        raise UsageError("as_='polars' needs the extra polars: pip install 'tradematrix-pipelines[polars]'") from None
