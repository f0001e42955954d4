"""What the judgement of a session says: findings, how severe each is, and the verdict that follows.

Here: values. Not here: what makes a finding (the detectors), nor in which order they are asked (``judge``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from tradematrix_pipelines.candles.coverage import Verdict


class Kind(StrEnum):
    """What a finding is about. A detector has one kind, or a family of them."""

    WICK = "wick"
    """The bar that sets the high or the low stands far out from all others."""
    JUMP = "jump"
    """A bar opens far from the close before it."""
    FIRST_BAR = "first_bar"
    """The session's open is far from what follows and from what came before."""
    LAST_BAR = "last_bar"
    """The session's close is far from the closes before it."""
    DRIFT = "drift"
    """The session moves one way more steadily than prices do."""
    ORDER = "order"
    """Bars do not open where the ones before them closed."""
    SCALE = "scale"
    """The whole session is at another scale than the one before."""
    SPLIT = "split"
    """Prices are another simple fraction of what they were: a person has to say whether it is a split."""
    GAP = "gap"
    """The session opens far from the close of the one before."""
    RANGE = "range"
    """The session's range is many times the usual one."""
    NEXT_SESSION = "next_session"
    """The next session opens far from this one's close."""
    LASTING_CHANGE = "lasting_change"
    """Several sessions in a row agree on another scale: a split, or another unit."""
    REPEAT = "repeat"
    """Bars repeat earlier ones exactly."""
    FROZEN = "frozen"
    """The price stands still."""
    GRID = "grid"
    """Prices are rounded more coarsely than before."""
    DENSITY = "density"
    """There are fewer bars than usual."""
    EDGE = "edge"
    """The first bar comes later, or the last one earlier, than usual."""
    HIDDEN_EXTREME = "hidden_extreme"
    """A bar that is rejected or missing may have been the session's high or low."""
    TIME_SHIFT = "time_shift"
    """Quiet and busy hours are where they usually are not."""
    WEEKEND = "weekend"
    """There are bars in the closed weekend, beside the session."""
    BAR_END_STAMPS = "bar_end_stamps"
    """Bars seem to be stamped with their end."""
    DAY_RANGE = "day_range"
    """A daily bar's range is impossible, or many times the usual one."""
    COARSER_BARS = "coarser_bars"
    """The vendor's coarser bars say otherwise."""
    OFFICIAL_DAY = "official_day"
    """The vendor's official day says otherwise."""
    SECOND_LOOK = "second_look"
    """What another vendor says of a doubtful session."""
    RELEASED = "released"
    """The session was refused, and released from quarantine."""


class Severity(IntEnum):
    """What a finding leads to, the least severe first."""

    NOTE = 0
    """Nothing: it is worth knowing."""
    DOUBT = 1
    """No level follows unless a person accepts the session."""
    REFUSAL = 2
    """It can't be true."""


_VERDICTS = {Severity.NOTE: Verdict.ACCEPTED, Severity.DOUBT: Verdict.DOUBTFUL, Severity.REFUSAL: Verdict.REFUSED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one detector noticed.

    Attributes:
        value: what was measured; in the unit of ``threshold``.
        threshold: what it exceeds (or, where ``message`` says so, stays below).
        message: one sentence for a person, with the numbers.
        at: open of the bar it is about, or of the first one, aware, UTC; ``None`` = the whole session.
        until: end of the stretch it is about, aware, UTC; ``None`` where it is about one bar or the whole session.
    """

    kind: Kind
    severity: Severity
    value: float
    threshold: float
    message: str
    at: datetime | None = None
    until: datetime | None = None


def verdict(findings: Iterable[Finding]) -> Verdict:
    """Return the verdict that follows from ``findings``: that of the most severe one."""
    return _VERDICTS[max((finding.severity for finding in findings), default=Severity.NOTE)]
