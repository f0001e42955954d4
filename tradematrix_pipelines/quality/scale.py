"""Detectors of a session against those before and after it: scale, gaps, range, and changes of scale that last.

Here: whole sessions. Not here: bars within one (``moves``, ``single_bars``), and daily bars' ranges (``days``).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

import numpy as np

from tradematrix_pipelines.quality.evidence import PAUSE, Evidence
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.history import History
from tradematrix_pipelines.quality.summary import SessionSummary
from tradematrix_pipelines.quality.thresholds import Thresholds

_LARGEST_PART = 20
_NEAR_FRACTION = 0.06


def scale(evidence: Evidence) -> Iterator[Finding]:
    """Doubt or refuse a session that lies wholly away from the last accepted close."""
    last, limits = evidence.history.last, evidence.thresholds
    if last is None:
        return
    distance = _distance(evidence.summary, last.close)
    old = evidence.pause is not None and evidence.pause > timedelta(days=limits.scale_old)
    doubted, refused = ((factor**2 if old else factor) for factor in (limits.scale_doubted, limits.scale_refused))
    factor = float(np.exp(distance))
    if factor > doubted:
        yield Finding(
            kind=Kind.SCALE,
            severity=Severity.REFUSAL if factor > refused else Severity.DOUBT,
            value=factor,
            threshold=refused if factor > refused else doubted,
            message=f"all prices are a factor of {factor:.3g} or more from the close before, {last.close:g} "
            f"(doubted above {doubted:g}, refused above {refused:g})",
        )


def gap(evidence: Evidence) -> Iterator[Finding]:
    """Doubt an open far from the last accepted close, by the usual range of a session, or of a bar where it goes on."""
    last, limits, bars = evidence.history.last, evidence.thresholds, evidence.bars
    if last is None or evidence.pause is None or evidence.pause > timedelta(days=limits.gap_old):
        return
    distance = abs(float(bars.log_open[0]) - float(np.log(last.close)))
    limit = evidence.by_history(limits.gap, limits.gap_cold)
    value = distance / evidence.history.usual_range
    unit = "session's usual range"
    if evidence.goes_on and evidence.timeframe.minutes is not None and value <= limit:
        minutes = evidence.pause / timedelta(minutes=1) + last.last_minute + evidence.summary.first_minute
        value = _by_bars(evidence, distance, minutes, max(bars.usual_range(0), last.true_range))
        limit, unit = limits.gap_continuous, "bar's usual range"
    if value > limit:
        yield Finding(
            kind=Kind.GAP,
            severity=Severity.DOUBT,
            value=value,
            threshold=limit,
            at=bars.at(0),
            message=f"the session opens at {bars.open[0]:g}, {value:.1f} times a {unit} from the close before, "
            f"{last.close:g} (doubted above {limit:g})",
        )


def wide_range(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a session whose range is many times the usual one."""
    if not len(evidence.history):
        return
    limit = evidence.by_history(evidence.thresholds.range, evidence.thresholds.range_cold)
    value = evidence.summary.log_range / evidence.history.usual_range
    if value > limit:
        yield Finding(
            kind=Kind.RANGE,
            severity=Severity.DOUBT,
            value=value,
            threshold=limit,
            message=f"the range from {evidence.summary.low:g} to {evidence.summary.high:g} is {value:.1f} times a "
            f"session's usual range (doubted above {limit:g})",
        )


def next_session(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a close that the next session's open is far from; after the fact."""
    following, limits, bars = evidence.following, evidence.thresholds, evidence.bars
    if following is None or evidence.timeframe.minutes is None:
        return
    pause = following.opens_at - evidence.session.closes_at
    distance = abs(float(np.log(following.open)) - float(bars.log_close[-1]))
    if pause <= PAUSE:
        minutes = pause / timedelta(minutes=1) + evidence.summary.last_minute + following.first_minute
        value = _by_bars(evidence, distance, minutes, max(bars.usual_range(len(bars) - 1), following.true_range))
        limit, unit = limits.gap_continuous, "bar's usual range"
    elif pause <= timedelta(days=limits.gap_old) and len(evidence.history):
        value = distance / evidence.history.usual_range
        limit, unit = evidence.by_history(limits.gap, limits.gap_cold), "session's usual range"
    else:
        return
    if value > limit:
        yield Finding(
            kind=Kind.NEXT_SESSION,
            severity=Severity.DOUBT,
            value=value,
            threshold=limit,
            at=bars.at(-1),
            message=f"the next session opens at {following.open:g}, {value:.1f} times a {unit} from this one's close, "
            f"{bars.close[-1]:g} (doubted above {limit:g})",
        )


def _by_bars(evidence: Evidence, distance: float, minutes: float, usual: float) -> float:
    """Return a distance in multiples of a bar's usual range and of the root of the bars that fit between."""
    return distance / usual / float(np.sqrt(1 + minutes / evidence.minutes))


def lasting_change(evidence: Evidence) -> Iterator[Finding]:
    """Ask one question where enough sessions in a row, this one the last, agree on another scale.

    Which side is right can't be known from the series. Sessions after this one are judged by the new scale
    (:func:`anchor`), so the question comes once.
    """
    last, run = evidence.history.last, [*evidence.unaccepted, evidence.summary]
    count = int(evidence.thresholds.lasting_change)
    if last is None or not _agree_on_another_scale(run[-count:], last, evidence.thresholds, count):
        return
    ratio = run[-count].open / last.close
    yield Finding(
        kind=Kind.LASTING_CHANGE,
        severity=Severity.DOUBT,
        value=ratio,
        threshold=evidence.thresholds.scale_doubted,
        at=run[-count].opens_at,
        until=evidence.session.closes_at,
        message=f"{count} sessions since {run[-count].trade_date} agree on prices {ratio:.4g} times those before"
        f"{_suspicion(ratio)}: which side is right?",
    )


def anchor(history: History, unaccepted: Sequence[SessionSummary], thresholds: Thresholds) -> History:
    """Return the sessions to judge by: ``history``, or those since where they agree on another scale."""
    count = int(thresholds.lasting_change)
    if history.last is not None and _agree_on_another_scale(unaccepted[-count:], history.last, thresholds, count):
        return History(tuple(unaccepted[-count:]))
    return history


def _agree_on_another_scale(
    run: Sequence[SessionSummary], last: SessionSummary, thresholds: Thresholds, count: int
) -> bool:
    if len(run) < count or any(_distance(session, last.close) <= np.log(thresholds.scale_doubted) for session in run):
        return False
    limit = np.log(thresholds.scale_doubted)
    return all(_distance(later, earlier.close) <= limit for earlier, later in pairwise(run))


def _distance(session: SessionSummary, price: float) -> float:
    """Return how far, as a log ratio, the session's nearest price is from ``price``; 0 where it trades there."""
    return max(float(np.log(session.low / price)), float(np.log(price / session.high)), 0.0)


def _suspicion(ratio: float) -> str:
    """Return what a ratio looks like: a power of ten is a unit, a simple fraction a split."""
    tens = round(float(np.log10(ratio)))
    if tens and abs(ratio / 10.0**tens - 1) < _NEAR_FRACTION:
        return f", near {10.0**tens:g}, as by another unit or a split"
    parts = ((above, total - above) for total in range(2, _LARGEST_PART + 2) for above in range(1, total))
    near = next(((above, below) for above, below in parts if abs(ratio * below / above - 1) < _NEAR_FRACTION), None)
    return f", near {near[0]}/{near[1]}, as by a split" if near else ""
