"""Detectors of wrong stamps: quiet and busy hours in other places than usual, bars where the market is closed.

Here: time. Not here: how a profile is made (``profile``), or bars that are late or absent (``presence``).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np

from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.markets.sessions import to_instant
from tradematrix_pipelines.quality.bars import Floats, Mask
from tradematrix_pipelines.quality.evidence import Evidence
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.history import History
from tradematrix_pipelines.quality.profile import BESIDE, Fit, as_array, bucket_minutes, fits

_HOURS = (-3, -2, -1, 1, 2, 3)
"""Zones differ by whole hours; a free search over all lags is wrong in up to half of the sound sessions."""
_POOLED = 2
_LEAST_USUAL = 3
_WIDEST = 15
_WEEKEND = timedelta(hours=24)
_BESIDE = timedelta(hours=4)


def time_shift(evidence: Evidence) -> Iterator[Finding]:
    """Doubt a session whose profile of the day fits the usual one better when moved by whole hours.

    The two sessions before it, accepted or not, count with it: a shift lasts, and three sessions show it more clearly.
    """
    width, limits = bucket_minutes(evidence.minutes), evidence.thresholds
    length = len(evidence.summary.profile)
    own = as_array(evidence.summary.profile, length)
    inside = own[BESIDE // width : length - BESIDE // width]
    if width > _WIDEST or np.count_nonzero(~np.isnan(inside)) < limits.shift_filled * len(inside):
        return
    single = _fits(own, evidence.history.usual_profile(length), width)
    lag = _lag(single, limits.shift, limits.shift_fit)
    if lag is not None:
        yield _shift(single, lag, limits.shift, 1)
        return
    past = sorted([*evidence.history.sessions, *evidence.unaccepted], key=lambda session: session.trade_date)
    recent = past[-_POOLED:]
    usual = History(tuple(session for session in evidence.history.sessions if session not in recent))
    if len(usual) < _LEAST_USUAL or max(one.gain for one in single) <= 0:
        return
    reference = usual.usual_profile(length)
    pool = [_fits(own, reference, width)]
    for session in reversed(recent):
        pool.append(_fits(as_array(session.profile, length), reference, width))
        mean = [_mean(of_lag) for of_lag in zip(*pool, strict=True)]
        lag = _lag(mean, limits.shift_pooled, limits.shift_fit)
        if lag is not None:
            yield _shift(mean, lag, limits.shift_pooled, len(pool))
            return


def _fits(own: Floats, usual: Floats, width: int) -> list[Fit]:
    """Return how a profile fits the usual one at each of the lags."""
    return fits(own, usual, [hours * 60 // width for hours in _HOURS])


def _mean(several: Sequence[Fit]) -> Fit:
    """Return the mean fit of several sessions at one lag; what chance does to it shrinks with their number."""
    count, significance = len(several), sum(one.significance for one in several)
    return Fit(sum(one.gain for one in several) / count, significance / float(np.sqrt(count)))


def _lag(by_lag: Sequence[Fit], gain: float, significance: float) -> int | None:
    """Return the position of the lag with the greatest gain, where that is beyond both thresholds."""
    best = max(range(len(by_lag)), key=lambda lag: by_lag[lag].gain)
    return best if by_lag[best].gain > gain and by_lag[best].significance > significance else None


def _shift(by_lag: Sequence[Fit], lag: int, limit: float, sessions: int) -> Finding:
    hours, gain = _HOURS[lag], by_lag[lag].gain
    return Finding(
        kind=Kind.TIME_SHIFT,
        severity=Severity.DOUBT,
        value=gain,
        threshold=limit,
        message=f"busy and quiet hours fit the usual ones better by {gain:.2f} if stamps are {abs(hours)} h too "
        f"{'late' if hours > 0 else 'early'}, over {sessions} session{'s' if sessions > 1 else ''} "
        f"(doubted above {limit:g})",
    )


def weekend(evidence: Evidence) -> Iterator[Finding]:
    """Doubt bars beside the session in a closed weekend, as a shift of whole hours leaves them.

    Some vendors quote through whole weekends: bars far from both edges show that, and then there is only a note.
    """
    if evidence.symbol.gap_tolerance is None or evidence.outside.empty:
        return
    ts = instants(evidence.outside["ts"])
    moving = evidence.outside["high"].to_numpy() > evidence.outside["low"].to_numpy()
    before, after, session = evidence.session_before, evidence.session_after, evidence.session
    closures = []
    if before is not None:
        closures.append((before.closes_at, session.opens_at, False))
    if after is not None:
        closures.append((session.closes_at, after.opens_at, True))
    for start, end, follows in closures:
        if end - start < _WEEKEND:
            continue
        within = moving & (ts >= to_instant(start)) & (ts < to_instant(end))
        far = within & (ts >= to_instant(start + _BESIDE)) & (ts < to_instant(end - _BESIDE))
        near = within & ((ts < to_instant(start + _BESIDE)) if follows else (ts >= to_instant(end - _BESIDE)))
        yield from _weekend(evidence, near, quotes_through=bool(far.any()))


def _weekend(evidence: Evidence, near: Mask, *, quotes_through: bool) -> Iterator[Finding]:
    count, limit = int(np.count_nonzero(near)), evidence.thresholds.weekend
    if count > limit:
        first = evidence.outside["ts"].iloc[int(near.argmax())]
        yield Finding(
            kind=Kind.WEEKEND,
            severity=Severity.NOTE if quotes_through else Severity.DOUBT,
            value=count,
            threshold=limit,
            at=first.to_pydatetime(),
            message=f"{count} bars lie in the closed weekend beside the session"
            + (", and others throughout it" if quotes_through else ": its stamps may be shifted"),
        )


def bar_end_stamps(evidence: Evidence) -> Iterator[Finding]:
    """Doubt an exchange's session that has a bar at its close and none at its open: stamped with the bars' ends."""
    if evidence.symbol.gap_tolerance is not None or evidence.bars.slots[0] == 0:
        return
    length = np.timedelta64(evidence.minutes, "m")
    ts, opens = instants(evidence.outside["ts"]), to_instant(evidence.session.opens_at)
    beside = (ts >= opens - length) & (ts < opens) | (ts > evidence.closes) & (ts <= evidence.closes + length)
    if (ts == evidence.closes).any() and not beside.any():
        yield Finding(
            kind=Kind.BAR_END_STAMPS,
            severity=Severity.DOUBT,
            value=1,
            threshold=0,
            at=evidence.session.closes_at,
            message="a bar is stamped with the session's close, and none with its open: stamps seem to be bars' ends",
        )
