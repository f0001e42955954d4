"""The gap between yesterday's close and today's open, and when it was filled.

It is filled by the first minute that trades at yesterday's close.
Here: both on a session's minutes. Not here: how often gaps are filled (``levels.outcomes``).
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from tradematrix_pipelines.levels.book.history import Period
from tradematrix_pipelines.levels.book.model import BookContext, Known, Source, Unit
from tradematrix_pipelines.levels.book.parts import complete_part, first_minute

# A fraction of the price: far below every tick size, and above rounding errors.
_MARGIN = 1e-9
_LEAST_TICKS = 0.5


def gap(context: BookContext) -> Iterator[Known]:
    """Yield ``size`` (open - yesterday's close), ``fill``, the price that fills it, and ``filled`` once it is.

    An open within half a tick of yesterday's close is no gap: it has a size only.
    """
    close = context.days.previous(Period.DAY).close
    first = first_minute(context)
    size = float(first.open[0]) - close
    known = partial(Known, known_at=first.close_of(0), source=Source.minutes_of(context.session))
    yield known(name="size", price=size, unit=Unit.DISTANCE)
    if abs(size) < _LEAST_TICKS * context.symbol.tick_size:
        return
    yield known(name="fill", price=close)
    minutes = context.minutes
    if minutes is None:
        return
    reached = minutes.low <= close * (1 + _MARGIN) if size > 0 else minutes.high >= close * (1 - _MARGIN)
    if reached.any():
        filled_at = minutes.close_of(int(np.argmax(reached)))
        # A minute that is missing before it may have filled it already.
        complete_part(context, context.session.opens_at, filled_at)
        yield known(name="filled", price=close, known_at=filled_at)
