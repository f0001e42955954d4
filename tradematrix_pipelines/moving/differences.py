"""Where the rows of two systems differ: equal, missing, extra, different, and by how much.

Here: two sets of rows with a key each. Not here: what the keys stand for (``stamps``), or where rows come from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.markets.sessions import Instants

_ROUNDING = 1e-9
"""Part of a price that decimal digits may change in a binary fraction."""

_Mask = npt.NDArray[np.bool_]
Columns = Mapping[str, npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows by key.

    Attributes:
        keys: ascending, each once.
        values: a column each, NaN where there is none.
    """

    keys: Instants
    values: Columns

    @classmethod
    def of(cls, keys: Instants, values: Columns) -> Self:
        """Return rows in the order of their keys; of several with one key the first, without those that have none."""
        known = np.flatnonzero(~np.isnat(keys))
        unique, first = np.unique(keys[known], return_index=True)
        if len(unique) == len(keys) and bool((np.diff(first) > 0).all()):
            return cls(keys, values)
        return cls(unique, {name: column[known[first]] for name, column in values.items()})

    def only(self, mask: _Mask) -> Self:
        """Return the rows that are marked."""
        if mask.all():
            return self
        return type(self)(self.keys[mask], {name: column[mask] for name, column in self.values.items()})

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Two sets of rows, compared.

    Attributes:
        missing: rows that only the other has; ``extra``: rows that only we have.
        different: rows of both with another value.
        largest: largest difference of a value but volume, in price units; 0 where there is none.
        at: key of the row with it, else of the first row that only one has; ``None`` where all are equal.
    """

    equal: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0
    largest: float = 0.0
    at: np.datetime64 | None = None

    @property
    def is_none(self) -> bool:
        """Whether both are the same."""
        return not (self.missing or self.extra or self.different)


def compare(ours: Rows, theirs: Rows, *, tolerance: float = 0.0, zero_is_none: bool = False) -> Difference:
    """Compare rows by key, in the columns that both have.

    Args:
        tolerance: differences of prices up to this are none, in price units. Beyond it rounding is allowed for.
        zero_is_none: whether a volume of 0 means that there is none, as in the old system.
    """
    mine, other = _shared(ours.keys, theirs.keys)
    different = np.zeros(len(mine), dtype=bool)
    largest, at = 0.0, None
    for name in sorted(ours.values.keys() & theirs.values.keys()):
        left, right = ours.values[name][mine], theirs.values[name][other]
        if name == "volume":
            different |= _volumes_differ(left, right, zero_is_none=zero_is_none)
            continue
        off = np.abs(left - right)
        marked = (off > tolerance + _ROUNDING * np.abs(right)) | (np.isnan(left) != np.isnan(right))
        different |= marked
        sizes = np.where(marked, np.nan_to_num(off), 0.0)
        if (most := sizes.max(initial=0.0)) > largest:
            largest, at = float(most), ours.keys[mine[int(sizes.argmax())]]
    only_ours, only_theirs = _others(ours.keys, mine), _others(theirs.keys, other)
    if at is None:
        firsts = [*ours.keys[mine[different]][:1], *only_ours[:1], *only_theirs[:1]]
        at = min(firsts, default=None)
    return Difference(
        equal=len(mine) - int(different.sum()),
        missing=len(only_theirs),
        extra=len(only_ours),
        different=int(different.sum()),
        largest=largest,
        at=at,
    )


def _shared(ours: Instants, theirs: Instants) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the places of the keys that both have."""
    if not len(ours) or not len(theirs):
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    place = np.minimum(np.searchsorted(ours, theirs), len(ours) - 1)
    other = np.flatnonzero(ours[place] == theirs)
    return place[other], other


def _others(keys: Instants, places: npt.NDArray[np.intp]) -> Instants:
    mask = np.ones(len(keys), dtype=bool)
    mask[places] = False
    return keys[mask]


def _volumes_differ(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64], *, zero_is_none: bool) -> _Mask:
    if zero_is_none:
        left, right = np.nan_to_num(left), np.nan_to_num(right)
    different: _Mask = ~((left == right) | (np.isnan(left) & np.isnan(right)))
    return different
