"""Detectors that compare a session with what else the vendor says of it: its coarser bars, its official day.

Here: where these would give other levels. Not here: what they settle of bars that are absent (``presence``).
"""

from collections.abc import Iterator

import numpy as np

from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.markets.splits import later_factors
from tradematrix_pipelines.quality.evidence import Evidence
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.splits import nearest_units, split_after
from tradematrix_pipelines.quality.summary import SessionSummary


def coarser_bars(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a high, low or close that the vendor's coarser bars of the whole session don't have."""
    bars, limits = evidence.bars, evidence.thresholds
    for timeframe, rows in evidence.coarser.items():
        grid = evidence.session.bar_opens(timeframe)
        own = rows[np.isin(instants(rows["ts"]), grid)]
        if timeframe.minutes is None or len(own) < len(grid):
            continue
        tick = evidence.symbol.tick_size / float(bars.close[-1])
        offs = {
            "high": _off(own["high"].max(), evidence.summary.high, bars.usual_range(int(bars.high.argmax()))),
            "low": _off(own["low"].min(), evidence.summary.low, bars.usual_range(int(bars.low.argmin()))),
            "close": _off(own["close"].iloc[-1], evidence.summary.close, limits.official_close * tick),
        }
        yield from _differences(Kind.COARSER_BARS, offs, limits.coarser_extreme, f"the vendor's {timeframe} bars")


def official_day(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a session whose prices differ from the official day's by a good part of its range.

    Where no auction follows (FX, metals), the close has to be the same.
    """
    day = evidence.official
    if day is not None and len(day):
        row, least = day.iloc[-1], evidence.bars.least_range
        yield from _day_by_session(evidence, (row["high"], row["low"], row["close"]), evidence.summary, least)


def own_bars(evidence: Evidence) -> Iterator[Finding]:
    """Doubt an official day whose prices differ from those of its own session's candles (:func:`official_day`).

    The candles count in their own units, or in those since a later split: whichever is nearer.
    """
    if evidence.finer is None:
        return
    day = evidence.summary
    factors = list(later_factors(evidence.symbol.splits, after=day.trade_date))
    session = nearest_units(evidence.finer, day.close, factors)
    question = split_after(evidence, session)
    if question is None:
        yield from _day_by_session(evidence, (day.high, day.low, day.close), session, 0.0)
    else:
        yield question


def _day_by_session(
    evidence: Evidence, day: tuple[float, float, float], session: SessionSummary, least: float
) -> Iterator[Finding]:
    limits, tick = evidence.thresholds, evidence.symbol.tick_size / session.close
    part = limits.official_price * max(session.log_range, least, tick)
    auction = evidence.symbol.gap_tolerance is None
    offs = {
        "high": _off(day[0], session.high, part),
        "low": _off(day[1], session.low, part),
        "close": _off(day[2], session.close, part if auction else limits.official_close * tick),
    }
    yield from _differences(Kind.OFFICIAL_DAY, offs, 1.0, "the official day")


def _off(theirs: float, ours: float, allowed: float) -> tuple[float, float, float]:
    """Return both prices and their log distance in multiples of what is allowed."""
    return float(theirs), ours, abs(float(np.log(theirs / ours))) / allowed


def _differences(
    kind: Kind, offs: dict[str, tuple[float, float, float]], limit: float, whose: str
) -> Iterator[Finding]:
    name = max(offs, key=lambda key: offs[key][2])
    theirs, ours, value = offs[name]
    if value > 1e-9:
        yield Finding(
            kind=kind,
            severity=Severity.DOUBT if value > limit else Severity.NOTE,
            value=value,
            threshold=limit,
            message=f"{name} by {whose}: {theirs:g}, by the session: {ours:g}, {value:.2f} times what feeds "
            f"differ by (doubted above {limit:g})",
        )
