"""What is kept of a session to judge later ones by: a few numbers, a profile of the day, a sketch of its bars.

Here: the summary, how it is made, and its form as JSON. Not here: what is computed from several (``history``).
"""

from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from typing import Any, Self

import numpy as np

from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.markets.splits import divisor
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.bars import Floats, Positions, SessionBars
from tradematrix_pipelines.quality.fingerprints import day_fingerprint, sketch
from tradematrix_pipelines.quality.profile import Profile, profile

_MINUTE = np.timedelta64(1, "m")


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionSummary:
    """One session of one series in short.

    Attributes:
        opens_at: open of the session by its calendar, aware, UTC; ``closes_at`` its close.
        open, high, low, close: prices of the session's candles.
        bars: candles; ``expected``: bars of the calendar.
        first_minute: minutes from the session's open to its first bar.
        last_minute: minutes from the end of its last bar to the session's close.
        longest_hole: most bars missing in a row, between two bars.
        longest_freeze: most flat, unchanged bars in a row.
        step: coarsest price step, in price units; 0 where prices have none.
        true_range: median log true range of its bars.
        profile: log of the summed range per bucket of the day (``profile.profile``); empty for daily bars.
        sketch: fingerprints of some of its bars (``fingerprints.sketch``), to recognise them when they come again.
        triples: how many fingerprints there were.
    """

    trade_date: date
    opens_at: datetime
    closes_at: datetime
    open: float
    high: float
    low: float
    close: float
    bars: int
    expected: int
    first_minute: float
    last_minute: float
    longest_hole: int
    longest_freeze: int
    step: float
    true_range: float
    profile: Profile
    sketch: tuple[int, ...]
    triples: int

    @property
    def log_range(self) -> float:
        """Log of high by low."""
        return float(np.log(self.high / self.low))

    def distance(self, price: float) -> float:
        """Return how far, as a log ratio, the nearest price is from ``price``; 0 where the session trades there."""
        return max(float(np.log(self.low / price)), float(np.log(price / self.high)), 0.0)

    def divided(self, units: float) -> Self:
        """Return the same session in other units, ``units`` new ones for an old one.

        An exchange's price step stays with a split, a unit's goes with the unit: the coarser one counts.
        """
        by, over = divisor(units)
        return replace(
            self,
            open=self.open * by / over,
            high=self.high * by / over,
            low=self.low * by / over,
            close=self.close * by / over,
            step=max(self.step, self.step * by / over),
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as values that JSON has; :meth:`from_json` reads them."""
        return asdict(self) | {
            "trade_date": self.trade_date.isoformat(),
            "opens_at": self.opens_at.isoformat(),
            "closes_at": self.closes_at.isoformat(),
            "profile": list(self.profile),
            "sketch": list(self.sketch),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the summary that :meth:`as_json` gave.

        Raises:
            KeyError: a value is missing.
        """
        own = {field.name: values[field.name] for field in fields(cls)}
        return cls(
            **own
            | {
                "trade_date": date.fromisoformat(own["trade_date"]),
                "opens_at": datetime.fromisoformat(own["opens_at"]),
                "closes_at": datetime.fromisoformat(own["closes_at"]),
                "profile": tuple(own["profile"]),
                "sketch": tuple(own["sketch"]),
            }
        )


def summarize(
    bars: SessionBars, session: Session, timeframe: Timeframe, *, outside: tuple[Instants, Floats] | None = None
) -> SessionSummary:
    """Return the summary of a session with at least one bar.

    Args:
        outside: opens and log ranges (high to low) of bars beside the session, for the profile of the day.
    """
    prints = day_fingerprint(bars.prices) if timeframe.minutes is None else bars.fingerprints
    opens, closes = to_instant(session.opens_at), to_instant(session.closes_at)
    length = None if timeframe.minutes is None else np.timedelta64(timeframe.minutes, "m")
    ends = closes if length is None else min(bars.ts[-1] + length, closes)
    return SessionSummary(
        trade_date=session.trade_date,
        opens_at=session.opens_at,
        closes_at=session.closes_at,
        open=float(bars.open[0]),
        high=float(bars.high.max()),
        low=float(bars.low.min()),
        close=float(bars.close[-1]),
        bars=len(bars),
        expected=bars.expected,
        first_minute=float((bars.ts[0] - opens) / _MINUTE),
        last_minute=float((closes - ends) / _MINUTE),
        longest_hole=int(np.diff(bars.slots).max(initial=1)) - 1,
        longest_freeze=longest_run(frozen(bars))[0],
        step=bars.step,
        true_range=bars.true_range,
        profile=() if timeframe.minutes is None else profile(bars, session, timeframe.minutes, outside=outside),
        sketch=sketch(prints),
        triples=len(prints),
    )


def frozen(bars: SessionBars) -> Positions:
    """Return the positions of bars that are flat at the close before them."""
    flat = (bars.high == bars.low) & (bars.open == bars.close)
    flat[1:] &= bars.close[1:] == bars.close[:-1]
    flat[:1] = False
    return np.flatnonzero(flat)


def longest_run(positions: Positions) -> tuple[int, int]:
    """Return the length of the longest run of consecutive positions (ascending), and its first position."""
    if not len(positions):
        return 0, 0
    starts = np.flatnonzero(np.diff(positions, prepend=-2) != 1)
    lengths = np.diff(np.append(starts, len(positions)))
    longest = int(lengths.argmax())
    return int(lengths[longest]), int(positions[starts[longest]])
