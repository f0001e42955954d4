"""Pivot points of the day, week and month before, by every method.

Here: naming them. Not here: the formulas (``levels.pivots``), which are the same for each period.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tradematrix_pipelines.levels.book.history import Period
from tradematrix_pipelines.levels.book.model import BookContext, Known
from tradematrix_pipelines.levels.book.previous_periods import days_source
from tradematrix_pipelines.levels.pivots import Method, pivots


@dataclass(frozen=True, slots=True)
class PivotLevels:
    """The pivot points of the period before: ``classic pp``, ``camarilla r4``."""

    period: Period

    def __call__(self, context: BookContext) -> Iterator[Known]:
        day = context.days.previous(self.period)
        for method in Method:
            points = pivots(method, open_=day.open, high=day.high, low=day.low, close=day.close)
            for name, price in points.as_dict().items():
                if price is not None:
                    yield Known(name=f"{method} {name}", price=price, known_at=day.closes_at, source=days_source(day))
