"""The simulated market at an instant: sessions, prices and faults joined into the bars of a query.

Here: which sessions a query covers, and the order of the steps. Not here: prices (``prices``, ``recorded``), what a
fault does (``apply_faults``), parameters (``query``), the format of an answer (``wire``).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol

import numpy as np

from tradematrix_pipelines.markets.calendars import SessionCalendar, get_calendar
from tradematrix_pipelines.markets.sessions import Session, to_instant
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import apply_faults
from tradematrix_pipelines.simulator.bars import Bars, Mask, aggregate, concat
from tradematrix_pipelines.simulator.faults import Faults
from tradematrix_pipelines.simulator.instruments import Instrument
from tradematrix_pipelines.simulator.query import SeriesQuery

_MARGIN = timedelta(days=3)
_SESSIONS_AT_ONCE = 16


class PriceSource(Protocol):
    """Where the simulator's minutes come from."""

    @property
    def instruments(self) -> Sequence[Instrument]:
        """Everything that is listed."""
        ...

    def since(self, instrument: Instrument, timeframe: Timeframe) -> date:
        """Return the first trade date with bars of ``timeframe``."""
        ...

    def minutes(self, instrument: Instrument, sessions: Sequence[Session], now: datetime) -> Bars:
        """Return the minutes of ``sessions`` that have begun at ``now``, ascending, each once."""
        ...


def exchange_zone(instrument: Instrument) -> tzinfo:
    """Return the zone of an instrument's exchange; UTC for what trades on none."""
    return UTC if instrument.is_pair else get_calendar(instrument.calendar).timezone


def first_open(source: PriceSource, instrument: Instrument, timeframe: Timeframe, faults: Faults) -> datetime:
    """Return the open of the first session with bars of ``timeframe``."""
    day = max(source.since(instrument, timeframe), faults.since) - timedelta(days=1)
    return get_calendar(instrument.calendar).next(day).opens_at


def find_bars(source: PriceSource, instrument: Instrument, query: SeriesQuery, faults: Faults, now: datetime) -> Bars:
    """Return the bars that answer ``query`` at ``now``, ascending, at most ``query.bars`` of them."""
    calendar = get_calendar(instrument.calendar)
    since = max(source.since(instrument, query.timeframe), faults.since)
    sessions = _sessions(calendar, query, faults, now, since=since)
    parts: list[Bars] = []
    for group in _groups(sessions, forward=faults.keep_oldest):
        minutes = source.minutes(instrument, group, now)
        minutes = apply_faults.revised(minutes, group, faults.revised)
        minutes = apply_faults.spiked(minutes, group, faults.spike)
        if query.timeframe is Timeframe.M1:
            minutes = apply_faults.with_missing(minutes, instrument.symbol, faults.missing)
        bars = aggregate(minutes, group, query.timeframe)
        if not faults.forming:
            bars = bars[_closed(bars, group, query.timeframe, now)]
        bars = bars[_inside(bars, query, faults, now)]
        parts.append(apply_faults.with_duplicates(bars, instrument.symbol, faults.duplicates))
        if sum(map(len, parts)) >= query.bars:
            break
    if faults.keep_oldest:
        return apply_faults.scaled(concat(parts), faults.scale)[: query.bars]
    return apply_faults.scaled(concat(parts[::-1]), faults.scale)[-query.bars :]


def _sessions(
    calendar: SessionCalendar, query: SeriesQuery, faults: Faults, now: datetime, *, since: date
) -> list[Session]:
    """Return the sessions that can have a bar of the query, ascending."""
    first = since if query.start is None else max(since, query.start.date() - _MARGIN)
    last = min(now if query.end is None else query.end, now).date() + _MARGIN
    sessions = [session for session in calendar.sessions(first, last) if session.trade_date != faults.closed]
    return apply_faults.with_ghosts(sessions, calendar, first, last) if faults.ghosts else sessions


def _groups(sessions: Sequence[Session], *, forward: bool) -> Iterator[Sequence[Session]]:
    """Yield sessions in groups, the newest first unless ``forward``, so that few unneeded bars are computed."""
    edges = range(0, len(sessions), _SESSIONS_AT_ONCE)
    if forward:
        yield from (sessions[edge : edge + _SESSIONS_AT_ONCE] for edge in edges)
    else:
        ends = (len(sessions) - edge for edge in edges)
        yield from (sessions[max(0, end - _SESSIONS_AT_ONCE) : end] for end in ends)


def _inside(bars: Bars, query: SeriesQuery, faults: Faults, now: datetime) -> Mask:
    """Return which bars lie in the query's window. Days are compared by date, and their end is always left out."""
    daily = query.timeframe is Timeframe.D1
    mask = np.ones(len(bars), dtype=np.bool_)
    if query.start is not None:
        mask &= bars.ts >= _mark(query.start, daily=daily)
    if query.end is None:
        return mask & (bars.ts <= to_instant(now))
    if daily or faults.exclusive_end:
        return mask & (bars.ts < _mark(query.end, daily=daily))
    return mask & (bars.ts <= _mark(query.end, daily=daily))


def _mark(moment: datetime, *, daily: bool) -> np.datetime64:
    return np.datetime64(moment.date(), "us") if daily else to_instant(moment)


def _closed(bars: Bars, sessions: Sequence[Session], timeframe: Timeframe, now: datetime) -> Mask:
    """Return which bars are over at ``now``; a session's last bar is over when the session is."""
    session_closes = np.array([to_instant(session.closes_at) for session in sessions])
    if timeframe.length is None:
        dates = np.array([session.trade_date for session in sessions], dtype="datetime64[us]")
        return session_closes[np.searchsorted(dates, bars.ts)] <= to_instant(now)
    opens = np.array([to_instant(session.opens_at) for session in sessions])
    own = session_closes[np.searchsorted(opens, bars.ts, side="right") - 1]
    over: Mask = np.minimum(bars.ts + np.timedelta64(timeframe.length), own) <= to_instant(now)
    return over
