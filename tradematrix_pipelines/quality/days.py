"""Detectors of daily bars.

Here: one day against the last twenty. Not here: scale and changes of scale that last (``scale``), which days share
with sessions.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from tradematrix_pipelines.quality.evidence import Evidence
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.summary import SessionSummary


def day_range(evidence: Evidence) -> Iterator[Finding]:
    """Refuse an impossible range; doubt a true range that is many times the usual one."""
    day, limits, sessions = evidence.summary, evidence.thresholds, evidence.history.sessions
    factor = day.high / day.low
    if factor > limits.day_refused:
        yield Finding(
            kind=Kind.DAY_RANGE,
            severity=Severity.REFUSAL,
            value=factor,
            threshold=limits.day_refused,
            message=f"the high is {factor:.3g} times the low (refused above {limits.day_refused:g})",
        )
        return
    if not sessions:
        return
    ranges = [_true_range(later, earlier.close) for earlier, later in pairwise(sessions)]
    usual = float(np.median(ranges)) if ranges else sessions[0].log_range
    limit = max(limits.day_range * usual, limits.day_range_least)
    value = _true_range(day, sessions[-1].close)
    if value > limit:
        yield Finding(
            kind=Kind.DAY_RANGE,
            severity=Severity.DOUBT,
            value=value,
            threshold=limit,
            message=f"the true range of {value:.2%} compares with {usual:.2%} usually (doubted above {limit:.2%})",
        )


def _true_range(day: SessionSummary, close: float) -> float:
    return float(np.log(max(day.high, close) / min(day.low, close)))


def repeated_day(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a day whose open, high, low and close are those of an earlier day."""
    twins = [day for day in evidence.history.sessions if day.sketch and day.sketch == evidence.summary.sketch]
    if twins:
        yield Finding(
            kind=Kind.REPEAT,
            severity=Severity.DOUBT,
            value=len(twins),
            threshold=0,
            message=f"its prices are those of {twins[-1].trade_date}",
        )


def frozen_day(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a day without any range, where days have one."""
    day = evidence.summary
    if day.high == day.low and evidence.history.usual_range > 0:
        yield Finding(
            kind=Kind.FROZEN,
            severity=Severity.DOUBT,
            value=1,
            threshold=0,
            message=f"the price stands still at {day.close:g} all day",
        )
