"""What a benchmark prints: a line a way, its cost as a multiple of a baseline in the same run, and its bar."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One way against a baseline.

    Attributes:
        what: the way.
        against: the baseline.
        ratios: cost of the way as a multiple of the baseline's, one a round.
        bar: the ratio that is asked for, if any.
        side: whether that is the most or the least.
        note: what else was measured, for people.
        curve: the way without its size, where the line is a point of a curve of cost against size.
        size: that size: so many symbols, say.
    """

    what: str
    against: str
    ratios: Sequence[float]
    bar: float | None = None
    side: Literal["≤", "≥"] = "≤"
    note: str = ""
    curve: str = ""
    size: float | None = None

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> str:
        """The least and the most of the rounds; empty where there was one."""
        return f"{min(self.ratios):.2f}…{max(self.ratios):.2f}" if len(self.ratios) > 1 else ""

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; ``None`` without one."""
        if self.bar is None:
            return None
        return self.ratio <= self.bar if self.side == "≤" else self.ratio >= self.bar

    @property
    def outcome(self) -> str:
        """The bar and whether it is met; empty without one."""
        return "" if self.bar is None else f"{self.side} {self.bar:g} {'met' if self.met else 'NOT MET'}"

    def row(self, width: int) -> str:
        """Return the line of a table whose first column is so wide."""
        spread = f"({self.spread})" if self.spread else ""
        return (
            f"{self.what:{width}}  {self.ratio:7.2f}  {spread:15}  {self.outcome:15}  of {self.against}  {self.note}"
        ).rstrip()

    def as_json(self) -> dict[str, Any]:
        """Return the line with what follows from it."""
        return asdict(self) | {"ratio": round(self.ratio, 3), "met": self.met}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the line that :meth:`as_json` wrote."""
        return cls(**{field.name: data[field.name] for field in fields(cls) if field.name in data})


def report(lines: Sequence[Line], *, as_json: bool) -> None:
    """Print ``lines``, as a table or as JSON."""
    if as_json:
        print(json.dumps([line.as_json() for line in lines], indent=2))
        return
    width = max(len(line.what) for line in lines)
    for line in lines:
        print(line.row(width))
