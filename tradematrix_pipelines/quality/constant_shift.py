"""A series whose stamps are all off by the same time, by the pauses of its market: nights, weekends.

Here: many sessions of one answer, on their times alone. Not here: single sessions, and prices (``time_of_day``).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import numpy as np

from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity

_LEAST_PAUSE = timedelta(hours=6)
_REACH = np.timedelta64(14 * 60, "m")
_LEAST_SHIFT = 30
"""Minutes: zones differ by half an hour at least."""
_ROUNDED = 15
_LOOSE = 10
_LEAST_PAUSES = 2
_AGREEING = 0.8


@dataclass(frozen=True, slots=True)
class ConstantShift:
    """How far a series' stamps are off.

    Attributes:
        minutes: how much too late they are; negative = too early.
        agreeing: pauses that say so, of ``pauses``.
    """

    minutes: int
    agreeing: int
    pauses: int

    @property
    def message(self) -> str:
        """One line for a person."""
        hours = abs(self.minutes) / 60
        unit = "one hour" if hours == 1 else f"{hours:g} hours"
        side = "earlier" if self.minutes > 0 else "later"
        return f"the bars fit {unit} {side}: {self.agreeing} of {self.pauses} pauses of the market"

    def finding(self) -> Finding:
        """Return the finding that refuses each session of the series."""
        return Finding(
            kind=Kind.TIME_SHIFT,
            severity=Severity.REFUSAL,
            value=float(self.minutes),
            threshold=float(_LEAST_SHIFT),
            message=self.message,
        )


def constant_shift(ts: Instants, sessions: Sequence[Session], *, minutes: int) -> ConstantShift | None:
    """Return by how much all stamps are off, where the pauses of the market say the same; else ``None``.

    Args:
        ts: opens of all bars, ascending, those outside the sessions included.
        sessions: the calendar's sessions that the bars are about, ascending, without a gap.
        minutes: length of a bar.
    """
    shifts = [shift for shift in _shifts(ts, sessions, minutes) if shift is not None]
    if len(shifts) < _LEAST_PAUSES:
        return None
    shift, agreeing = Counter(shifts).most_common(1)[0]
    if abs(shift) < _LEAST_SHIFT or agreeing < _AGREEING * len(shifts):
        return None
    return ConstantShift(shift, agreeing, len(shifts))


def _shifts(ts: Instants, sessions: Sequence[Session], minutes: int) -> Iterator[int | None]:
    """Yield for each pause by how many minutes its beginning and its end are off, where both agree."""
    length = np.timedelta64(minutes, "m")
    for before, after in pairwise(sessions):
        if after.opens_at - before.closes_at < _LEAST_PAUSE:
            continue
        closes, opens = to_instant(before.closes_at), to_instant(after.opens_at)
        reach = min(_REACH, (opens - closes) / 2 + np.timedelta64(4 * 60, "m"))
        first, last = np.searchsorted(ts, [closes - reach, opens + reach])
        near = ts[first:last]
        if len(near) < 2:
            continue
        gaps = np.diff(near)
        longest = int(gaps.argmax())
        late_end = float((near[longest] + length - closes) / np.timedelta64(1, "m"))
        late_start = float((near[longest + 1] - opens) / np.timedelta64(1, "m"))
        mean = (late_end + late_start) / 2
        agree = abs(late_end - late_start) <= _LOOSE + minutes
        yield round(mean / _ROUNDED) * _ROUNDED if agree else None
