"""The timeframes that can be asked for: the stored ones, and those that are made of them on reading.

Here: from a name to what it is made of. Not here: the making (``candles.resample``).
"""

import re
from dataclasses import dataclass

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe

_NAME = re.compile(r"(?P<count>[1-9][0-9]{0,3})(?P<unit>[mhdw])")
_DAY = 24 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class BarLength:
    """A timeframe that can be read.

    Attributes:
        minutes: length; ``None`` for days and weeks.
        bases: the stored timeframes that it is made of, any of them, coarsest first.
        made: whether it is made on reading; else its only base is itself.
        weekly: whether its bars are ISO weeks.
    """

    minutes: int | None
    bases: tuple[Timeframe, ...]
    made: bool = True
    weekly: bool = False


def parse_length(name: str) -> BarLength:
    """Return the timeframe of a name: ``5m``, ``30m``, ``4h``, ``1d``, ``1w``.

    Raises:
        UsageError: there is no such timeframe.
    """
    match = _NAME.fullmatch(name)
    if match is None or (match["unit"] in "dw" and match["count"] != "1"):
        raise _unknown(name)
    if match["unit"] == "d":
        return BarLength(minutes=None, bases=(Timeframe.D1,), made=False)
    if match["unit"] == "w":
        return BarLength(minutes=None, bases=(Timeframe.D1,), weekly=True)
    minutes = int(match["count"]) * (60 if match["unit"] == "h" else 1)
    if minutes > _DAY:
        raise _unknown(name)
    divisors = [stored for stored in reversed(INTRADAY) if stored.minutes and minutes % stored.minutes == 0]
    if divisors[0].minutes == minutes:
        return BarLength(minutes=minutes, bases=(divisors[0],), made=False)
    return BarLength(minutes=minutes, bases=tuple(divisors))


def _unknown(name: str) -> UsageError:
    return UsageError(f"there is no timeframe {name!r}: ask for minutes or hours up to 24h (5m, 30m, 4h), 1d or 1w")
