"""Open, high, low, close and middle of the day, week, month and quarter before.

Here: these numbers of one period. Not here: which candles it needs (``history``).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tradematrix_pipelines.levels.book.history import Day, Period
from tradematrix_pipelines.levels.book.model import BookContext, Known, Source
from tradematrix_pipelines.markets.timeframes import Timeframe


@dataclass(frozen=True, slots=True)
class PreviousPeriod:
    """The prices of the period before; ``mid`` is the middle of its range, (high + low) / 2."""

    period: Period

    def __call__(self, context: BookContext) -> Iterator[Known]:
        day = context.days.previous(self.period)
        prices = {name: getattr(day, name) for name in ("open", "high", "low", "close")}
        for name, price in (prices | {"mid": (day.high + day.low) / 2}).items():
            yield Known(name=name, price=price, known_at=day.closes_at, source=days_source(day))


def days_source(day: Day) -> Source:
    """Return the source of what comes from daily candles."""
    return Source(Timeframe.D1, day.first, day.last)
