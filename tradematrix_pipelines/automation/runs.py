"""The fewest runs for a part of the backlog: a run is one symbol, its timeframes, and a contiguous range of dates."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from tradematrix_pipelines.automation.backlog import Cause, FetchTask
from tradematrix_pipelines.markets.calendars import SessionCalendar, calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

_COMPLETE = {Cause.SPARSE, Cause.DOUBTFUL}
"""Causes to fetch sessions again that are complete."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run: one symbol's trade dates ``first`` to ``last``.

    Attributes:
        timeframes: series to fetch; empty for levels to compute.
        refresh: whether complete sessions are fetched too.
    """

    symbol: Symbol
    first: date
    last: date
    timeframes: tuple[Timeframe, ...] = ()
    refresh: bool = False

    @property
    def partitions(self) -> int:
        """Sessions and closed days x timeframes, an upper bound where weekends lie between."""
        return ((self.last - self.first).days + 1) * max(1, len(self.timeframes))


def plan_runs(tasks: Iterable[FetchTask]) -> list[Run]:
    """Return the fewest runs that do exactly these tasks: by symbol, candles before levels."""
    by_symbol: dict[str, list[FetchTask]] = {}
    for task in tasks:
        by_symbol.setdefault(task.symbol.name, []).append(task)
    return [run for of_symbol in by_symbol.values() for run in _runs(of_symbol[0].symbol, of_symbol)]


def contiguous_ranges(dates: Collection[date], calendar: SessionCalendar) -> Iterator[tuple[date, date]]:
    """Yield the first and last of each range of ``dates`` that has no other session in between."""
    run: list[date] = []
    for session in calendar.sessions(min(dates), max(dates)) if dates else []:
        if session.trade_date in dates:
            run.append(session.trade_date)
        elif run:
            yield run[0], run[-1]
            run = []
    if run:
        yield run[0], run[-1]


def _runs(symbol: Symbol, tasks: Sequence[FetchTask]) -> Iterator[Run]:
    calendar = calendar_of(symbol)
    for refresh in (False, True):
        by_date = _timeframes(task for task in tasks if (task.cause in _COMPLETE) == refresh)
        for timeframes in dict.fromkeys(by_date[day] for day in sorted(by_date)):
            dates = {day for day, of_day in by_date.items() if of_day == timeframes}
            for first, last in contiguous_ranges(dates, calendar):
                yield Run(symbol=symbol, first=first, last=last, timeframes=timeframes, refresh=refresh)
    levels = {task.trade_date for task in tasks if task.timeframe is None}
    for first, last in contiguous_ranges(levels, calendar):
        yield Run(symbol=symbol, first=first, last=last)


def _timeframes(tasks: Iterable[FetchTask]) -> dict[date, tuple[Timeframe, ...]]:
    """Return the timeframes to fetch, by trade date."""
    wanted = {(task.trade_date, task.timeframe) for task in tasks if task.timeframe is not None}
    return {
        day: tuple(timeframe for timeframe in Timeframe if (day, timeframe) in wanted)
        for day in {trade_date for trade_date, _ in wanted}
    }
