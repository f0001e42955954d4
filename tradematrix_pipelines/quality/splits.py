"""The question whether prices count in other units: when it is asked of a person, and in which words.

Only stocks and ETFs split; of the others it is asked when several sessions agree (``scale.lasting_change``). Here: the
question. Not here: what follows from the answer (``markets.splits``).
"""

from datetime import date
from itertools import pairwise

import numpy as np

from tradematrix_pipelines.markets.splits import is_decided, near_simple
from tradematrix_pipelines.markets.symbols import InstrumentType
from tradematrix_pipelines.quality.evidence import Evidence
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.summary import SessionSummary

_SPLIT = frozenset({InstrumentType.STOCK, InstrumentType.ETF})


def split_since(evidence: Evidence, tolerance: float) -> Finding | None:
    """Return the question where the session opens near a simple fraction of the last accepted close.

    It names the first session of those since that close that open near the same one. ``None`` where a person has
    answered it.
    """
    last, first = evidence.history.last, evidence.summary
    if last is None or evidence.symbol.instrument not in _SPLIT:
        return None
    simple = near_simple(first.open / last.close, tolerance)
    for earlier in reversed(evidence.unaccepted):
        if near_simple(earlier.open / last.close, tolerance) != simple:
            break
        first = earlier
    if simple is None or is_decided(evidence.symbol.splits, first.trade_date):
        return None
    return Finding(
        kind=Kind.SPLIT,
        severity=Severity.DOUBT,
        value=first.open / last.close,
        threshold=tolerance,
        message=f"the session opens at {evidence.summary.open:g} after a close of {last.close:g}, near a split of "
        f"{simple} since {first.trade_date}: answer with {_command(evidence, first.trade_date, simple)}, or `none`",
    )


def split_after(evidence: Evidence, session: SessionSummary) -> Finding | None:
    """Return the question where the official day is a simple fraction of its own session's candles.

    Vendors divide the days before a split, and not the minutes. It names the first later session whose candles open at
    that fraction.
    """
    day, limits = evidence.summary, evidence.thresholds
    if evidence.symbol.instrument not in _SPLIT:
        return None
    pairs = ((day.high, session.high), (day.low, session.low), (day.close, session.close))
    [simple, *others] = {near_simple(official / own, limits.split_same) for official, own in pairs}
    if simple is None or others:
        return None
    first, last = _first_session_at(evidence, session, simple)
    if any(split.trade_date > day.trade_date for split in evidence.symbol.splits if first in {None, split.trade_date}):
        return None
    command = _command(evidence, first, simple)
    since = f"since {first}" if first else f"after {last}, whose first session goes in place of DATE"
    return Finding(
        kind=Kind.SPLIT,
        severity=Severity.DOUBT,
        value=day.close / session.close,
        threshold=limits.split_same,
        message=f"the official day closes at {day.close:g}, its own candles at {session.close:g}, a split of {simple} "
        f"{since}: answer with {command}, or `none`",
    )


def which_units(evidence: Evidence, first: date, price_ratio: float) -> str:
    """Return the question which of two scales is right, with the command that answers it."""
    if is_decided(evidence.symbol.splits, first):
        return "which side is right?"
    simple = near_simple(price_ratio, evidence.thresholds.split_near)
    near = f"near {simple}, as by a split or another unit" if simple else "which side is right"
    return f"{near}? Answer with {_command(evidence, first, simple or 'RATIO')}, or `none`"


def nearest_units(session: SessionSummary, close: float, factors: list[float]) -> SessionSummary:
    """Return the session as it is, or divided by one of ``factors``: the one that closes nearest to ``close``."""
    choices = [session, *(session.divided(units) for units in factors)]
    return min(choices, key=lambda choice: abs(float(np.log(choice.close / close))))


def _first_session_at(evidence: Evidence, session: SessionSummary, simple: str) -> tuple[date | None, date]:
    """Return the first later session that opens at this fraction of the close before, and the last one known."""
    later = sorted(day for day in evidence.finer_by_date if day > session.trade_date)
    sessions = [session, *(evidence.finer_by_date[day] for day in later)]
    tolerance = evidence.thresholds.split_near
    for before, after in pairwise(sessions):
        if near_simple(after.open / before.close, tolerance) == simple:
            return after.trade_date, after.trade_date
    return None, sessions[-1].trade_date


def _command(evidence: Evidence, day: date | None, ratio: str) -> str:
    return f"`tradematrix split {evidence.symbol.name} {day or 'DATE'} {ratio}`"
