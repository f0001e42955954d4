"""The profile of a day: how much the price moved in each bucket of time, anchored at the session's open.

Here: one profile, and how well a profile fits another at a lag. Not here: which lag is a finding (``time_of_day``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.quality.bars import Floats, Mask, SessionBars

Profile = tuple[float | None, ...]
"""Natural log of the summed log range of each bucket, two decimals; ``None`` without a bar that moved."""

BUCKET = 5
"""Minutes of a bucket; longer bars have buckets of their own length."""
BESIDE = 120
"""Minutes on each side of the session that belong to the profile, where there are bars."""

_LEAST = 30


def profile(
    bars: SessionBars, session: Session, minutes: int, *, outside: tuple[Instants, Floats] | None = None
) -> Profile:
    """Return the profile of a session of bars of so many minutes; bars ``outside`` of it count up to two hours away."""
    width = np.timedelta64(bucket_minutes(minutes), "m")
    beside = np.timedelta64(BESIDE // bucket_minutes(minutes) * bucket_minutes(minutes), "m")
    begin, end = to_instant(session.opens_at) - beside, to_instant(session.closes_at) + beside
    ts, ranges = bars.ts, bars.log_high - bars.log_low
    if outside is not None:
        near = (outside[0] >= begin) & (outside[0] < end)
        ts, ranges = np.concatenate([ts, outside[0][near]]), np.concatenate([ranges, outside[1][near]])
    buckets = (ts - begin) // width
    count = int(-((begin - end) // width))
    sums = np.bincount(buckets, weights=ranges, minlength=count)
    with np.errstate(divide="ignore"):
        logs = np.log(sums).round(2)
    return tuple(value if value > -np.inf else None for value in logs.tolist())


def bucket_minutes(minutes: int) -> int:
    """Return the minutes of a bucket for bars of so many minutes."""
    return max(BUCKET, minutes)


@lru_cache(maxsize=1024)  # twenty sessions are compared with each that follows
def as_array(values: Profile, length: int) -> Floats:
    """Return a profile as an array of ``length`` buckets, not to be written to; NaN where it has none."""
    padded = np.full(length, np.nan)
    known = np.array(values[:length], dtype=np.float64)  # None becomes NaN
    padded[: len(known)] = known
    padded.flags.writeable = False
    return padded


@dataclass(frozen=True, slots=True)
class Fit:
    """How a profile fits the usual one moved later by a lag.

    Attributes:
        gain: correlation gained over where it is: over the better of the correlation of all buckets and that of the
            buckets which the moved profile overlaps; -inf where too few overlap.
        significance: correlation by the deviation that it would have by chance, 1 / sqrt(buckets).
    """

    gain: float
    significance: float


def fits(one: Floats, usual: Floats, lags: Sequence[int]) -> list[Fit]:
    """Return how well ``one`` fits ``usual`` moved later by each of ``lags`` buckets; earlier, where negative."""
    length = len(one)
    padded = np.full(3 * length, np.nan)
    padded[length : 2 * length] = usual
    moved = np.stack([padded[length - lag : 2 * length - lag] for lag in lags])
    ones, usuals = np.broadcast_to(one, moved.shape), np.broadcast_to(usual, moved.shape)
    common = ~np.isnan(ones) & ~np.isnan(moved)
    here = ~np.isnan(ones) & ~np.isnan(usuals)
    there = _correlations(ones, moved, common)
    stays = np.maximum(_correlations(ones, usuals, here), _correlations(ones, usuals, common & here))
    gains = np.where(np.count_nonzero(common & here, axis=1) < _LEAST, -np.inf, there - stays)
    significances = there * np.sqrt(np.count_nonzero(common, axis=1))
    return [Fit(*values) for values in zip(gains.tolist(), significances.tolist(), strict=True)]


def _correlations(ones: Floats, others: Floats, where: Mask) -> Floats:
    """Return the correlation of each row, of the elements ``where`` only; 0 where it has none."""
    counts = np.maximum(where.sum(axis=1, keepdims=True), 1)
    ones, others = np.where(where, ones, 0.0), np.where(where, others, 0.0)
    ones = np.where(where, ones - ones.sum(axis=1, keepdims=True) / counts, 0.0)
    others = np.where(where, others - others.sum(axis=1, keepdims=True) / counts, 0.0)
    scales = np.sqrt((ones * ones).sum(axis=1) * (others * others).sum(axis=1))
    products = (ones * others).sum(axis=1)
    correlations: Floats = np.divide(products, scales, out=np.zeros(len(products)), where=scales > 0)
    return correlations
