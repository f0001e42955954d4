"""Pivot points: sets of formulas, from the previous session's prices.

With R = high - low. Classic (floor), Fibonacci, Camarilla (Nick Stott), Woodie (Ken Wood) and DeMark (Tom DeMark),
as traders publish them; where publishers differ, the choice is stated at the formula. Pure arithmetic: nothing is
rounded to ticks here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tradematrix_pipelines.errors import UsageError


class Method(StrEnum):
    """A set of formulas."""

    CLASSIC = "classic"
    FIBONACCI = "fibonacci"
    CAMARILLA = "camarilla"
    WOODIE = "woodie"
    DEMARK = "demark"

    @property
    def needs_open(self) -> bool:
        """Whether its formulas need the open of the session that the other prices are of."""
        return self is Method.DEMARK


@dataclass(frozen=True, slots=True)
class Pivots:
    """The levels of one method, in price units; a level that the method doesn't define is ``None``."""

    method: Method
    pp: float
    r1: float | None = None
    r2: float | None = None
    r3: float | None = None
    r4: float | None = None
    r5: float | None = None
    s1: float | None = None
    s2: float | None = None
    s3: float | None = None
    s4: float | None = None
    s5: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        """Return the levels by name, without the method: ``pp``, ``r1`` to ``r5``, ``s1`` to ``s5``."""
        return {name: getattr(self, name) for name in LEVELS}


LEVELS = ("pp", "r1", "r2", "r3", "r4", "r5", "s1", "s2", "s3", "s4", "s5")
"""Names of the levels, in the order in which they are shown."""


def pivots(
    method: Method,
    *,
    high: float,
    low: float,
    close: float,
    open_: float | None = None,
    session_open: float | None = None,
) -> Pivots:
    """Return the levels to trade the session after the one whose prices are given.

    Args:
        open_: open of the session that the other prices are of, for a method that needs it (``Method.needs_open``).
        session_open: open of the session to come; Woodie uses it where it is known. No other method does.

    Raises:
        UsageError: the prices can't be a session's, or the method needs ``open_`` and it is not given.
    """
    _check(high=high, low=low, close=close, open_=open_, session_open=session_open)
    match method:
        case Method.CLASSIC:
            return _classic(high, low, close)
        case Method.FIBONACCI:
            return _fibonacci(high, low, close)
        case Method.CAMARILLA:
            return _camarilla(high, low, close)
        case Method.WOODIE:
            return _woodie(high, low, close, session_open)
        case Method.DEMARK:
            if open_ is None:
                raise UsageError(f"{method} pivots need the session's open beside high, low and close")
            return _demark(open_, high, low, close)


def _classic(high: float, low: float, close: float) -> Pivots:
    pp, reach = (high + low + close) / 3, high - low
    above = (2 * pp - low, pp + reach, high + 2 * (pp - low))
    below = (2 * pp - high, pp - reach, low - 2 * (high - pp))
    return _levels(Method.CLASSIC, pp, above, below)


def _fibonacci(high: float, low: float, close: float) -> Pivots:
    pp = (high + low + close) / 3
    steps = [ratio * (high - low) for ratio in (0.382, 0.618, 1.0)]
    return _levels(Method.FIBONACCI, pp, [pp + step for step in steps], [pp - step for step in steps])


def _camarilla(high: float, low: float, close: float) -> Pivots:
    # The levels lie around the close; the original has no pivot point, so the classic one is used.
    steps = [1.1 * (high - low) / part for part in (12, 6, 4, 2)]
    pp = (high + low + close) / 3
    return _levels(Method.CAMARILLA, pp, [close + step for step in steps], [close - step for step in steps])


def _woodie(high: float, low: float, close: float, session_open: float | None) -> Pivots:
    # Woodie weighs the open of the session to come; before it is known, its followers weigh the last close.
    weighed, reach = close if session_open is None else session_open, high - low
    pp = (high + low + 2 * weighed) / 4
    far = (high + 2 * (pp - low), low - 2 * (high - pp))
    above = (2 * pp - low, pp + reach, far[0], far[0] + reach)
    below = (2 * pp - high, pp - reach, far[1], far[1] - reach)
    return _levels(Method.WOODIE, pp, above, below)


def _demark(open_: float, high: float, low: float, close: float) -> Pivots:
    if close < open_:
        weighed = high + 2 * low + close
    elif close > open_:
        weighed = 2 * high + low + close
    else:
        weighed = high + low + 2 * close
    return _levels(Method.DEMARK, weighed / 4, [weighed / 2 - low], [weighed / 2 - high])


def _levels(method: Method, pp: float, above: Sequence[float], below: Sequence[float]) -> Pivots:
    named = {f"r{i}": level for i, level in enumerate(above, 1)} | {f"s{i}": level for i, level in enumerate(below, 1)}
    return Pivots(method, pp, **named)


def _check(*, high: float, low: float, close: float, open_: float | None, session_open: float | None) -> None:
    prices = {"high": high, "low": low, "close": close, "open": open_, "session open": session_open}
    for name, price in prices.items():
        if price is not None and not (math.isfinite(price) and price > 0):
            raise UsageError(f"{name} {price} is not a price: it must be finite and greater than 0")
    if high < low:
        raise UsageError(f"high {high} is below low {low}: are they swapped?")
    for name, price in (("close", close), ("open", open_)):
        if price is not None and not low <= price <= high:
            raise UsageError(f"{name} {price} is outside {low} to {high}, the session's low and high")
