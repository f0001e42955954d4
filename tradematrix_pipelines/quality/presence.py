"""Detectors of what is absent from a session that counts as complete, because some minutes may be without a tick.

Here: how many bars, from when to when, and whether an absent bar may have been the extreme. Not here: completeness
itself (``candles.coverage``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.frame import PRICES, instants
from tradematrix_pipelines.candles.screen import Reason
from tradematrix_pipelines.markets.sessions import from_instant
from tradematrix_pipelines.quality.evidence import Evidence
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.history import RECENT
from tradematrix_pipelines.quality.summary import SessionSummary

_LEAST_SESSIONS = 3
_PAUSE_ALLOWANCE = 10
"""Minutes by which a gap tolerance exceeds the longest pause of sound sessions: 15 for FX's 5, 20 for metals' 10."""
_MONDAY, _FRIDAY = 0, 4
_WITH_PRICES = {Reason.BAD_VOLUME, Reason.CONFLICT, Reason.HIGH_TOO_LOW, Reason.LOW_TOO_HIGH}
"""Reasons to reject a bar whose prices are nonetheless its own, or candidates for them."""
_RANGE_OF_WALK = 1.6
"""Expected range of a random walk in its deviations, sqrt(8 / pi) (Feller 1951): a usual range by it is a deviation."""


def density(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a session with far fewer bars than usual."""
    if evidence.symbol.gap_tolerance is None or len(evidence.history) < _LEAST_SESSIONS:
        return
    usual, limit = evidence.history.usual_share, evidence.thresholds.density
    value = len(evidence.bars) / evidence.bars.expected / usual
    if value < limit:
        yield Finding(
            kind=Kind.DENSITY,
            severity=Severity.DOUBT,
            value=value,
            threshold=limit,
            message=f"it has {len(evidence.bars):,} of {evidence.bars.expected:,} bars, {value:.0%} of the usual share "
            f"(doubted below {limit:.0%})",
        )


def edges(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a first bar later, or a last one earlier, than in any of the last sessions."""
    if evidence.symbol.gap_tolerance is None:
        return
    day, recent = evidence.session.trade_date.weekday(), evidence.history.sessions[-RECENT:]
    starts = [session.first_minute for session in recent if _alike(session, day, _MONDAY)]
    ends = [session.last_minute for session in recent if _alike(session, day, _FRIDAY)]
    bars = evidence.bars
    first, last = evidence.summary.first_minute, evidence.summary.last_minute
    opens, closes = evidence.session.opens_at, evidence.session.closes_at
    yield from _edge(evidence, first, starts, "first bar is {} minutes after the open", (opens, bars.at(0)))
    ended = closes - timedelta(minutes=last)
    yield from _edge(evidence, last, ends, "last bar ends {} minutes before the close", (ended, closes))


def _alike(session: SessionSummary, day: int, special: int) -> bool:
    return (session.trade_date.weekday() == special) == (day == special)


def _edge(
    evidence: Evidence, minutes: float, before: Sequence[float], text: str, where: tuple[datetime, datetime]
) -> Iterator[Finding]:
    limits = evidence.thresholds
    cold = max(limits.edge_cold, (evidence.symbol.gap_tolerance or 0) - _PAUSE_ALLOWANCE)
    limit = max(before) + max(limits.edge, evidence.minutes) if before else max(cold, evidence.minutes)
    if minutes > limit:
        yield Finding(
            kind=Kind.EDGE,
            severity=Severity.DOUBT,
            value=minutes,
            threshold=limit,
            at=where[0],
            until=where[1],
            message=f"its {text.format(f'{minutes:g}')} (doubted above {limit:g})",
        )


@dataclass(frozen=True, slots=True)
class _Hole:
    """Bars missing in a row: ``first`` and ``end`` are positions on the session's grid, ``end`` not included."""

    first: int
    end: int
    suspects: pd.DataFrame
    """The rejected bars of the hole."""


def hidden_extremes(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a high or low that a rejected bar, or an unusually long hole, may have passed.

    A hole's prices are taken for a random walk between the prices beside it (a Brownian bridge), which passes a level
    with the chance exp(-2 a b / (s^2 (m + 1))): a and b are the log distances of the level from both ends, s the
    deviation of a bar, m the bars missing (Glasserman 2004, Monte Carlo Methods in Financial Engineering, 6.4).
    What the vendor's coarser bars or official day rule out is settled.
    """
    limits = evidence.thresholds
    chances = [(_chance(evidence, hole), hole) for hole in _holes(evidence) if not _is_settled(evidence, hole)]
    doubted = [(chance, hole) for chance, hole in chances if chance > limits.hidden_chance]
    if not doubted:
        return
    chance, hole = max(doubted, key=lambda pair: pair[0])
    start, end = map(from_instant, _extent(evidence, hole))
    what = f"{len(hole.suspects)} rejected bars" if len(hole.suspects) else f"{hole.end - hole.first} missing bars"
    yield Finding(
        kind=Kind.HIDDEN_EXTREME,
        severity=Severity.DOUBT,
        value=chance,
        threshold=limits.hidden_chance,
        at=start,
        until=end,
        message=f"{what} at {start:%H:%M} UTC may have passed the high or low, by a chance of {chance:.0%} "
        f"(doubted above {limits.hidden_chance:.0%}); such holes: {len(doubted)}",
    )


def _holes(evidence: Evidence) -> Iterator[_Hole]:
    """Yield the holes that have a rejected bar or are longer than usual; with no tolerance a session has none."""
    bars = evidence.bars
    limit = max(evidence.thresholds.hidden_hole, evidence.history.longest_hole)
    slots = np.concatenate([[-1], bars.slots, [bars.expected]])
    firsts, ends = slots[:-1] + 1, slots[1:]
    if evidence.rejected.empty and (ends - firsts).max() <= limit:
        return
    rejected = instants(evidence.rejected["ts"])
    where = np.searchsorted(bars.grid, rejected, side="right") - 1
    for first, end in zip(firsts[ends > firsts].tolist(), ends[ends > firsts].tolist(), strict=True):
        mine = (where >= first) & (where < end) & (rejected < evidence.closes)
        inside = first > 0 and end < bars.expected  # a hole at an edge is late or early (``edges``)
        if mine.any() or (inside and end - first > limit):
            yield _Hole(first, end, evidence.rejected[mine])


def _chance(evidence: Evidence, hole: _Hole) -> float:
    """Return the chance that the hole passed the session's high or low."""
    bars, limits = evidence.bars, evidence.thresholds
    high, low = float(bars.log_high.max()), float(bars.log_low.min())
    after = int(np.searchsorted(bars.slots, hole.end))
    start, end = _ends(evidence, after)
    factor = limits.hidden_rejected if len(hole.suspects) else limits.hidden_missing
    usual = bars.usual_range(min(after, len(bars) - 1))
    variance = (factor * usual / _RANGE_OF_WALK) ** 2 * (hole.end - hole.first + 1)
    top, bottom = _known_sides(hole)
    return max(
        _passed(high - start, high - end, variance, top - high if top is not None else None),
        _passed(start - low, end - low, variance, low - bottom if bottom is not None else None),
    )


def _passed(before: float, after: float, variance: float, beyond: float | None) -> float:
    """Return the chance of passing a level that is so far away before and after; ``beyond`` settles it where known."""
    if beyond is not None:
        return float(beyond > 0)
    return float(np.exp(-2 * max(before * after, 0.0) / variance))


def _known_sides(hole: _Hole) -> tuple[float | None, float | None]:
    """Return the highest and lowest log price of a hole as far as its rejected bars tell.

    A bar whose high is below its open or close hides its high, but not its low. Other broken bars hide both.
    """
    suspects = hole.suspects
    if len(suspects) < hole.end - hole.first or not set(suspects["reason"]) <= _WITH_PRICES:
        return None, None
    opens, highs, lows, closes = (suspects[name].to_numpy() for name in PRICES)
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    return (
        float(np.log(highs.max())) if (highs >= top).all() else None,
        float(np.log(lows.min())) if (lows <= bottom).all() else None,
    )


def _ends(evidence: Evidence, after: int) -> tuple[float, float]:
    """Return the log prices beside a hole; ``after`` is the bar that follows it."""
    bars, last = evidence.bars, evidence.history.last
    if after == 0:
        start = float(np.log(last.close)) if last is not None and evidence.goes_on else float(bars.log_open[0])
        return start, float(bars.log_open[0])
    start = float(bars.log_close[after - 1])
    return start, float(bars.log_open[after]) if after < len(bars) else start


def _is_settled(evidence: Evidence, hole: _Hole) -> bool:
    """Whether coarser bars that cover the hole, or the official day, stay within the session's high and low."""
    start, end = _extent(evidence, hole)
    high, low = evidence.summary.high, evidence.summary.low
    official = evidence.official
    if official is not None and (official["high"] <= high).all() and (official["low"] >= low).all():
        return True
    for timeframe, rows in evidence.coarser.items():
        length = np.timedelta64(timeframe.minutes or 0, "m")
        opens = instants(rows["ts"])
        over = (opens < end) & (opens + length > start)
        covered = np.minimum(opens[over] + length, end) - np.maximum(opens[over], start)
        inside = (rows["high"].to_numpy()[over] <= high) & (rows["low"].to_numpy()[over] >= low)
        if covered.sum() >= end - start and inside.all():
            return True
    return False


def _extent(evidence: Evidence, hole: _Hole) -> tuple[np.datetime64, np.datetime64]:
    grid = evidence.bars.grid
    return grid[hole.first], grid[hole.end] if hole.end < len(grid) else evidence.closes
