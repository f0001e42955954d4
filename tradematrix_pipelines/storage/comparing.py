"""Comparing the candles and levels of this database with those of another one, series by series.

Here: reading both, and what is said of each series. Not here: the comparison (``moving``), or which series belong
together (``pairing``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from tradematrix_pipelines.candles.placement import spans
from tradematrix_pipelines.markets.sessions import to_instant
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.moving.differences import Difference, Rows, compare
from tradematrix_pipelines.moving.sessions import sessions_around
from tradematrix_pipelines.moving.shifts import Series, Shift, find_shift
from tradematrix_pipelines.moving.stamps import Correction, place
from tradematrix_pipelines.storage.other_database import OtherDatabase, OtherSeries
from tradematrix_pipelines.storage.pairing import Pair

LEVELS = "levels"
"""What stands in the place of a timeframe where levels are compared."""

_DAY = timedelta(days=1)
_NONE = Correction()
_ROUNDING = 0.01
"""Part of a tick by which levels may differ that were rounded before they were stored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One series of two databases, compared.

    Attributes:
        timeframe: as ours is named, or the other's label where that names none; ``levels`` for the daily levels.
        ours: rows of this database; ``theirs``: rows of the other.
        outside: rows of the other that lie in no session: they are not compared.
        shift: by how much the other's stamps are off; ``None`` where they are not, or where nothing says so.
        correction: what was laid over the other's stamps before they were compared.
        reason: why nothing was compared, or what else there is to say.
    """

    symbol: str
    timeframe: str
    ours: int = 0
    theirs: int = 0
    difference: Difference | None = None
    outside: int = 0
    shift: Shift | None = None
    correction: Correction = _NONE
    reason: str = ""


def look_for_shift(ours: OtherDatabase, other: OtherDatabase, mine: Pair, pair: Pair) -> Shift | None:
    """Return by how much the stamps of a symbol are off, by its finest intraday series; ``None`` where nothing says so.

    Args:
        mine: the same symbol's series in this database.
    """
    timeframe = pair.finest
    if timeframe is None or timeframe.minutes is None:
        return None
    first, last = _range(pair.series[timeframe])
    theirs = _closes(other, pair, timeframe, first, last)
    own = _closes(ours, mine, timeframe, first - _DAY, last + _DAY)
    return find_shift(
        theirs,
        minutes=timeframe.minutes,
        sessions=sessions_around(pair.symbol, first, last),
        ours=own,
        tick_size=pair.symbol.tick_size,
    )


def compare_symbol(
    ours: OtherDatabase,
    other: OtherDatabase,
    mine: Pair,
    pair: Pair,
    *,
    timeframes: Sequence[Timeframe],
    since: date | None,
    until: date | None,
    ticks: float = 0.0,
    correction: Correction | None = None,
) -> Iterator[Compared]:
    """Yield the comparison of each series of one symbol, then that of its levels.

    Args:
        mine: the same symbol's series in this database.
        timeframes: only these.
        since: first day compared; ``until``: last day compared; ``None`` = no bound.
        ticks: differences up to so many ticks are none.
        correction: laid over the other's stamps; ``None`` = what the other's candles themselves call for.
    """
    if pair.id is None:
        yield Compared(symbol=pair.symbol.name, timeframe="", reason="the other database has no such symbol")
        return
    shift = look_for_shift(ours, other, mine, pair)
    if correction is None:
        correction = _NONE if shift is None or shift.correction is None else shift.correction
    off = None if shift is None or shift.is_none else shift
    tolerance = max(ticks, _ROUNDING) * pair.symbol.tick_size
    for timeframe in Timeframe:
        if timeframe in timeframes and (timeframe in pair.series or timeframe in mine.series):
            yield _compare_series(
                ours, other, mine, pair, timeframe, since=since, until=until, tolerance=tolerance,
                correction=correction, shift=off,
            )  # fmt: skip
    for one in pair.unknown:
        reason = "its timeframe is none of ours: nothing compared"
        yield Compared(symbol=pair.symbol.name, timeframe=one.label, theirs=one.rows, reason=reason)
    if Timeframe.D1 in timeframes:
        levels = _compare_levels(ours, other, mine, pair, since=since, until=until, tolerance=tolerance)
        if levels.ours or levels.theirs:
            yield levels


def _compare_series(
    ours: OtherDatabase,
    other: OtherDatabase,
    mine: Pair,
    pair: Pair,
    timeframe: Timeframe,
    *,
    since: date | None,
    until: date | None,
    tolerance: float,
    correction: Correction,
    shift: Shift | None,
) -> Compared:
    theirs, outside = _rows(other, pair, timeframe, since=since, until=until, correction=correction)
    own, _ = _rows(ours, mine, timeframe, since=since, until=until, correction=_NONE)
    # What one of the two has deleted for its age is no difference.
    pruned = [*_pruned(ours, mine, timeframe), *_pruned(other, pair, timeframe)]
    own, theirs = _outside(own, pruned), _outside(theirs, pruned)
    difference = compare(own, theirs, tolerance=tolerance, zero_is_none=not other.is_ours)
    return Compared(
        symbol=pair.symbol.name,
        timeframe=timeframe.value,
        ours=len(own),
        theirs=len(theirs) + outside,
        difference=difference,
        outside=outside,
        shift=shift if timeframe.minutes is not None and len(theirs) + outside else None,
        correction=correction,
        reason="; ".join(_reasons(pair, len(pruned))),
    )


def _outside(rows: Rows, sessions: Sequence[tuple[datetime, datetime]]) -> Rows:
    mask = np.ones(len(rows), dtype=bool)
    for opens_at, closes_at in sessions:
        first, last = rows.keys.searchsorted([to_instant(opens_at), to_instant(closes_at)])
        mask[first:last] = False
    return rows.only(mask)


def _reasons(pair: Pair, pruned: int) -> Iterator[str]:
    if pair.others:
        yield f"not compared: {', '.join(pair.others)}"
    if pruned:
        yield f"not compared: {pruned} pruned session{'s' if pruned > 1 else ''}"


def _pruned(database: OtherDatabase, pair: Pair, timeframe: Timeframe) -> list[tuple[datetime, datetime]]:
    """Return the ranges of keys of the sessions that were pruned."""
    sessions = [] if pair.id is None else database.pruned(pair.id, str(timeframe))
    if timeframe is Timeframe.D1:  # whose keys are trade dates
        return [(_midnight(day), _midnight(day) + _DAY) for day, _, _ in sessions]
    return [(opens_at, closes_at) for _, opens_at, closes_at in sessions]


def _compare_levels(
    ours: OtherDatabase,
    other: OtherDatabase,
    mine: Pair,
    pair: Pair,
    *,
    since: date | None,
    until: date | None,
    tolerance: float,
) -> Compared:
    own = _levels(ours, mine, since, until)
    theirs = _levels(other, pair, since, until)
    best, reason = compare(own, theirs, tolerance=tolerance), ""
    if other.levels_are_of_their_day and len(theirs):
        # Under the session to trade with them, as ours are: the day that they come from is the session before.
        before = _levels(other, pair, since, until, days_before=1)
        moved = compare(own, before, tolerance=tolerance)
        if moved.equal > best.equal:
            best, theirs = moved, before
            reason = "stored under the session to trade with them, not under the day that they come from"
    return Compared(
        symbol=pair.symbol.name, timeframe=LEVELS, ours=len(own), theirs=len(theirs), difference=best, reason=reason
    )


def _rows(
    database: OtherDatabase,
    pair: Pair,
    timeframe: Timeframe,
    *,
    since: date | None,
    until: date | None,
    correction: Correction,
) -> tuple[Rows, int]:
    """Return the candles of a series that lie in sessions, by key, and how many do not."""
    series = pair.series.get(timeframe, ())
    if not series or pair.id is None:
        return Rows(np.array([], dtype="datetime64[us]"), {}), 0
    first, last = _range(series)
    first = max(first, _midnight(since) - 2 * _DAY) if since is not None else first
    last = min(last, _midnight(until) + 3 * _DAY) if until is not None else last
    candles = database.read_candles(pair.id, [one.label for one in series], first, last)
    placed = place(candles.stamps, timeframe, spans(sessions_around(pair.symbol, first, last)), correction)
    wanted = np.ones(len(placed.keys), dtype=bool)
    if since is not None:
        wanted &= placed.keys >= to_instant(_midnight(since))
    if until is not None:
        wanted &= placed.keys < to_instant(_midnight(until) + _DAY)
    mask = wanted & placed.inside
    values = {name: column[mask] for name, column in candles.columns.items()}
    return Rows.of(placed.keys[mask], values), int((wanted & ~placed.inside).sum())


def _levels(
    database: OtherDatabase, pair: Pair, since: date | None, until: date | None, *, days_before: int = 0
) -> Rows:
    """Return a symbol's levels by the day that they come from.

    Args:
        days_before: how many sessions that is before the day that they are stored under.
    """
    rows = [] if pair.id is None else database.read_levels(pair.id)
    if days_before and rows:
        where = spans(sessions_around(pair.symbol, _midnight(rows[0][0]), _midnight(rows[-1][0])))
        index = np.searchsorted(where.dates, np.array([day for day, _ in rows], dtype="datetime64[D]")) - days_before
        rows = [(where.dates[at].item(), levels) for at, (_, levels) in zip(index, rows, strict=True) if at >= 0]
    rows = [row for row in rows if (since or row[0]) <= row[0] <= (until or row[0])]
    names = rows[0][1].keys() if rows else ()
    return Rows.of(
        np.array([day for day, _ in rows], dtype="datetime64[us]"),
        {name: np.array([levels[name] for _, levels in rows], dtype=np.float64) for name in names},
    )


def _closes(database: OtherDatabase, pair: Pair, timeframe: Timeframe, first: datetime, last: datetime) -> Series:
    series = pair.series.get(timeframe, ())
    if not series or pair.id is None:
        return Series(np.array([], dtype="datetime64[us]"), np.array([]))
    candles = database.read_candles(pair.id, [one.label for one in series], first, last, columns=("close",))
    return Series(candles.stamps, candles.columns["close"])


def _range(series: Sequence[OtherSeries]) -> tuple[datetime, datetime]:
    """Return a half-open range that has all rows of these series."""
    return min(one.first for one in series), max(one.last for one in series) + timedelta(microseconds=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
