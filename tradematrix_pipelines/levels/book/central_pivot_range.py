"""The central pivot range of the session before (Frank Ochoa, Secrets of a Pivot Boss, 2010).

Its middle is the classic pivot point (high + low + close) / 3, one edge the middle of the session's range, the other
lies as far on the other side. Here, TC is always the upper edge and BC the lower one, wherever the session closed.
"""

from collections.abc import Iterator
from functools import partial

from tradematrix_pipelines.levels.book.history import Period, Unavailable
from tradematrix_pipelines.levels.book.model import Absent, BookContext, Known, Unit
from tradematrix_pipelines.levels.book.previous_periods import days_source
from tradematrix_pipelines.levels.book.ranges import PERIOD, simple


def central_pivot_range(context: BookContext) -> Iterator[Known | Absent]:
    """Yield ``tc``, ``pp``, ``bc``, the ``width`` between the edges, and ``width_atr``, the width in ATR-14s."""
    day = context.days.previous(Period.DAY)
    pp, middle = (day.high + day.low + day.close) / 3, (day.high + day.low) / 2
    edges = sorted((middle, 2 * pp - middle))
    width = edges[1] - edges[0]
    known = partial(Known, known_at=day.closes_at, source=days_source(day))
    for name, price in (("tc", edges[1]), ("pp", pp), ("bc", edges[0])):
        yield known(name=name, price=price)
    yield known(name="width", price=width, unit=Unit.DISTANCE)
    try:
        days = context.days.last(PERIOD + 1)
    except Unavailable as error:
        yield Absent(name="width_atr", reason=str(error))
        return
    average = simple(days)
    if not average:
        yield Absent(name="width_atr", reason="ATR-14 is 0")
        return
    yield known(name="width_atr", price=width / average, unit=Unit.RATIO)
