"""Splits and other changes of an instrument's unit: from one session on, prices count in other units than before.

Here: one split as a value, what several amount to, and which price ratios look like one. Not here: where they are
stored (``storage.splits``), or which units a stored price is in (``units``).
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from operator import mul

from tradematrix_pipelines.errors import UsageError

NONE = "none"
"""What a person writes in place of a ratio where there was no split."""

_RATIO = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)")
_LARGEST = 1_000_000
_MOST_UNITS = 50
_POWERS = tuple((10**power, 1) for power in range(1, 7))
_USUAL = ((2, 1), (3, 1), (4, 1), (5, 1), (20, 1), (_MOST_UNITS, 1), (3, 2), *_POWERS)
_UNUSUAL = ((5, 2), (4, 3), (5, 4), *((units, 1) for units in range(2, _MOST_UNITS)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """What a person says of the units of an instrument on a trade date.

    Attributes:
        trade_date: the first session in the new units.
        ratio: new units for an old one, by which older prices are divided; ``None`` where there was no split.
    """

    trade_date: date
    ratio: float | None

    def __post_init__(self) -> None:
        if self.ratio is not None and not 1 / _LARGEST <= self.ratio <= _LARGEST:
            raise UsageError(f"a ratio of {self.ratio:g} is none of a split: write new units for old ones, as 4:1")


def factor(splits: Iterable[Split], *, after: date, until: date) -> float:
    """Return how many units of ``until`` one of ``after`` is: the product of the ratios of the splits in between.

    A split counts that is after ``after``, and on ``until`` or before. Where ``until`` is the earlier date, it is the
    inverse.
    """
    if until < after:
        return 1 / factor(splits, after=until, until=after)
    return math.prod(split.ratio for split in splits if split.ratio is not None and after < split.trade_date <= until)


def later_factors(splits: Iterable[Split], *, after: date) -> Iterator[float]:
    """Yield the factor from ``after`` up to each later split, the nearest one first."""
    later = sorted((split for split in splits if split.trade_date > after), key=lambda split: split.trade_date)
    yield from accumulate((split.ratio for split in later if split.ratio is not None), mul)


def is_decided(splits: Iterable[Split], trade_date: date) -> bool:
    """Whether a person has said of this trade date that there was a split, or that there was none."""
    return any(split.trade_date == trade_date for split in splits)


def divisor(units: float) -> tuple[float, float]:
    """Return what to multiply and to divide a price by, exact for whole numbers of old units, too.

    Dividing by 0.1 gives 123.39999999999999 of 12.34, multiplying by ten 123.4.
    """
    return (1.0, units) if units >= 1 else (1 / units, 1.0)


def near_simple(price_ratio: float, tolerance: float) -> str | None:
    """Return the simple ratio that a change of prices looks like, as ``4:1``; ``None`` where it looks like none.

    Simple are 2:1 to 50:1, 3:2, 5:2, 4:3, 5:4, powers of ten, and their inverses. Of several that are near, one that
    companies usually choose comes before others.

    Args:
        price_ratio: the new price by the old one.
        tolerance: how far off it may be, as a part.
    """
    for ratios in (_USUAL, _UNUSUAL):
        both = [*ratios, *((old, new) for new, old in ratios)]
        distances = {ratio: abs(math.log(price_ratio * ratio[0] / ratio[1])) for ratio in both}
        nearest = min(distances, key=lambda ratio: distances[ratio])
        if distances[nearest] <= math.log1p(tolerance):
            return f"{nearest[0]}:{nearest[1]}"
    return None


def parse_ratio(text: str) -> float | None:
    """Return the ratio that a person writes: 4.0 for ``4:1``, ``None`` for ``none``.

    Raises:
        UsageError: it is neither.
    """
    if text.strip().lower() == NONE:
        return None
    match = _RATIO.fullmatch(text.strip())
    if match is None or not float(match[1]) or not float(match[2]):
        raise UsageError(f"{text!r} is no ratio: write new units for old ones, as 4:1 or 1:10, or none")
    return float(match[1]) / float(match[2])


def ratio_text(ratio: float | None) -> str:
    """Return a ratio as a person writes it: ``4:1``, ``1:10``, ``3:2``."""
    if ratio is None:
        return NONE
    for old in range(1, _MOST_UNITS + 1):
        for new, scaled in ((ratio * old, old), (old / ratio, None)):
            if abs(new - round(new)) < 1e-9 * new and round(new):
                return f"{round(new)}:{scaled}" if scaled else f"{old}:{round(new)}"
    return f"{ratio:.10g}:1"
