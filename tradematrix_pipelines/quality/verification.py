"""Whether stored candles are still what a vendor says: the comparison of a stored session with one asked for again.

Here: outcomes and differences as values, bar by bar or session by session. Not here: which sessions are asked for again
and of whom (``ingest.verifying``).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.quality.second_look import largest_offset
from tradematrix_pipelines.quality.summary import SessionSummary
from tradematrix_pipelines.quality.thresholds import DEFAULTS, Thresholds

ABSENT = "absent"
"""Only one of the two has the bar."""

_ROUNDING = 1e-6
"""Part of a tick that binary fractions may add to a difference of one tick."""


class Outcome(StrEnum):
    """What a comparison says."""

    EXACT = "exact"
    """The same bars with the same prices."""
    WITHIN = "within tolerance"
    """No price of the vendor's own bars is more than a tick off; of another vendor's session, the threshold."""
    DIFFERENT = "different"
    """Bars or prices differ by more."""
    UNAVAILABLE = "unavailable"
    """The vendor did not serve the session."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A stored session beside the same one asked for again.

    Attributes:
        bars: bars that both have.
        largest: largest difference of a price, in price units; ``None`` where no bar is in both.
        at: open of the bar with the largest difference, or of the first that only one has, aware, UTC; ``None`` =
            there is none, or it is about the whole session.
        what: which price it is about, or ``ABSENT``.
        reason: why there is no comparison.
    """

    outcome: Outcome
    bars: int = 0
    largest: float | None = None
    at: datetime | None = None
    what: str | None = None
    reason: str | None = None


def compare_bars(stored: pd.DataFrame, asked: pd.DataFrame, *, tick_size: float) -> Comparison:
    """Compare candles (``candles.frame``) with those that their own vendor sends now; volumes don't count."""
    both = stored.merge(asked, on="ts", suffixes=("", "_asked"))
    offs = np.abs(np.stack([both[name].to_numpy() - both[f"{name}_asked"].to_numpy() for name in PRICES], axis=1))
    largest = float(offs.max()) if offs.size else None
    absent = set(stored["ts"]) ^ set(asked["ts"])
    if absent:
        first = min(absent).to_pydatetime()
        return Comparison(outcome=Outcome.DIFFERENT, bars=len(both), largest=largest, at=first, what=ABSENT)
    if not largest:
        return Comparison(outcome=Outcome.EXACT, bars=len(both), largest=largest)
    row, column = np.unravel_index(int(offs.argmax()), offs.shape)
    return Comparison(
        outcome=Outcome.WITHIN if largest <= tick_size * (1 + _ROUNDING) else Outcome.DIFFERENT,
        bars=len(both),
        largest=largest,
        at=both["ts"].iloc[int(row)].to_pydatetime(),
        what=PRICES[int(column)],
    )


def compare_sessions(
    own: SessionSummary, other: SessionSummary, *, tick_size: float, thresholds: Thresholds = DEFAULTS
) -> Comparison:
    """Compare high, low and close of a stored session with those of another vendor.

    Two vendors' bars are never equal, so only what levels follow from counts.
    """
    offset = largest_offset(own, other, tick_size=tick_size, thresholds=thresholds)
    difference = abs(offset.theirs - offset.ours)
    outcome = Outcome.WITHIN if offset.size <= 1 else Outcome.DIFFERENT
    return Comparison(
        outcome=outcome if difference else Outcome.EXACT,
        bars=min(own.bars, other.bars),
        largest=difference,
        what=offset.name if difference else None,
    )
