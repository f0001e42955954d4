"""Detectors of prices that no market makes: bars that come again, prices that stand still or are rounded.

Here: the values themselves. Not here: how they move (``moves``).
"""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from tradematrix_pipelines.quality.evidence import Evidence
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.summary import frozen, longest_run

_LEAST_HITS = 2


def repeats(evidence: Evidence) -> Iterator[Finding]:
    """Doubt or refuse a session whose bars come twice, or are an earlier session's, at any offset."""
    limits, prints = evidence.thresholds, np.sort(evidence.bars.fingerprints)
    count, whose = float(np.count_nonzero(prints[1:] == prints[:-1])), "within the session"
    if len(prints):
        kept, owners = evidence.history.sketches
        again = prints[np.minimum(np.searchsorted(prints, kept), len(prints) - 1)] == kept
        hits = np.bincount(owners[again], minlength=len(evidence.history))
        for number in np.flatnonzero(hits).tolist():
            session = evidence.history.sessions[number]
            estimate = hits[number] * session.triples / len(session.sketch)
            if hits[number] >= min(_LEAST_HITS, len(session.sketch)) and estimate > count:
                count, whose = float(estimate), f"of {session.trade_date}"
    if count >= limits.repeat:
        yield Finding(
            kind=Kind.REPEAT,
            severity=Severity.REFUSAL if count >= limits.repeat_refused else Severity.DOUBT,
            value=count,
            threshold=limits.repeat_refused if count >= limits.repeat_refused else limits.repeat,
            message=f"about {count:.0f} times three bars in a row equal others {whose} "
            f"(doubted from {limits.repeat:g}, refused from {limits.repeat_refused:g})",
        )


def freeze(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a run of flat, unchanged bars that is longer than the symbol's quiet times."""
    limits, bars = evidence.thresholds, evidence.bars
    floor = limits.frozen_minutes if evidence.minutes == 1 else limits.frozen
    limit = max(floor, limits.frozen_usual * evidence.history.longest_freeze)
    if evidence.summary.longest_freeze > limit:
        length, first = longest_run(frozen(bars))
        yield Finding(
            kind=Kind.FROZEN,
            severity=Severity.DOUBT,
            value=length,
            threshold=limit,
            at=bars.at(first),
            until=bars.at(first + length - 1) + timedelta(minutes=evidence.minutes),
            message=f"the price stands still at {bars.close[first]:g} for {length} bars (doubted above {limit:g})",
        )


def grid(evidence: Evidence) -> Iterator[Finding]:
    """Doubt prices whose step is much coarser than before; without history, than the bars' ranges allow."""
    bars, limits, before = evidence.bars, evidence.thresholds, evidence.history.finest_step
    if before > 0:
        value, limit = bars.log_step / before, limits.grid
        rounded = value >= limit and bars.log_step >= limits.grid_least * bars.true_range
        message = f"prices are multiples of {bars.step:g}, {value:.0f} times the step before (doubted from {limit:g})"
    else:
        value, limit = bars.log_step / max(bars.true_range, np.finfo(np.float64).eps), limits.grid_cold
        rounded = value >= limit
        message = f"prices are multiples of {bars.step:g}, {value:.2f} median bar ranges (doubted from {limit:g})"
    if rounded and bars.step > 0:
        yield Finding(kind=Kind.GRID, severity=Severity.DOUBT, value=value, threshold=limit, message=message)
