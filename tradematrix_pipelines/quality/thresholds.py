"""All thresholds of the judgement in one table, and how a symbol overrides some of them by name.

Here: numbers and their reasons. Not here: what is compared with them (the detectors). "Real" are 1,094 clean sessions
of indices, FX, metals, an ETF and CFDs at 1m to 30m, and 1,320 days of an ETF; a reason gives the largest value there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Self

from tradematrix_pipelines.errors import UsageError

_LOCAL = "multiples of a bar's usual range"
_DAY = "multiples of a session's usual range"


class UnknownThreshold(UsageError):
    """No threshold has this name."""


class BadThreshold(UsageError):
    """A threshold is no number greater than 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of the table: a threshold with its default."""

    name: str
    value: float
    unit: str
    reason: str


def _row(value: float, unit: str, reason: str) -> float:
    row: float = field(default=value, metadata={"unit": unit, "reason": reason})
    return row


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """The thresholds of one symbol. "A bar's usual range" is ``SessionBars.usual_range`` at that bar."""

    wick: float = _row(10, _LOCAL, "real 5.8")
    wick_nearby: float = _row(9, _LOCAL, "against three bars on each side; real 7.7")
    wick_live: float = _row(
        15, _LOCAL, "a minute of a running session, by those before it; real 34, at news, confirmed within two minutes"
    )
    jump: float = _row(8, _LOCAL, "from close to open, by the root of the bars between; real 4.0")
    jump_refused: float = _row(1.4, "factor", "no session moves so far from one bar to the next")
    first_bar: float = _row(12, _LOCAL, "real: none")
    first_bar_cold: float = _row(40, _LOCAL, "without the close before, an opening move looks the same")
    last_bar: float = _row(12, _LOCAL, "real 7.5")
    drift: float = _row(4.5, "standard deviations", "the sum of returns by the root of their squares' sum; real 3.1")
    drift_bars: float = _row(60, "bars", "fewer prove nothing")
    order: float = _row(
        0.75, "ratio", "median step from close to open by that from open to close; real 0.35, shuffled 1"
    )
    order_bars: float = _row(30, "bars", "fewer in a row prove nothing")
    scale_doubted: float = _row(1.5, "factor", "a whole session away from the close before; real: none")
    scale_refused: float = _row(3, "factor", "the same; no index, pair or metal did it overnight")
    scale_old: float = _row(10, "days", "a close older than this allows the square of both factors")
    split: float = _row(1.2, "factor", "of stocks and ETFs: a whole session away from the close before, near a split")
    split_near: float = _row(0.06, "of a simple ratio", "a night's move beside a split; half of it below scale_doubted")
    split_same: float = _row(0.01, "of a simple ratio", "an official day's high, low and close by its own candles'")
    gap: float = _row(6, _DAY, "real 3.0")
    gap_cold: float = _row(10, _DAY, "while there are fewer than five sessions")
    gap_old: float = _row(5, "days", "an older close says nothing of the gap")
    gap_continuous: float = _row(
        12, _LOCAL, "where trading pauses for two hours at most, as for the first bar; real 2.2"
    )
    range: float = _row(10, _DAY, "real 7.0: silver's crash of 2026-01-30")
    range_cold: float = _row(14, _DAY, "while there are fewer than five sessions")
    lasting_change: float = _row(3, "sessions", "fewer may be one fault that lasted")
    repeat: float = _row(3, "triples of bars", "real: none, of non-flat bars")
    repeat_refused: float = _row(30, "triples of bars", "half an hour of minutes")
    frozen_minutes: float = _row(10, "bars", "of one minute; real 2")
    frozen: float = _row(5, "bars", "of more than one minute")
    frozen_usual: float = _row(3, "multiples of the longest run before", "quiet nights of a symbol are its own")
    grid: float = _row(5, "multiples of the price step before", "real: none")
    grid_least: float = _row(0.02, "median bar ranges", "a finer step changes no level that matters")
    grid_cold: float = _row(0.6, "median bar ranges", "without history; real 0.33")
    density: float = _row(0.75, "of the usual share of bars", "real: partial days only")
    edge: float = _row(3, "minutes beyond the worst of ten sessions", "real first bars are within two minutes")
    edge_cold: float = _row(5, "minutes", "without history; a longer gap tolerance allows itself less ten minutes")
    hidden_chance: float = _row(0.01, "probability", "of a random walk to pass the extreme within the hole")
    hidden_rejected: float = _row(2, "multiples of the deviation", "catches 75-81% of hidden extremes, doubts 7-15%")
    hidden_missing: float = _row(1, "multiples of the deviation", "catches 62-66% of hidden extremes, doubts 1-3%")
    hidden_hole: float = _row(5, "bars", "shorter holes without a rejected bar are quiet minutes")
    shift: float = _row(0.25, "correlation gained", "one session, at 1, 2 or 3 hours; real: none of 520 sessions")
    shift_pooled: float = _row(0.1, "correlation gained", "mean of 2 or 3 sessions; real: none of 520 sessions")
    shift_fit: float = _row(5, "deviations of chance", "a correlation below may be chance: days without a shape")
    shift_filled: float = _row(0.9, "of the buckets", "a sparser profile of the day proves nothing")
    weekend: float = _row(0, "bars", "between Friday's close and Sunday's open, beside one of them; real: none")
    day_refused: float = _row(3, "factor", "high / low of a day; real 1.13")
    day_range: float = _row(10, "multiples of the median true range of 20 days", "real 6.4, March 2020 included")
    day_range_least: float = _row(0.02, "of the price", "a smaller true range is never doubted")
    coarser_extreme: float = _row(1, _LOCAL, "other feeds of one vendor differ by less")
    official_price: float = _row(0.2, "of the session's range", "auctions and other feeds differ by less")
    second_look: float = _row(0.1, "of the session's range", "two vendors' highs, lows and closes differ by less")
    official_close: float = _row(1, "ticks", "where no auction follows: real closes are equal")

    @classmethod
    def with_overrides(cls, overrides: Mapping[str, float]) -> Self:
        """Return the defaults with some replaced by name.

        Raises:
            UnknownThreshold: a name is none of the table's; the message suggests close ones.
            BadThreshold: a value is no number, or below 0.
        """
        names = [row.name for row in fields(cls)]
        for name, value in overrides.items():
            if name not in names:
                close = get_close_matches(name, names, n=3, cutoff=0.5)
                hint = f"did you mean {' or '.join(close)}? " if close else ""
                raise UnknownThreshold(f"no threshold is named {name!r}: {hint}There are {', '.join(names)}")
            if not value >= 0:
                raise BadThreshold(f"threshold {name} is {value}: it must be a number, 0 or more")
        return replace(cls(), **dict(overrides))


def table() -> list[Row]:
    """Return the table of thresholds with their defaults, in order."""
    return [
        Row(name=row.name, value=row.default, unit=row.metadata["unit"], reason=row.metadata["reason"])
        for row in fields(Thresholds)
        if isinstance(row.default, int | float)
    ]


DEFAULTS = Thresholds()
