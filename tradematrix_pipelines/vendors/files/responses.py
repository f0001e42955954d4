"""Reading one file of candles, CSV or Parquet, into a frame.

Columns: the time of the bar, open, high, low, close, and volume, which may be empty or absent; others are ignored.

Here: from file to frame. Not here: which file (``client``), what a text file says of its form (``dialects``), which
column is what (``columns``), what its times mean (``stamps``), or whether a price is plausible (the screening of
``candles``). An impossible number is accepted here, text is not.
"""

import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa

from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.vendors.errors import BadFile
from tradematrix_pipelines.vendors.files.columns import Columns, choose_columns
from tradematrix_pipelines.vendors.files.dialects import Dialect, read_dialect
from tradematrix_pipelines.vendors.files.options import Reading
from tradematrix_pipelines.vendors.files.source import Source
from tradematrix_pipelines.vendors.files.stamps import read_stamps

_EMPTY = ["", "NaN", "nan"]


def read_candle_file(path: Path, reading: Reading, *, dated_by: str | None = None) -> pd.DataFrame:
    """Return the candles of a file, sorted by ``ts``; rows of one ``ts`` stay, in the order of the file.

    Args:
        path: a file that ends in ``.csv`` or ``.parquet``.
        dated_by: the column that has the dates of daily bars, where that is another one.

    Raises:
        BadFile: it can't be read; the message names file, line and column of the first error.
    """
    frame = read_rows(path, reading, dated_by=dated_by)
    return frame if frame["ts"].is_monotonic_increasing else frame.sort_values("ts", kind="stable", ignore_index=True)


def read_rows(path: Path, reading: Reading, *, dated_by: str | None = None, limit: int | None = None) -> pd.DataFrame:
    """Return the same in the order of the file; the first ``limit`` rows, where one is given."""
    if path.suffix == ".parquet":
        source, raw = Source(path), _read_parquet(path).head(limit or sys.maxsize)
        columns = choose_columns([str(name) for name in raw.columns], path)
    else:
        dialect = read_dialect(path)
        source, columns = Source(path, dialect), choose_columns(dialect.names, path)
        raw = _read_csv(path, dialect, columns, limit)
    values = {name: _numbers(raw.iloc[:, place], source) for name, place in columns.prices.items()}
    stamps = raw[dated_by] if reading.daily and dated_by in raw.columns else _stamps(raw, columns)
    return as_candles(pd.DataFrame({"ts": read_stamps(stamps, source, reading), **values}))


def _stamps(raw: pd.DataFrame, columns: Columns) -> pd.Series:
    stamps = raw.iloc[:, columns.stamps]
    if columns.times is None:
        return stamps
    times = raw.iloc[:, columns.times]
    return (stamps.astype("str") + " " + times.astype("str")).rename(f"{stamps.name} {times.name}")


def _read_csv(path: Path, dialect: Dialect, columns: Columns, limit: int | None) -> pd.DataFrame:
    texts = [place for place in (columns.stamps, columns.times) if place is not None]
    try:
        frame = pd.read_csv(
            path,
            sep=dialect.separator,
            decimal=dialect.decimal,
            encoding=dialect.encoding,
            comment="#" if dialect.comments else None,
            header=0 if dialect.header else None,
            names=list(map(str, range(len(dialect.names)))),
            dtype={str(place): str for place in texts},
            keep_default_na=False,
            na_values=_EMPTY,
            skipinitialspace=True,
            nrows=limit,
            low_memory=False,
        )
    except (ValueError, OSError) as error:  # pandas' own parser errors are ValueErrors, bad UTF-8 is one too
        raise BadFile(f"{path} can't be read as CSV: {_one_line(error)}") from None
    if not isinstance(frame.index, pd.RangeIndex):  # pandas' way of taking rows that are longer than the header
        raise BadFile(f"{path} can't be read as CSV: its rows have more fields than its first line has names")
    return frame.set_axis(list(dialect.names), axis=1)


def _read_parquet(path: Path) -> pd.DataFrame:
    if path.is_dir():
        raise BadFile(f"{path} is a folder, not a file: put its files into the folder above, or remove it")
    try:
        frame = pd.read_parquet(path)
    except (ValueError, OSError, pa.ArrowException) as error:
        raise BadFile(f"{path} can't be read as Parquet: {_one_line(error)}") from None
    if isinstance(frame.index, pd.DatetimeIndex):
        name = "ts" if frame.index.name is None else str(frame.index.name)
        return frame.rename_axis(index=name).reset_index()
    return frame


def _numbers(column: pd.Series, source: Source) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype("float64")
    texts = column.astype("str")
    if source.dialect is not None and source.dialect.decimal == ",":
        source.refuse(column, texts.str.contains(".", regex=False) & column.notna(), "is not a number with a comma")
        texts = texts.str.replace(",", ".", regex=False)
    numbers = pd.Series(pd.to_numeric(texts, errors="coerce"), dtype="float64")
    source.refuse(column, numbers.isna() & column.notna(), "is not a number")
    return numbers


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
