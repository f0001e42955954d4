"""The shape of candles in memory: one pandas frame per symbol and timeframe.

Columns, in order: ``ts`` (bar open, ``datetime64[us, UTC]``), ``open``, ``high``, ``low``, ``close`` and ``volume``
(all float64; a volume that the vendor does not give is NaN). Sorted by ``ts``, each ``ts`` once.

pandas takes half a second to import, and commands that show no candles do without.
"""

from functools import cache
from typing import TYPE_CHECKING, Final

from tradematrix_pipelines.markets.sessions import Instants

if TYPE_CHECKING:
    import pandas as pd

PRICES = ["open", "high", "low", "close"]
VALUES = [*PRICES, "volume"]
COLUMNS = ["ts", *VALUES]
TS_DTYPE: Final = "datetime64[us, UTC]"
_DTYPES = [TS_DTYPE, *("float64" for _ in VALUES)]


def empty_candles() -> "pd.DataFrame":
    """Return a frame of candles without rows."""
    return _empty().copy()


def as_candles(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return ``rows`` with exactly the columns and dtypes of candles, in the order given.

    Raises:
        KeyError: a column other than ``volume`` is missing.
        TypeError: ``ts`` has no zone.
    """
    if _are_candles(rows):
        return rows.copy(deep=False)
    if "volume" not in rows.columns:
        rows = rows.assign(volume=float("nan"))
    frame = rows[COLUMNS].reset_index(drop=True)
    ts = frame["ts"]
    if len(ts) and getattr(ts.dtype, "tz", None) is None:
        msg = "ts has no time zone: candles are UTC, aware"
        raise TypeError(msg)
    return frame.astype({"ts": TS_DTYPE, **dict.fromkeys(VALUES, "float64")})


def _are_candles(rows: "pd.DataFrame") -> bool:
    """Whether there is nothing to do: most frames come from here, and pandas takes longer to make one than to look."""
    import pandas as pd  # noqa: PLC0415 - see above

    index = rows.index
    return (
        isinstance(index, pd.RangeIndex)
        and (index.start, index.step) == (0, 1)
        and list(rows.columns) == COLUMNS
        and [str(dtype) for dtype in rows.dtypes] == _DTYPES
    )


def instants(ts: "pd.Series[pd.Timestamp]") -> Instants:
    """Return an aware ``ts`` column as a numpy array of UTC instants (``datetime64[us]``), read-only.

    Raises:
        TypeError: ``ts`` has no zone.
    """
    if getattr(ts.dtype, "tz", None) is None:
        msg = "ts has no time zone: candles are UTC, aware"
        raise TypeError(msg)
    values = ts.to_numpy("datetime64[us]").view()  # of the column's own memory
    values.flags.writeable = False
    return values


@cache
def _empty() -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415 - see above

    return as_candles(pd.DataFrame({name: [] for name in COLUMNS}))
