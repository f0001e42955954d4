"""Candles of one series, the newest first to be asked for, as the board has them."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from tradematrix_pipelines.board.shapes import Candle, Candles, IncompleteSession
from tradematrix_pipelines.board.symbols import the_symbol
from tradematrix_pipelines.markets.calendars import SessionCalendar, calendar_of
from tradematrix_pipelines.markets.symbols import Symbol, price_digits
from tradematrix_pipelines.reader.lengths import BarLength, parse_length
from tradematrix_pipelines.reader.series import View, plan_series, read_series
from tradematrix_pipelines.reader.windows import Window, window_of
from tradematrix_pipelines.storage.coverage import first_known_date
from tradematrix_pipelines.storage.database import Database

MOST = 10_000
"""Candles of one answer."""

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_SPARE = 2  # sessions read beyond those that ``limit`` bars need: the first and the last may be cut


class _Inline(Executor):
    """Runs what it is given at once: a request has a thread of its own already."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **options))
        except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
            future.set_exception(error)
        return future


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What was asked for; dates are included, an instant as end is not."""

    symbol: str
    timeframe: str
    start: date | datetime | None
    end: date | datetime | None
    limit: int


def find_candles(database: Database, asked: Asked) -> Candles:
    """Return the newest ``limit`` candles of a series between two moments.

    Raises:
        UsageError: the symbol, the timeframe or the range is none.
    """
    symbol, length, now = the_symbol(database, asked.symbol), parse_length(asked.timeframe), database.clock.now()
    if asked.end is None and asked.start is not None and _day(asked.start) > now.date():
        return _answer(symbol, asked, [], [], None)
    calendar = calendar_of(symbol)
    end = asked.end or now
    window = window_of(calendar, asked.start, end)
    first = first_known_date(database.engine, symbol, length.bases)
    start, older = _start(calendar, length, window, asked, first, now=now)
    if start is None:
        return _answer(symbol, asked, [], [], None)
    view = View(database=database, length=length, start=start, end=end, as_of=None, now=now)
    series = plan_series(view, symbol, _Inline())
    sources = sorted({session.source for session in series.sessions if session.source is not None})
    table = read_series(view, series, names=[symbol.name], sources=sources)
    rows = _candles(table.slice(max(0, len(table) - asked.limit)))
    next_to = rows[0].ts if len(table) > asked.limit else start if older else None
    shown = {row.trade_date for row in rows}
    incomplete = [
        IncompleteSession(trade_date=one.trade_date, reason=one.reason)
        for one in series.incomplete
        if one.trade_date in shown
    ]
    return _answer(symbol, asked, rows, incomplete, next_to)


def _answer(
    symbol: Symbol,
    asked: Asked,
    rows: list[Candle],
    incomplete: list[IncompleteSession],
    next_to: datetime | None,
) -> Candles:
    return Candles(
        symbol=symbol.name,
        digits=price_digits(symbol.tick_size),
        timeframe=asked.timeframe,
        candles=rows,
        incomplete=incomplete,
        next_to=next_to,
    )


def _start(
    calendar: SessionCalendar, length: BarLength, window: Window, asked: Asked, first: date | None, *, now: datetime
) -> tuple[datetime | None, bool]:
    """Return from when on to read, so that ``limit`` bars are likely, and whether there may be older ones.

    ``None`` where nothing is stored so far back.
    """
    begin = window.end if first is None else max(window.start, _opening(calendar, first))
    if begin >= window.end:
        return None, False
    # What has not opened yet has no bars, however far it is to come.
    session = calendar.previous(min(window.last, now.date() + _DAY) + _DAY)
    end = min(window.end, now)
    left = float(asked.limit)
    spare = _SPARE
    while session.opens_at > begin:
        if session.opens_at < end:
            left -= _bars(session.closes_at - session.opens_at, length)
        if left <= 0:
            spare -= 1
        if spare < 0:
            start = _monday(calendar, session.trade_date) if length.weekly else session.opens_at
            return max(start, begin), start > begin
        session = calendar.previous(session.trade_date)
    return begin, False


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _bars(duration: timedelta, length: BarLength) -> float:
    """Return how many bars a session has at least; a day is a fifth of a week."""
    if length.minutes is None:
        return 0.2 if length.weekly else 1
    return max(1, duration // (length.minutes * _MINUTE))


def _opening(calendar: SessionCalendar, day: date) -> datetime:
    return calendar.next(day - _DAY).opens_at


def _monday(calendar: SessionCalendar, day: date) -> datetime:
    return _opening(calendar, day - timedelta(days=day.weekday()))


def _candles(table: pa.Table) -> list[Candle]:
    names = table.column_names
    columns = [
        [moment.astimezone(UTC) for moment in column] if name == "ts" else column
        for name, column in zip(names, (column.to_pylist() for column in table.columns), strict=True)
    ]
    wanted = [place for place, name in enumerate(names) if name != "symbol"]
    keys = [names[place] for place in wanted]
    return [
        Candle.model_construct(**dict(zip(keys, row, strict=True)))
        for row in zip(*(columns[place] for place in wanted), strict=True)
    ]
