"""The opens of the day, week, month and year that a session is in.

The open of a period is that of its first session: of the daily candle where that session is over, of the first minute
while it is the session to trade. Here: that choice. Not here: which candles are usable (``history``, ``parts``).
"""

from collections.abc import Iterator

from tradematrix_pipelines.levels.book.history import Period, Unavailable
from tradematrix_pipelines.levels.book.model import Absent, BookContext, Known, Source
from tradematrix_pipelines.levels.book.parts import first_minute
from tradematrix_pipelines.levels.book.previous_periods import days_source

_PERIODS = (Period.DAY, Period.WEEK, Period.MONTH, Period.YEAR)


def opens(context: BookContext) -> Iterator[Known | Absent]:
    """Yield ``day``, ``week``, ``month`` and ``year``: the first price of each."""
    for period in _PERIODS:
        try:
            yield _open(context, period)
        except Unavailable as error:
            yield Absent(name=str(period), reason=str(error))


def _open(context: BookContext, period: Period) -> Known:
    day = context.days.first_of(period)
    if day is not None:
        return Known(name=str(period), price=day.open, known_at=day.closes_at, source=days_source(day))
    first = first_minute(context)
    return Known(
        name=str(period),
        price=float(first.open[0]),
        known_at=first.close_of(0),
        source=Source.minutes_of(context.session),
    )
