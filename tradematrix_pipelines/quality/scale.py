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
from tradematrix_pipelines.quality.splits import split_since, which_units
from tradematrix_pipelines.quality.summary import SessionSummary
from tradematrix_pipelines.quality.thresholds import Thresholds


def scale(evidence: Evidence) -> Iterator[Finding]:
    """Doubt or refuse a session that lies wholly away from the last accepted close, or ask whether it is a split."""
    last, limits = evidence.history.last, evidence.thresholds
    if last is None:
        return
    distance = evidence.summary.distance(last.close)
    old = evidence.pause is not None and evidence.pause > timedelta(days=limits.scale_old)
    doubted, refused = ((factor**2 if old else factor) for factor in (limits.scale_doubted, limits.scale_refused))
    factor = float(np.exp(distance))
    question = split_since(evidence, limits.split_near if factor > doubted else limits.split_near / 2)
    if question is not None and factor > (doubted if old else limits.split):
        yield question
    elif factor > doubted:
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
    first = run[-count]
    ratio = first.open / last.close
    yield Finding(
        kind=Kind.LASTING_CHANGE,
        severity=Severity.DOUBT,
        value=ratio,
        threshold=evidence.thresholds.scale_doubted,
        at=first.opens_at,
        until=evidence.session.closes_at,
        message=f"{count} sessions since {first.trade_date} agree on prices {ratio:.4g} times those before: "
        f"{which_units(evidence, first.trade_date, ratio)}",
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
    if len(run) < count or any(session.distance(last.close) <= np.log(thresholds.scale_doubted) for session in run):
        return False
    limit = np.log(thresholds.scale_doubted)
    return all(later.distance(earlier.close) <= limit for earlier, later in pairwise(run))
