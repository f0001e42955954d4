"""How far the price usually goes: average true range, simple and Wilder's, and the average daily range.

J. Welles Wilder, New Concepts in Technical Trading Systems, 1978: the true range is the distance from the higher of
high and last close to the lower of low and last close; its average over 14 sessions begins as their mean, and each
later one is (13 x the average before + the true range) / 14.

Here: the arithmetic. Not here: which sessions are usable (``history``).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from tradematrix_pipelines.levels.book.history import Day, Unavailable, merged
from tradematrix_pipelines.levels.book.model import Absent, BookContext, Known, Unit
from tradematrix_pipelines.levels.book.previous_periods import days_source

PERIOD = 14
"""Sessions of an average."""

WILDER_SESSIONS = 150
"""Sessions that Wilder's average is computed from, always as many: it depends on how much is stored no more.

The weight of the first mean among them is (13/14) ** 135, a twenty-thousandth.
"""


def ranges(context: BookContext) -> Iterator[Known | Absent]:
    """Yield ``atr_14``, ``atr_14_wilder`` and ``adr_14``, the mean of high - low of 14 sessions: distances."""
    for name, count, average in (
        ("atr_14", PERIOD + 1, simple),
        ("atr_14_wilder", WILDER_SESSIONS, wilder),
        ("adr_14", PERIOD, daily_range),
    ):
        try:
            days = context.days.last(count)
        except Unavailable as error:
            yield Absent(name=name, reason=str(error))
            continue
        whole = merged(days)
        yield Known(
            name=name, price=average(days), known_at=whole.closes_at, source=days_source(whole), unit=Unit.DISTANCE
        )


def simple(days: Sequence[Day]) -> float:
    """Return the mean of the true ranges of all days but the first."""
    return float(np.mean(_true_ranges(days)))


def wilder(days: Sequence[Day]) -> float:
    """Return Wilder's average of the true ranges of all days but the first."""
    true_ranges = _true_ranges(days)
    average = float(np.mean(true_ranges[:PERIOD]))
    for true_range in true_ranges[PERIOD:]:
        average = ((PERIOD - 1) * average + true_range) / PERIOD
    return average


def daily_range(days: Sequence[Day]) -> float:
    """Return the mean of high - low."""
    return float(np.mean([day.high - day.low for day in days]))


def _true_ranges(days: Sequence[Day]) -> list[float]:
    closes = [day.close for day in days[:-1]]
    return [max(day.high, close) - min(day.low, close) for close, day in zip(closes, days[1:], strict=True)]
