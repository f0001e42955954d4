"""Which calendar, zone and side of stamps the bars of a file fit best, by when they begin and end.

A file's runs of bars are compared with the sessions of each calendar: weekly edges, opens, closes and pauses. Pure.
Here: times alone. Not here: the file (``inspection``), or whether sessions are complete (``candles.covering``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradematrix_pipelines.candles.placement import Spans, spans
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Instants, Session
from tradematrix_pipelines.markets.zones import WallClock, parse_wall_clock
from tradematrix_pipelines.vendors.files.options import Stamps

CALENDARS = ("XETR", "XNYS", "FX", "DE40", "US500", "METALS", "24/7")
"""Those that are compared, the likely ones first; US30 and NAS100 have the hours of US500."""
CLOCKS = tuple(
    parse_wall_clock(name)
    for name in (
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/New_York+7",
        "Europe/Athens",
        "Europe/London",
        "America/Chicago",
        "Etc/GMT+5",
        "Asia/Tokyo",
    )
)
"""Those that are tried for times without a zone, the likely ones first."""
UTC = CLOCKS[0]
_BRIDGED = np.timedelta64(15, "m")
"""A longer time without a bar is a pause."""
_HOLE = np.timedelta64(5, "D")
"""What is absent for longer is not in the file; no market pauses so long."""
_SAME = 0.0005
_SECOND = np.timedelta64(1, "s")
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How well a file's bars fit a calendar, where its times are read so.

    Attributes:
        score: trading time with bars, as a share of all time with bars or trading.
    """

    calendar: str
    clock: WallClock
    stamps: Stamps
    score: float


def best_fits(
    stamps: Instants,
    *,
    length: timedelta | None,
    clocks: Sequence[WallClock],
    sides: Sequence[Stamps],
    usual: str | None = None,
) -> list[Fit]:
    """Return the best fit, and those that are as good with the same calendar and side: other clocks.

    Args:
        stamps: ascending, as the clock shows them; of daily bars their dates.
        length: of a bar; ``None`` for daily ones, which have no clock.
        usual: the calendar of such symbols, which is taken where others fit as well.
    """
    fits = _daily_fits(stamps) if length is None else list(_fits(stamps, length, clocks, sides))
    best = max(fits, key=lambda fit: fit.score)  # of equal ones the first: opens
    good = [fit for fit in fits if fit.stamps == best.stamps and fit.score >= best.score - _SAME]
    first = next((fit for fit in good if fit.calendar == usual), good[0])
    return [fit for fit in good if fit.calendar == first.calendar]


def sessions_around(calendar: str, first: np.datetime64, last: np.datetime64) -> list[Session]:
    """Return the sessions of a calendar between two instants, with those that these lie in."""
    known = get_calendar(calendar)
    days = [moment.astype("datetime64[D]").item() for moment in (first, last)]
    begin, end = max(days[0] - _DAY, known.first_date), min(days[1] + 2 * _DAY, known.last_date)
    sessions = known.sessions(begin, end) if begin <= end else []
    where = spans(sessions)
    return [
        session
        for session, opens, closes in zip(sessions, where.opens, where.closes, strict=True)
        if closes > first and opens <= last
    ]


def _fits(stamps: Instants, length: timedelta, clocks: Sequence[WallClock], sides: Sequence[Stamps]) -> Iterator[Fit]:
    """Yield each combination: the likely ones first."""
    bar = np.timedelta64(length, "us")
    breaks = np.flatnonzero(np.diff(stamps) > bar + _BRIDGED)
    starts = stamps[np.concatenate([[0], breaks + 1])]
    ends = stamps[np.concatenate([breaks, [len(stamps) - 1]])] + bar
    margin = np.timedelta64(2, "D")
    for side in sides:
        shift = bar if side == "close" else np.timedelta64(0, "us")
        for clock in clocks:
            runs = to_utc(starts - shift, clock), to_utc(ends - shift, clock)
            for calendar in CALENDARS:
                where = _spans(calendar, _day(stamps[0] - margin), _day(stamps[-1] + margin))
                yield Fit(calendar=calendar, clock=clock, stamps=side, score=_score(*runs, where))


def _score(starts: Instants, ends: Instants, where: Spans) -> float:
    if not len(where.opens):
        return 0.0
    common = float((_trading(ends, where) - _trading(starts, where)).sum())
    holes = np.flatnonzero(starts[1:] - ends[:-1] > _HOLE)
    begins, stops = starts[np.concatenate([[0], holes + 1])], ends[np.concatenate([holes, [len(ends) - 1]])]
    traded = float((_trading(stops, where) - _trading(begins, where)).sum())
    present = float(((ends - starts) / _SECOND).sum())
    return common / max(present + traded - common, 1.0)


def _trading(moments: Instants, where: Spans) -> npt.NDArray[np.float64]:
    """Return the seconds of all sessions up to each moment."""
    lengths = (where.closes - where.opens) / _SECOND
    before = np.concatenate([[0.0], np.cumsum(lengths)])
    place = np.searchsorted(where.opens, moments, side="right")
    current = np.maximum(place - 1, 0)
    inside = np.clip((moments - where.opens[current]) / _SECOND, 0.0, lengths[current])
    seconds: npt.NDArray[np.float64] = np.where(place > 0, before[current] + inside, 0.0)
    return seconds


def _daily_fits(dates: Instants) -> list[Fit]:
    fits = []
    days = dates.astype("datetime64[D]")
    for calendar in CALENDARS:
        where = _spans(calendar, _day(days[0]), _day(days[-1]))
        common = len(np.intersect1d(days, where.dates))
        score = common / max(len(np.union1d(days, where.dates)), 1)
        fits.append(Fit(calendar=calendar, clock=UTC, stamps="open", score=score))
    return fits


def to_utc(local: Instants, clock: WallClock) -> Instants:
    """Return local times as UTC; where a clock skips or repeats an hour, one of the two."""
    inside = pd.DatetimeIndex(local) - pd.Timedelta(hours=clock.ahead)
    later = np.zeros(len(inside), dtype=bool)
    zoned = inside.tz_localize(clock.zone, ambiguous=later, nonexistent="shift_forward")
    return zoned.tz_convert(None).to_numpy("datetime64[us]")


@lru_cache(maxsize=64)
def _spans(calendar: str, first: date, last: date) -> Spans:
    known = get_calendar(calendar)
    first, last = max(first, known.first_date), min(last, known.last_date)
    return spans(known.sessions(first, last) if first <= last else [])


def _day(moment: np.datetime64) -> date:
    day: date = moment.astype("datetime64[D]").item()
    return day
