"""What may be asked for: the query parameters, their types and bounds.

Here: from text to values. Not here: what is answered.
"""

from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import Annotated

from fastapi import Query, Request

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.session_table import EARLIEST, LATEST
from tradematrix_pipelines.reader.opening import parse_moment

LONGEST_RANGE = timedelta(days=400)
"""Between two trade dates of one answer, apart from candles, which have a limit."""

_DAY = timedelta(days=1)
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_A_DATE = {"format": "date"}

SymbolName = Annotated[
    str, Query(min_length=1, max_length=64, description="its name or alias, in any case: EUR/USD, eurusd")
]
OptionalSymbol = Annotated[str | None, Query(min_length=1, max_length=64, description="default: all active ones")]
TimeframeName = Annotated[
    str, Query(pattern=r"^[1-9][0-9]{0,3}[mhdw]$", description="1m, 5m, 15m, 1h, 1d; also 30m, 4h, 1w …")
]
Limit = Annotated[int, Query(ge=1, le=10_000, description="most candles; the newest are returned")]
DayText = Annotated[
    str | None, Query(alias="date", pattern=_DATE, json_schema_extra=_A_DATE, description="default: the coming session")
]
FirstText = Annotated[str | None, Query(alias="from", pattern=_DATE, json_schema_extra=_A_DATE)]
LastText = Annotated[str | None, Query(alias="to", pattern=_DATE, json_schema_extra=_A_DATE, description="included")]
StartText = Annotated[
    str | None, Query(alias="from", max_length=40, description="a trade date, or an instant: 2026-11-20T08:00Z")
]
EndText = Annotated[
    str | None, Query(alias="to", max_length=40, description="a trade date, included; or an instant, excluded")
]


def trade_date(text: str | None, name: str) -> date | None:
    """Return a trade date.

    Raises:
        UsageError: it is none, or beyond every calendar.
    """
    value = moment(text, name)
    return value.date() if isinstance(value, datetime) else value


def moment(text: str | None, name: str) -> date | datetime | None:
    """Return a trade date, or an aware instant.

    Raises:
        UsageError: it is neither, or beyond every calendar.
    """
    if text is None:
        return None
    try:
        value = parse_moment(text, name)
    except OverflowError:
        raise _beyond(text, name) from None
    day = value.date() if isinstance(value, datetime) else value
    if day is None or not EARLIEST < day < LATEST:
        raise _beyond(text, name)
    return value


def moments(start: str | None, end: str | None) -> tuple[date | datetime | None, date | datetime | None]:
    """Return the range of candles that is asked for.

    Raises:
        UsageError: as :func:`moment`, or it ends before it begins.
    """
    first, last = moment(start, "from"), moment(end, "to")
    if first is not None and last is not None and _day(first) > _day(last):
        raise UsageError(f"from={start} is after to={end}: swap them")
    return first, last


def date_range(first: str | None, last: str | None, *, default: tuple[date, date]) -> tuple[date, date]:
    """Return a range of trade dates, both included.

    Args:
        default: where neither is given; where one is, as many days from it.

    Raises:
        UsageError: it is none, or too long.
    """
    begin, end = trade_date(first, "from"), trade_date(last, "to")
    span = default[1] - default[0]
    if begin is None:
        begin = default[0] if end is None else max(end - span, EARLIEST)
        end = end or default[1]
    elif end is None:
        end = min(begin + span, LATEST)
    if begin > end:
        raise UsageError(f"from={begin} is after to={end}: swap them")
    if end - begin > LONGEST_RANGE:
        raise UsageError(f"from={begin} to={end} is longer than {LONGEST_RANGE.days} days: ask for less at once")
    return begin, end


def days_around(now: datetime, first: str | None, last: str | None, *, before: int, after: int) -> tuple[date, date]:
    """Return a range of trade dates, by default some days before and after now.

    Raises:
        UsageError: as :func:`date_range`.
    """
    today = now.date()
    return date_range(first, last, default=(today - before * _DAY, today + after * _DAY))


async def known_only(request: Request) -> None:
    """Refuse parameters that there are not: one that is misspelt would be ignored.

    Raises:
        UsageError: there is one.
    """
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            there = f"there are {', '.join(known)}" if known else "there are none"
            raise UsageError(f"there is no parameter {name[:64]!r}: {hint}{there}")


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


def _beyond(text: str, name: str) -> UsageError:
    return UsageError(f"{name}={text} is beyond every calendar: give a date after {EARLIEST} and before {LATEST}")
