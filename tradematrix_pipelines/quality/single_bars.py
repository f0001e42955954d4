"""Detectors of single bars that decide a level: the ones that set the high and the low, the first and the last.

Here: one bar against the others. Not here: changes that last (``moves``).
"""

from collections.abc import Iterator

import numpy as np

from tradematrix_pipelines.quality.bars import Floats
from tradematrix_pipelines.quality.evidence import Evidence
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity

_NEARBY = 3
_CLOSES = 10


def wicks(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a high or low that one bar alone reaches, by a wick that no other bar comes near."""
    bars = evidence.bars
    body_top, body_bottom = np.maximum(bars.log_open, bars.log_close), np.minimum(bars.log_open, bars.log_close)
    yield from _wick(evidence, bars.log_high, body_top, "high", float(bars.high.max()))
    yield from _wick(evidence, -bars.log_low, -body_bottom, "low", float(bars.low.min()))


def _wick(evidence: Evidence, reach: Floats, body: Floats, name: str, price: float) -> Iterator[Finding]:
    """Judge the bar with the greatest ``reach``; lows are negated, so that they reach up, too."""
    if len(reach) <= 1:
        return
    limits = evidence.thresholds
    top = int(reach.argmax())
    others = np.delete(reach, top)
    usual = evidence.bars.usual_range(top)
    wick = float(reach[top] - body[top])
    alone = min(float(reach[top] - others.max()), wick) / usual
    near = others[max(top - _NEARBY, 0) : top + _NEARBY]
    nearby = min(float(reach[top] - near.max()), wick) / usual
    for value, limit, which in (
        (alone, limits.wick, "all other bars"),
        (nearby, limits.wick_nearby, "the bars beside"),
    ):
        if value > limit:
            yield Finding(
                kind=Kind.WICK,
                severity=Severity.DOUBT,
                value=value,
                threshold=limit,
                at=evidence.bars.at(top),
                message=f"the {name} of {price:g} is one bar's alone: {value:.1f} times a bar's usual range beyond "
                f"{which} (doubted above {limit:g})",
            )
            return


def first_bar(evidence: Evidence) -> Iterator[Finding]:
    """Doubt an open that is far both from the closes that follow and from the close before."""
    bars, last = evidence.bars, evidence.history.last
    following = bars.log_close[1 : _CLOSES + 1]
    if not len(following):
        return
    limit = evidence.thresholds.first_bar_cold if last is None else evidence.thresholds.first_bar
    usual = bars.usual_range(0)
    distance = abs(float(bars.log_open[0] - np.median(following)))
    if last is not None:
        distance = min(distance, abs(float(bars.log_open[0]) - float(np.log(last.close))))
    if distance / usual > limit:
        yield Finding(
            kind=Kind.FIRST_BAR,
            severity=Severity.DOUBT,
            value=distance / usual,
            threshold=limit,
            at=bars.at(0),
            message=f"the open of {bars.open[0]:g} is {distance / usual:.1f} times a bar's usual range from what "
            f"follows{'' if last is None else ' and from the close before'} (doubted above {limit:g})",
        )


def last_bar(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a close that is far from the closes before it."""
    bars, limit = evidence.bars, evidence.thresholds.last_bar
    before = bars.log_close[-_CLOSES - 1 : -1]
    if not len(before):
        return
    value = abs(float(bars.log_close[-1] - np.median(before))) / bars.usual_range(len(bars) - 1)
    if value > limit:
        yield Finding(
            kind=Kind.LAST_BAR,
            severity=Severity.DOUBT,
            value=value,
            threshold=limit,
            at=bars.at(-1),
            message=f"the close of {bars.close[-1]:g} is {value:.1f} times a bar's usual range from the closes before "
            f"it (doubted above {limit:g})",
        )
