"""What a benchmark prints: a line a way, its cost as a multiple of a baseline in the same run, and its bar."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One way against a baseline.

    Attributes:
        what: the way.
        against: the baseline.
        ratios: seconds of the way as a multiple of the baseline's, one a round.
        bar: the ratio that is asked for, if any.
        side: whether that is the most or the least.
        note: what else was measured, for people.
    """

    what: str
    against: str
    ratios: Sequence[float]
    bar: float | None = None
    side: Literal["≤", "≥"] = "≤"
    note: str = field(default="")

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; ``None`` without one."""
        if self.bar is None:
            return None
        return self.ratio <= self.bar if self.side == "≤" else self.ratio >= self.bar


def report(lines: Sequence[Line], *, as_json: bool) -> None:
    """Print ``lines``, as a table or as JSON."""
    if as_json:
        extra = [{"ratio": round(line.ratio, 3), "met": line.met} for line in lines]
        print(json.dumps([asdict(line) | more for line, more in zip(lines, extra, strict=True)], indent=2))
        return
    width = max(len(line.what) for line in lines)
    for line in lines:
        bar = "" if line.bar is None else f"{line.side} {line.bar:g} {'met' if line.met else 'NOT MET'}"
        spread = f"{min(line.ratios):.2f}…{max(line.ratios):.2f}"
        print(
            f"{line.what:{width}}  {line.ratio:6.2f}  ({spread:13})  {bar:15}  of {line.against}  {line.note}".rstrip()
        )
