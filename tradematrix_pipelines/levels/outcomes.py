"""What levels did: touched, held, broken, gaps filled; how often, and how certain that is. Facts, no advice.

A level counts in a session from ``known_at`` on. The price comes from the side on which it is then: that of the
session's open, or of the first minute after ``known_at`` where the level became known later. A level that the price
starts at, within a tick, has no side and does not count.

- touched: the range from then on reaches the level, within a tick.
- broken: touched, and the session closes beyond it by at least a tenth of ATR-14. A close a few ticks beyond is as good
  as at the level, and what is few depends on how far the price usually goes.
- held: touched, and the session closes on the side that the price came from.
- undecided: touched, and the session closes at the level or less than a tenth of ATR-14 beyond it.
- gap filled: the session trades at yesterday's close, within a tick, after an open more than a tick away from it.

Here: these rules, and shares with their intervals. Not here: which sessions are usable (``storage.outcomes``).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tradematrix_pipelines.levels.book.model import Kind

BREAK = 0.1
"""How far beyond a level a close breaks it, in ATR-14s."""

_CONFIDENCE_95 = 1.959963984540054
"""The 97.5 % point of the normal distribution."""


class Result(StrEnum):
    """What a level did in one session."""

    UNTOUCHED = "untouched"
    HELD = "held"
    BROKEN = "broken"
    UNDECIDED = "undecided"
    FILLED = "filled"
    UNFILLED = "unfilled"


class Event(StrEnum):
    """What is counted, of which sessions."""

    TOUCHED = "touched"
    HELD = "held"
    BROKEN = "broken"
    FILLED = "filled"

    @property
    def base(self) -> str:
        """The sessions that it is counted among, for people."""
        return _COUNTED[self][2]


_TOUCHES = frozenset({Result.HELD, Result.BROKEN, Result.UNDECIDED})
_GAPS = frozenset({Result.FILLED, Result.UNFILLED})
_COUNTED: dict[Event, tuple[frozenset[Result], frozenset[Result], str]] = {
    Event.TOUCHED: (_TOUCHES, _TOUCHES | {Result.UNTOUCHED}, "sessions"),
    Event.HELD: (frozenset({Result.HELD}), _TOUCHES, "touches"),
    Event.BROKEN: (frozenset({Result.BROKEN}), _TOUCHES, "touches"),
    Event.FILLED: (frozenset({Result.FILLED}), _GAPS, "gaps"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Path:
    """The prices of a session from when a level was known on."""

    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one level did in the session of a trade date."""

    trade_date: date
    kind: Kind
    name: str
    result: Result


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """How often something happened: ``times`` of ``of``."""

    times: int
    of: int

    @property
    def share(self) -> float | None:
        """The part; ``None`` of nothing."""
        return self.times / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval for the part at 95 %: 0 to 1 of nothing.

        E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, Journal of the American
        Statistical Association 22 (1927). It keeps its promise for few sessions and shares near 0 and 1, too.
        """
        if not self.of:
            return 0.0, 1.0
        z, n, part = _CONFIDENCE_95, self.of, self.times / self.of
        centre = (part + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(part * (1 - part) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistic:
    """How often a level did something: in all sessions, and in the first and the second half of them."""

    kind: Kind
    name: str
    event: Event
    whole: Share
    first: Share
    second: Share


def judge(price: float, path: Path, *, tick: float, atr: float) -> Result | None:
    """Return what a level did; ``None`` where it does not count, because the price starts at it.

    Args:
        path: the prices after the level was known.
        atr: ATR-14 before the session.
    """
    if abs(path.open - price) <= tick:
        return None
    # Mirrored where the price comes from above, so that it always comes from below.
    side = 1 if path.open < price else -1
    farthest = path.high if side > 0 else path.low
    if side * (price - farthest) > tick:
        return Result.UNTOUCHED
    beyond = side * (path.close - price)
    if beyond >= BREAK * atr:
        return Result.BROKEN
    return Result.HELD if beyond < 0 else Result.UNDECIDED


def judge_gap(close: float, path: Path, *, tick: float) -> Result | None:
    """Return whether the gap between yesterday's close and the open is filled; ``None`` where there is none."""
    if abs(path.open - close) <= tick:
        return None
    reached = path.low <= close + tick if path.open > close else path.high >= close - tick
    return Result.FILLED if reached else Result.UNFILLED


def statistics(outcomes: Iterable[Outcome]) -> list[Statistic]:
    """Return how often each level did what, in the order in which levels come; events that can't happen are left out.

    The halves are those of the sessions that an event is counted among, by trade date; of an odd number, the second has
    one more.
    """
    by_level: dict[tuple[Kind, str], list[Outcome]] = {}
    for outcome in outcomes:
        by_level.setdefault((outcome.kind, outcome.name), []).append(outcome)
    return [
        statistic
        for (kind, name), of_level in by_level.items()
        for statistic in _of_level(kind, name, sorted(of_level, key=lambda outcome: outcome.trade_date))
    ]


def selected(level: str) -> Callable[[Kind, str], bool]:
    """Return whether a level is meant by what a user writes, in any case: ``R1``, ``classic r1``, ``day_pivots``."""
    wanted = " ".join(level.lower().split())

    def is_meant(kind: Kind, name: str) -> bool:
        last = name.rsplit(maxsplit=1)[-1]
        return wanted in {str(kind), name, last, f"{kind} {name}", f"{kind} {last}"}

    return is_meant


def _of_level(kind: Kind, name: str, outcomes: Sequence[Outcome]) -> Iterable[Statistic]:
    for event, (hits, base, _) in _COUNTED.items():
        counted = [outcome.result in hits for outcome in outcomes if outcome.result in base]
        if not counted and (event is Event.FILLED) is not (kind is Kind.GAP):
            continue
        middle = len(counted) // 2
        whole, first, second = (
            Share(times=sum(part), of=len(part)) for part in (counted, counted[:middle], counted[middle:])
        )
        yield Statistic(kind=kind, name=name, event=event, whole=whole, first=first, second=second)
