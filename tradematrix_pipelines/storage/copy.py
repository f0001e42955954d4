"""Candles as the bytes of PostgreSQL's ``COPY … WITH (FORMAT binary)``.

Whole columns at once through a numpy structured array with big-endian fields: no Python object per value.
The format is documented in the PostgreSQL manual under COPY, "Binary Format".
"""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.candles.frame import PRICES, instants
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.sessions import to_instant

COPY_COLUMNS = ("ts", *PRICES, "volume", "symbol_id", "timeframe", "source", "stored_at")
"""The order in which :func:`encode` writes; it is the order of the columns in ``ohlc``."""

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

POSTGRES_EPOCH = np.datetime64("2000-01-01", "us")
"""PostgreSQL counts the microseconds of a timestamp from here."""

_SLICE_BYTES = 1 << 20


def encode(batch: SeriesBatch, *, stored_at: datetime) -> Iterator[bytes]:
    """Yield the tuples of ``batch`` in slices of about a megabyte, without header and trailer.

    Rows with a volume come first, then those without: a null has another width, and equal widths are what
    makes this fast. Each part keeps the order of ``ts``.

    Args:
        stored_at: stamp of each tuple, aware.

    Raises:
        ValueError: the symbol has no id yet.
    """
    if batch.symbol.id is None:
        msg = f"{batch.symbol.name} has no id: store the symbol before its candles"
        raise ValueError(msg)
    without = batch.candles["volume"].isna().to_numpy()
    for mask, has_volume in ((~without, True), (without, False)):
        if mask.any():
            yield from _slices(_rows(batch, mask, batch.symbol.id, stored_at=stored_at, has_volume=has_volume))


def _rows(
    batch: SeriesBatch, mask: npt.NDArray[np.bool_], symbol_id: int, *, stored_at: datetime, has_volume: bool
) -> npt.NDArray[np.void]:
    candles = batch.candles if mask.all() else batch.candles[mask]
    source, timeframe = batch.source.encode(), batch.timeframe.encode()
    values: list[tuple[str, str, object]] = [
        ("ts", ">i8", (instants(candles["ts"]) - POSTGRES_EPOCH).astype(np.int64)),
        *((name, ">f8", candles[name].to_numpy()) for name in PRICES),
        *([("volume", ">f8", candles["volume"].to_numpy())] if has_volume else []),
        ("symbol_id", ">i4", symbol_id),
        ("timeframe", f"S{len(timeframe)}", timeframe),
        ("source", f"S{len(source)}", source),
        ("stored_at", ">i8", int((to_instant(stored_at) - POSTGRES_EPOCH).astype(np.int64))),
    ]
    fields: list[tuple[str, str]] = [("width", ">i2")]
    for name, kind, _ in values:
        if name == "symbol_id" and not has_volume:
            fields.append(("volume#", ">i4"))
        fields += [(f"{name}#", ">i4"), (name, kind)]
    rows = np.zeros(len(candles), dtype=fields)
    rows["width"] = len(COPY_COLUMNS)
    if not has_volume:
        rows["volume#"] = -1  # the length that means null
    for name, kind, value in values:
        rows[f"{name}#"] = np.dtype(kind).itemsize
        rows[name] = value
    return rows


def _slices(rows: npt.NDArray[np.void]) -> Iterator[bytes]:
    step = max(1, _SLICE_BYTES // rows.dtype.itemsize)
    for start in range(0, len(rows), step):
        yield rows[start : start + step].tobytes()
