"""Detectors of how the price moves within a session: jumps between bars, drifts, bars out of order.

Here: bars against the bars before them. Not here: single bars that decide a level (``single_bars``), or the session
against those before it (``scale``).
"""

from collections.abc import Iterator

import numpy as np

from tradematrix_pipelines.quality.evidence import Evidence
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity


def jumps(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a bar that opens far from the close before it, for the time between them; the farthest is given."""
    bars, limits = evidence.bars, evidence.thresholds
    moves = np.abs(bars.log_open[1:] - bars.log_close[:-1])
    distances = np.diff(bars.ts) / np.timedelta64(evidence.minutes, "m")  # a midday break counts by its length
    scores = moves / np.sqrt(distances) / bars.least_range
    candidates = np.flatnonzero(scores > limits.jump)
    if not len(candidates):
        return
    exact = [scores[i] * bars.least_range / bars.usual_range(int(i) + 1) for i in candidates]
    value, i = max(zip(exact, candidates.tolist(), strict=True))
    if value > limits.jump:
        factor = float(np.exp(moves[i]))
        yield Finding(
            kind=Kind.JUMP,
            severity=Severity.REFUSAL if moves.max() > np.log(limits.jump_refused) else Severity.DOUBT,
            value=float(value),
            threshold=limits.jump,
            at=bars.at(i + 1),
            message=f"the price jumps from {bars.close[i]:g} to {bars.open[i + 1]:g}, by {factor - 1:.2%} or "
            f"{value:.1f} times a bar's usual range (doubted above {limits.jump:g}, refused above "
            f"{limits.jump_refused - 1:.0%})",
        )


def drift(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a session whose returns add up to more than those of a random walk of the same steps would."""
    bars, limit = evidence.bars, evidence.thresholds.drift
    squares = float(bars.returns @ bars.returns)
    if len(bars) < evidence.thresholds.drift_bars or squares <= 0:
        return
    value = abs(float(bars.returns.sum())) / float(np.sqrt(squares))
    if value > limit:
        yield Finding(
            kind=Kind.DRIFT,
            severity=Severity.DOUBT,
            value=value,
            threshold=limit,
            message=f"the price moves from {bars.open[0]:g} to {bars.close[-1]:g} in one direction, {value:.1f} "
            f"standard deviations of a random walk (doubted above {limit:g})",
        )


def order(evidence: Evidence) -> Iterator[Finding]:
    """Doubt bars that do not open where the bars before them closed: reversed, shuffled, or of two sources.

    The step from a close to the next open is short; the step from an open to the next close is the way of two bars.
    In shuffled bars both are as long, in reversed ones they change places.
    """
    bars, limit = evidence.bars, evidence.thresholds.order
    following = np.diff(bars.slots) == 1
    if np.count_nonzero(following) < evidence.thresholds.order_bars:
        return
    steps = np.abs(bars.log_open[1:] - bars.log_close[:-1])[following]
    ways = np.abs(bars.log_close[1:] - bars.log_open[:-1])[following]
    way = max(float(np.median(ways)), bars.log_step)
    value = float(np.median(steps)) / way if way > 0 else 0.0
    if value > limit:
        yield Finding(
            kind=Kind.ORDER,
            severity=Severity.DOUBT,
            value=value,
            threshold=limit,
            message=f"bars open {value:.2f} times as far from the close before them as they close from the open before "
            f"them (doubted above {limit:g}): they seem reversed, shuffled, or of two sources",
        )
