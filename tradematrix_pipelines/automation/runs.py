"""The fewest runs for a part of the backlog: a run is one symbol, its timeframes, and a contiguous range of dates.

Where many symbols want the same, as at the close of an exchange, neighbours share a run: starting one costs more than
what it does for a symbol.
"""

import math
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tradematrix_pipelines.automation.backlog import Cause, FetchTask
from tradematrix_pipelines.markets.calendars import SessionCalendar, calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

_COMPLETE = {Cause.SPARSE, Cause.DOUBTFUL}
"""Causes to fetch sessions again that are complete."""

MOST_ALIKE = 5
"""Runs that differ in their symbol only, beyond which some are shared."""

MOST_SHARED = 500
"""Partitions of a shared run: a long backlog stays in many runs, which several workers carry out at once."""


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


def share_runs(runs: Iterable[Run], order: Sequence[str]) -> list[list[Run]]:
    """Return the runs in groups, each of which is carried out as one: of those that are alike, at most five.

    There are more groups where symbols are no neighbours, or dates are many.

    Args:
        order: the symbols in their order in Dagster: a run is a range of them.
    """
    alike: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        alike.setdefault((run.first, run.last, run.timeframes, run.refresh), []).append(run)
    places = {name: place for place, name in enumerate(order)}
    return [group for same in alike.values() for group in _neighbours(same, places)]


def _neighbours(runs: Sequence[Run], places: Mapping[str, int]) -> list[list[Run]]:
    most = min(math.ceil(len(runs) / MOST_ALIKE), MOST_SHARED // runs[0].partitions)
    if most <= 1:
        return [[run] for run in runs]
    groups = list[list[Run]]()
    placed = sorted(
        ((places[run.symbol.name], run) for run in runs if run.symbol.name in places), key=operator.itemgetter(0)
    )
    before = None
    for place, run in placed:
        if place - 1 == before and len(groups[-1]) < most:
            groups[-1].append(run)
        else:
            groups.append([run])
        before = place
    return [*groups, *([run] for run in runs if run.symbol.name not in places)]


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
