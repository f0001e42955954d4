"""Reading one file of candles, CSV or Parquet, into a frame.

Columns: ``ts`` (bar open: an ISO instant with its zone; for daily bars a date, or its midnight with a zone), open,
high, low, close, and volume, which may be empty or absent; others are ignored.

Here: the format of a file. Not here: which file (``client``), or whether a price is plausible (the screening of
``candles``). An impossible number is accepted here, text is not.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from tradematrix_pipelines.candles.frame import PRICES, VALUES, as_candles
from tradematrix_pipelines.vendors.errors import BadFile

_ZONED = r"(?:[Zz]|[+-]\d{2}:?\d{2})$"
_DATE = r"\d{4}-\d{2}-\d{2}"
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})$", re.ASCII)
_EMPTY = ["", "NaN", "nan"]


def read_candle_file(path: Path, *, daily: bool, dated_by: str = "ts") -> pd.DataFrame:
    """Return the candles of a file, sorted by ``ts``; rows of one ``ts`` stay, in the order of the file.

    Args:
        path: a file that ends in ``.csv`` or ``.parquet``.
        daily: whether these are daily bars: their ``ts`` is a date, or the midnight of one in the zone that it names.
        dated_by: the column that has the dates of daily bars, where that is another one.

    Raises:
        BadFile: it can't be read; the message names file, line and column of the first error.
    """
    raw = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    missing = [name for name in ("ts", *PRICES) if name not in raw.columns]
    if missing:
        raise BadFile(f"{path}: line 1: no column {missing[0]!r}; a file of candles has ts, {', '.join(VALUES)}")
    columns = {name: _numbers(raw[name], path) for name in VALUES if name in raw.columns}
    stamps = raw[dated_by if daily and dated_by in raw.columns else "ts"]
    frame = as_candles(pd.DataFrame({"ts": _instants(stamps, path, daily=daily), **columns}))
    return frame if frame["ts"].is_monotonic_increasing else frame.sort_values("ts", kind="stable", ignore_index=True)


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, keep_default_na=False, na_values=_EMPTY, dtype={"ts": str}, low_memory=False)
    except (ValueError, OSError) as error:  # pandas' own parser errors are ValueErrors, bad UTF-8 is one too
        raise BadFile(f"{path} can't be read as CSV: {_one_line(error)}") from None
    if not isinstance(frame.index, pd.RangeIndex):  # pandas' way of taking rows that are longer than the header
        raise BadFile(f"{path} can't be read as CSV: its rows have more fields than its first line has names")
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (ValueError, OSError, pa.ArrowException) as error:
        raise BadFile(f"{path} can't be read as Parquet: {_one_line(error)}") from None


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype("float64")
    numbers = pd.Series(pd.to_numeric(column.astype("str"), errors="coerce"), dtype="float64")
    _refuse(column, numbers.isna() & column.notna(), path, "is not a number")
    return numbers


def _instants(column: pd.Series, path: Path, *, daily: bool) -> pd.Series:
    zoned = isinstance(column.dtype, pd.DatetimeTZDtype)
    instants = column.dt.tz_convert("UTC") if zoned else _parsed_instants(column, path, daily=daily)
    _refuse(column, instants.isna(), path, "is not an instant")
    return _days(column, instants, path) if daily else instants


def _days(column: pd.Series, instants: pd.Series, path: Path) -> pd.Series:
    """Return the trade date of each daily bar, as midnight UTC: the one that the stamp has in its own zone."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        local = column.dt.tz_localize(None).dt.tz_localize("UTC")
    else:
        local = instants + pd.to_timedelta(column.astype("str").map(_offset_seconds), unit="s")
    days: pd.Series = local.dt.normalize()
    # 22:00 UTC may be a midnight in Berlin or a bar of the evening: the trade date is ambiguous.
    _refuse(column, local != days, path, "is not a midnight in its zone: write the trade date, like 2026-01-05")
    return days


def _offset_seconds(text: str) -> int:
    """Return how far ahead of UTC the zone at the end of a stamp is; 0 for a date."""
    match = _OFFSET.search(text)
    if match is None:
        return 0
    seconds = 3600 * int(match["hours"]) + 60 * int(match["minutes"])
    return -seconds if match["sign"] == "-" else seconds


def _parsed_instants(column: pd.Series, path: Path, *, daily: bool) -> pd.Series:
    texts = column.astype("str")
    dates = texts.str.fullmatch(_DATE) if daily else pd.Series(data=False, index=texts.index)
    _refuse(
        column,
        column.notna() & ~(texts.str.contains(_ZONED) | dates),
        path,
        "has no time zone: write instants in UTC, like 2026-01-04T22:05:00Z",
    )
    return pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")


def _refuse(column: pd.Series, bad: pd.Series, path: Path, why: str) -> None:
    """Raise for the first row that is marked bad."""
    rows = np.flatnonzero(bad.to_numpy(dtype=bool, na_value=False))
    if rows.size:
        row = int(rows[0])
        value = column.iloc[row]
        shown = "" if pd.isna(value) else str(value)
        raise BadFile(f"{path}: {_place(path, row)}, column {column.name!r}: {shown!r} {why}")


def _place(path: Path, row: int) -> str:
    """Return where a row of the frame is in the file: CSV skips blank lines, so lines are counted again."""
    if path.suffix != ".csv":
        return f"row {row + 1}"
    with path.open(encoding="utf-8") as lines:
        filled = [number for number, line in enumerate(lines, start=1) if line.strip()]
    return f"line {filled[row + 1]}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
