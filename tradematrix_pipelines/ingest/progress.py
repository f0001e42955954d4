"""Progress of one symbol's ingestion: windows asked and left, credits spent, estimated time left. Pure.

Here: the counts that ``sessions``, ``failover`` and ``series`` update, and their wording. Not here: what a window is
(``windows``), or when it is logged (``defs.progress_log``).
"""

from dataclasses import dataclass, field
from datetime import timedelta

from tradematrix_pipelines.ingest.pricing import pace
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import Plan

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(kw_only=True, slots=True)
class Progress:
    """The windows of one symbol, and their cost so far.

    Attributes:
        expected: windows of the series not begun yet, by their price.
        cut: windows of the series begun, over all vendors asked.
        asked: windows that were answered or failed.
        skipped: windows not asked for, after an error that would fail them too.
        credits: credits spent, those of failed calls included.
    """

    expected: dict[Timeframe, int] = field(default_factory=dict)
    cut: int = 0
    asked: int = 0
    skipped: int = 0
    credits: int = 0

    @property
    def total(self) -> int:
        """All windows, as far as they are known."""
        return self.cut + sum(self.expected.values())

    @property
    def left(self) -> int:
        """Windows still to be asked for."""
        return self.total - self.asked - self.skipped

    def begin(self, timeframe: Timeframe) -> None:
        """Count this series by the windows that are really cut from now on."""
        self.expected.pop(timeframe, None)

    def skip_rest(self) -> None:
        """Count the windows cut but not asked for yet as skipped."""
        self.skipped = self.cut - self.asked

    def summary(self) -> str:
        """Return the progress in words: ``12 of 40 windows, 28 left, 12 credits``."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        windows = f"{self.asked} of {counted(self.total, 'window')}{skipped}, {self.left} left"
        return f"{windows}, {counted(self.credits, 'credit')}"


def time_left(progress: Progress, *, elapsed: timedelta, plan: Plan) -> timedelta | None:
    """Return about how long the windows left take, at the pace so far or, where that is slower, at the plan's.

    ``None`` = nothing is left, or nothing is known yet.

    Args:
        elapsed: since the first window was asked for.
        plan: the limits of the vendor that is asked; a window costs a credit.
    """
    if not progress.left:
        return None
    so_far = elapsed / progress.asked * progress.left if progress.asked else timedelta()
    spending = pace(progress.left, plan)
    limited = (spending.days - 1) * _DAY if spending.days > 1 else spending.minutes * _MINUTE
    return max(so_far, limited) or None


def in_words(duration: timedelta) -> str:
    """Return a duration as a person would estimate it: ``40 s``, ``12 min``, ``3 h``, ``2 days``."""
    for unit, name in ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min")):
        if duration >= 1.5 * unit:
            return f"{round(duration / unit)} {name}"
    return f"{max(1, round(duration.total_seconds()))} s"


def counted(number: int, noun: str) -> str:
    """Return ``1 window``, ``2 windows``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
