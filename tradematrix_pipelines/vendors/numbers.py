"""Numbers as vendors send them in JSON: numbers, and texts of numbers. Pure.

Python accepts more as a number than a vendor means: ``true`` as 1, ``1_000`` and digits of other scripts. None of these
is a price. Here: what is a number. Not here: whether it is plausible for the symbol (the screening of ``candles``).
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
_DIGITS_ONLY = re.compile(r"[0-9.eE+-]*")


def to_float(value: object) -> float:
    """Return a number, or the number in a text; NaN for anything else (``""``, ``null``, ``true``, a list)."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return float("nan")
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return float("nan")


def to_floats(values: Sequence[object]) -> npt.NDArray[np.float64]:
    """Return a column of numbers as :func:`to_float` reads each; a column of one plain type is read faster."""
    if values.count(None) == len(values):
        return np.full(len(values), np.nan)
    kinds = set(map(type, values))
    try:
        if kinds == {str} and _DIGITS_ONLY.fullmatch("".join(values)):  # type: ignore[arg-type]  # all are str
            # Of these characters Arrow makes a number of the same texts as Python, and the same number.
            return _parsed(values)
        read = float if kinds <= {int, float} else to_float
        return np.fromiter(map(read, values), dtype=np.float64, count=len(values))  # type: ignore[arg-type]  # see ``kinds``
    except (ValueError, OverflowError):
        return np.fromiter(map(to_float, values), dtype=np.float64, count=len(values))


def _parsed(texts: Sequence[object]) -> npt.NDArray[np.float64]:
    """Return the numbers in texts, without an object for each.

    Raises:
        ValueError: one of them has none.
    """
    column: npt.NDArray[np.float64] = (
        pa.array(texts, pa.string()).cast(pa.float64()).to_numpy(zero_copy_only=False, writable=True)
    )
    return column
