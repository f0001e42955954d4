"""What two independent looks at a session agree on.

Here: the comparison of two vendors' sessions. Not here: fetching the second one (``ingest.second_look``).
"""

from dataclasses import dataclass, replace

import numpy as np

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.judge import Judgement
from tradematrix_pipelines.quality.summary import SessionSummary
from tradematrix_pipelines.quality.thresholds import DEFAULTS, Thresholds


@dataclass(frozen=True, kw_only=True, slots=True)
class Offset:
    """The price in which two vendors' sessions differ most.

    Attributes:
        name: high, low or close.
        size: log difference by what is allowed: up to 1 they agree.
    """

    name: str
    size: float
    ours: float
    theirs: float


def largest_offset(
    own: SessionSummary, other: SessionSummary, *, tick_size: float, thresholds: Thresholds = DEFAULTS
) -> Offset:
    """Return in which of high, low and close two sessions differ most, by the range that both have, or a tick."""
    part = max(thresholds.second_look * min(own.log_range, other.log_range), tick_size / own.close)
    pairs = {"high": (own.high, other.high), "low": (own.low, other.low), "close": (own.close, other.close)}
    offs = {name: abs(float(np.log(theirs / ours))) / part for name, (ours, theirs) in pairs.items()}
    worst = max(offs, key=lambda name: offs[name])
    ours, theirs = pairs[worst]
    return Offset(name=worst, size=offs[worst], ours=ours, theirs=theirs)


def compare(
    judgement: Judgement, other: SessionSummary, *, vendor: str, tick_size: float, thresholds: Thresholds = DEFAULTS
) -> Judgement:
    """Return a doubtful judgement after another vendor's session has been compared with it.

    Where both agree on high, low and close, it is accepted, and its findings stay. Otherwise it stays doubtful.

    Args:
        other: the session of ``vendor`` in short.
    """
    worst = largest_offset(judgement.summary, other, tick_size=tick_size, thresholds=thresholds)
    agrees = worst.size <= 1
    how = "agrees with" if agrees else "contradicts"
    finding = Finding(
        kind=Kind.SECOND_LOOK,
        severity=Severity.NOTE if agrees else Severity.DOUBT,
        value=worst.size,
        threshold=1.0,
        message=f"{vendor} {how} high, low and close; largest difference: {worst.name} {worst.theirs:g} against "
        f"{worst.ours:g}",
    )
    verdict = Verdict.ACCEPTED if agrees else judgement.verdict
    return replace(judgement, verdict=verdict, findings=(*judgement.findings, finding))
