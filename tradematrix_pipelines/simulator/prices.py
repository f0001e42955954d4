"""Synthetic prices: any minute of any session, computed from the instrument and the trade date alone.

The close of a date is a sum of noise terms of the calendar day: slow ones for trends, fast ones for single days. A
session opens near the close before it. Its path is a seeded random walk bent (a Brownian bridge) to end at its own
close. So there is no state: two processes give the same prices in any order of calls.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import exp, floor, log, sqrt

import numpy as np

from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator.bars import VOLUME, Bars, Floats, concat
from tradematrix_pipelines.simulator.chance import hashed
from tradematrix_pipelines.simulator.instruments import CATALOGUE, Instrument
from tradematrix_pipelines.vendors.twelve_data.query import MINUTES_SINCE

STEPS = 4
"""Prices within a minute; its bar opens with the first, closes with the last."""

DAYS_SINCE = date(2000, 1, 3)
"""First trade date with daily bars."""

_PERIODS = (1500.0, 300.0, 60.0, 12.0, 3.0)
_MINUTE = timedelta(minutes=1)
_SESSIONS_KEPT = 256


class SyntheticPrices:
    """The catalogue at synthetic prices."""

    def __init__(self, instruments: Sequence[Instrument] = CATALOGUE) -> None:
        self.instruments = instruments

    def since(self, instrument: Instrument, timeframe: Timeframe) -> date:
        """Return the first trade date with bars of ``timeframe``; intraday it is the vendor's own."""
        del instrument
        return DAYS_SINCE if timeframe is Timeframe.D1 else MINUTES_SINCE

    def minutes(self, instrument: Instrument, sessions: Sequence[Session], now: datetime) -> Bars:
        """Return the minutes of ``sessions`` that have begun at ``now``; the last may be forming."""
        return concat([_until(instrument, session, now) for session in sessions if session.opens_at <= now])


def close_level(instrument: Instrument, day: date) -> float:
    """Return the unrounded close of a date, whether or not the market is open on it."""
    ordinal = day.toordinal()
    slow = sum(sqrt(period) * _noise(f"{instrument.symbol}|{period}", ordinal / period) for period in _PERIODS)
    fast = _uniform(f"{instrument.symbol}|day|{ordinal}")
    return instrument.price * exp(instrument.volatility * (0.35 * slow + 0.5 * fast))


def open_level(instrument: Instrument, day: date) -> float:
    """Return the unrounded open of a session: the close before it and a small gap."""
    before = get_calendar(instrument.calendar).previous(day).trade_date
    gap = _uniform(f"{instrument.symbol}|gap|{day.toordinal()}")
    return close_level(instrument, before) * exp(0.2 * instrument.volatility * gap)


def _until(instrument: Instrument, session: Session, now: datetime) -> Bars:
    steps, volumes = _session(instrument, session)
    opens = session.bar_opens(Timeframe.M1)
    if now >= session.closes_at:
        return _as_bars(opens, steps, volumes)
    begun = int(np.searchsorted(opens, to_instant(now), side="right"))
    bars = _as_bars(opens[:begun], steps[:begun], volumes[:begun])
    return _with_forming(bars, steps, now)


def _with_forming(bars: Bars, steps: Floats, now: datetime) -> Bars:
    """Cut the last bar to the steps that have passed at ``now``, if its minute is not over."""
    if not len(bars):
        return bars
    elapsed = (to_instant(now) - bars.ts[-1]) / np.timedelta64(_MINUTE)
    happened = min(STEPS, floor(elapsed * STEPS) + 1)
    forming = _as_bars(bars.ts[-1:], steps[len(bars) - 1 : len(bars), :happened], bars.ohlcv[-1:, VOLUME])
    forming.ohlcv[0, VOLUME] = np.floor(forming.ohlcv[0, VOLUME] * happened / STEPS)
    return concat([bars[:-1], forming])


def _as_bars(opens: Instants, steps: Floats, volumes: Floats) -> Bars:
    return Bars(opens, np.column_stack([steps[:, 0], steps.max(axis=1), steps.min(axis=1), steps[:, -1], volumes]))


@lru_cache(maxsize=_SESSIONS_KEPT)
def _session(instrument: Instrument, session: Session) -> tuple[Floats, Floats]:
    """Return the prices of each minute (rows) and step (columns) of a session, and the minutes' volumes."""
    minutes = len(session.bar_opens(Timeframe.M1))
    length = minutes * STEPS
    seed = hashed(f"{instrument.symbol}|{session.trade_date.isoformat()}")
    rng = np.random.Generator(np.random.SFC64(seed))
    walk = rng.standard_normal(length)
    walk[0] = 0.0
    np.cumsum(walk, out=walk)
    walk *= 0.8 * instrument.volatility / sqrt(length)
    start, end = log(open_level(instrument, session.trade_date)), log(close_level(instrument, session.trade_date))
    path = walk + np.linspace(start, end - walk[-1], length)
    steps: Floats = np.exp(path, out=path).round(instrument.decimals)
    return steps.reshape(minutes, STEPS), _volumes(instrument, minutes, rng)


def _volumes(instrument: Instrument, minutes: int, rng: np.random.Generator) -> Floats:
    if not instrument.volume:
        return np.full(minutes, np.nan)
    return np.floor(instrument.volume * np.exp(0.5 * rng.standard_normal(minutes)))


def _noise(key: str, position: float) -> float:
    """Return smooth noise in -1 to 1: random at whole positions, eased in between."""
    whole = floor(position)
    part = position - whole
    ease = part * part * (3.0 - 2.0 * part)
    return (1.0 - ease) * _uniform(f"{key}|{whole}") + ease * _uniform(f"{key}|{whole + 1}")


@lru_cache(maxsize=65_536)
def _uniform(key: str) -> float:
    """Return a number in -1 to 1 that depends on ``key`` alone."""
    return hashed(key) / 2**63 - 1.0
