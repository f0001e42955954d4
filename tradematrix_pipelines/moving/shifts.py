"""By how much the stamps of a series are off, and whose clock that is.

Three witnesses, the best first: our candles of the same market, whose prices the series repeats; the sessions, into
which one shift alone puts all bars; and the pauses of the market (``quality.constant_shift``). Each is asked for each
stretch of time between two clock changes, so that a wall clock stamped as UTC is not taken for two constants.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.candles.placement import Spans, spans
from tradematrix_pipelines.markets.sessions import Instants, Session, from_instant
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.markets.zones import WallClock, parse_wall_clock
from tradematrix_pipelines.moving.stamps import MOST_MINUTES, Correction
from tradematrix_pipelines.quality.constant_shift import constant_shift

CLOCKS = tuple(parse_wall_clock(name) for name in ("Europe/Berlin", "America/New_York", "Europe/London", "Asia/Tokyo"))
"""Clocks that stamps are tried with, the likely ones first."""

_STEP = 30
_LAGS = np.array(sorted(range(-MOST_MINUTES, MOST_MINUTES + 1, _STEP), key=abs), dtype="timedelta64[m]")
"""How late stamps may be: the smallest first, which counts where several fit as well."""

_SAMPLE = 1000
_LEAST_SHARED = 20
_AGREEING = 0.6
_AHEAD = 0.3
"""By how much more prices must agree at one shift than at any other."""

_BIN = 15
"""Minutes: the sessions begin and end with a quarter of an hour, and so do the shifts."""
_OUTSIDE = 0.01
"""Part of the bars that may lie outside the sessions, where these are to say by how much stamps are off."""
_GAIN = 0.002
"""Part of the bars that a shift must bring into the sessions."""


@dataclass(frozen=True, slots=True)
class Series:
    """Opens of bars, ascending, and their closes in price units."""

    ts: Instants
    close: npt.NDArray[np.float64]

    def between(self, first: np.datetime64, last: np.datetime64) -> "Series":
        """Return the bars with ``first <= ts < last``."""
        begin, end = np.searchsorted(self.ts, [first, last])
        return Series(self.ts[begin:end], self.close[begin:end])


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of stamps between two clock changes.

    Attributes:
        first: its first stamp.
        minutes: by how much the stamps are late; negative = early.
        witness: what says so.
    """

    first: datetime
    minutes: int
    witness: str


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much the stamps of a series are off.

    Attributes:
        parts: stretches of time with the same shift, ascending.
        correction: what puts them right; ``None`` where neither a clock nor a constant does.
    """

    parts: tuple[Part, ...]
    correction: Correction | None

    @property
    def is_none(self) -> bool:
        """Whether the stamps are right."""
        return not any(part.minutes for part in self.parts)

    @property
    def brief(self) -> str:
        """The same in a few characters: ``+60m``, ``+60/+120m``."""
        return "/".join(f"{minutes:+d}" for minutes in dict.fromkeys(part.minutes for part in self.parts)) + "m"

    def __str__(self) -> str:
        changes = [self.parts[0], *(now for before, now in pairwise(self.parts) if now.minutes != before.minutes)]
        first, *later = [f"{part.minutes:+d}m" for part in changes]
        since = [f"{text} since {part.first:%Y-%m-%d}" for text, part in zip(later, changes[1:], strict=True)]
        named = f" ({self.correction})" if self.correction is not None and self.correction.clock is not None else ""
        return ", ".join([first, *since]) + named


def find_shift(
    theirs: Series, *, minutes: int, sessions: Sequence[Session], ours: Series, tick_size: float
) -> Shift | None:
    """Return by how much stamps are off, 0 included; ``None`` where nothing says so.

    Args:
        minutes: length of a bar.
        sessions: all of the calendar from days before the first to days after the last bar, ascending.
        ours: our candles of this or a finer timeframe.
        tick_size: closes that differ by less are the same.
    """
    where = spans(sessions)
    parts = []
    for first, last in _stretches(theirs.ts):
        part = theirs.between(first, last)
        found = (
            _by_prices(part, ours, tick_size)
            or _by_sessions(part, where, minutes)
            or _by_pauses(part, sessions, minutes)
        )
        if found is not None:
            parts.append(Part(from_instant(part.ts[0]), *found))
    return Shift(tuple(parts), _named(parts)) if parts else None


def _stretches(ts: Instants) -> Iterator[tuple[np.datetime64, np.datetime64]]:
    """Yield the stretches of stamps in which no clock changes, those without a bar left out."""
    if not len(ts):
        return
    first, last = from_instant(ts[0]).date(), from_instant(ts[-1]).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 2)]
    offsets = [[_offset(clock, datetime.combine(day, time(), UTC)) for clock in CLOCKS] for day in days]
    edges = [days[0], *(day for day, (before, now) in zip(days[1:], pairwise(offsets), strict=True) if before != now)]
    bounds = [np.datetime64(day, "us") for day in edges] + [np.datetime64(days[-1], "us")]
    for begin, end in pairwise(bounds):
        inside = np.searchsorted(ts, [begin, end])
        if inside[1] > inside[0]:
            yield begin, end


def _offset(clock: WallClock, moment: datetime) -> int:
    """Return by how many minutes a clock is ahead of UTC."""
    ahead = moment.astimezone(clock.zone).utcoffset() or timedelta()
    return int(ahead.total_seconds()) // 60 + 60 * clock.ahead


def _named(parts: Sequence[Part]) -> Correction | None:
    """Return the clock that shows what the parts say, else the constant that all of them say."""
    late = {part.minutes for part in parts}
    if late == {0}:
        return Correction()
    for clock in CLOCKS:
        # A stretch begins on the day after the night in which a clock changes.
        if all(_offset(clock, part.first + timedelta(days=1)) == part.minutes for part in parts):
            return Correction(clock=clock)
    return Correction(minutes=-late.pop()) if len(late) == 1 else None


def _by_prices(theirs: Series, ours: Series, tick_size: float) -> tuple[int, str] | None:
    """Return the shift at which the closes repeat ours."""
    reach = np.abs(_LAGS).max()
    ours = ours.between(theirs.ts[0] - reach, theirs.ts[-1] + reach)
    if not len(ours.ts):
        return None
    sample = np.unique(np.linspace(0, len(theirs.ts) - 1, _SAMPLE).astype(int))
    shares = np.zeros(len(_LAGS))
    for number, lag in enumerate(_LAGS):
        wanted = theirs.ts[sample] - lag
        place = np.minimum(np.searchsorted(ours.ts, wanted), len(ours.ts) - 1)
        shared = ours.ts[place] == wanted
        if shared.sum() >= _LEAST_SHARED:
            same = np.abs(ours.close[place[shared]] - theirs.close[sample[shared]]) < tick_size / 2
            shares[number] = same.mean()
    best = int(shares.argmax())
    if shares[best] < _AGREEING or shares[best] < np.delete(shares, best).max() + _AHEAD:
        return None
    return _minutes(_LAGS[best]), "our candles have the same prices then"


def _by_pauses(theirs: Series, sessions: Sequence[Session], minutes: int) -> tuple[int, str] | None:
    if minutes > _BIN:  # the close cuts a longer bar short, so that its end says nothing
        return None
    first, last = from_instant(theirs.ts[0]), from_instant(theirs.ts[-1])
    days = timedelta(days=1)
    near = [one for one in sessions if one.closes_at > first - days and one.opens_at < last + days]
    shift = constant_shift(theirs.ts, near, minutes=minutes)
    if shift is None:
        return None
    return shift.minutes, f"{shift.agreeing} of {shift.pauses} pauses of the market say so"


def _by_sessions(theirs: Series, where: Spans, minutes: int) -> tuple[int, str] | None:
    """Return the one shift that puts the bars into the sessions, and on their grid."""
    step = max(_BIN, minutes)
    bins, counts = np.unique(theirs.ts.astype("datetime64[m]").astype(np.int64) // _BIN, return_counts=True)
    opens = (bins * _BIN).astype("datetime64[m]").astype("datetime64[us]")
    inside = np.array([counts[_fits(opens - lag, where, step)].sum() for lag in _LAGS])
    total, best = counts.sum(), int(inside.argmax())
    is_one = (inside == inside[best]).sum() == 1
    gain = inside[best] - inside[0]  # the first lag is none
    if not is_one or inside[best] < total * (1 - _OUTSIDE) or 0 < gain < max(total * _GAIN, 2):
        return None
    return _minutes(_LAGS[best]), "only so do the bars lie in the sessions"


def _fits(ts: Instants, where: Spans, step: int) -> npt.NDArray[np.bool_]:
    """Return which times lie in a session, whole steps of minutes after its open."""
    index = where.locate(ts, Timeframe.M1)
    if not len(where.opens):
        return index >= 0
    since = (ts - where.opens[index]) / np.timedelta64(1, "m")
    fits: npt.NDArray[np.bool_] = (index >= 0) & (since % step == 0)
    return fits


def _minutes(lag: np.timedelta64) -> int:
    return int(lag / np.timedelta64(1, "m"))
