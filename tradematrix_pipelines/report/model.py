"""What is on the morning page, as values; and where prices stand among levels.

Here: values and arithmetic. Not here: reading what is stored (``reading``), or how it looks (``page``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from tradematrix_pipelines.levels.daily import DISTANCES
from tradematrix_pipelines.levels.names import short_name


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelRow:
    """A level, and how far it is from the last price.

    Attributes:
        price: in price units.
        distance: level - last price; ``None`` where no price is known.
        in_atr: the same in ATR-14s; ``None`` without one.
        touched_at: when the price first touched it in the session, aware, UTC.
        is_last: whether it is no level but the last price itself.
    """

    name: str
    price: float
    distance: float | None = None
    in_atr: float | None = None
    touched_at: datetime | None = None
    is_last: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """What the levels of a session did in it: names of levels by result, the results that there are."""

    trade_date: date
    by_result: Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SymbolPart:
    """What the page says of one symbol; prices and distances in price units, instants aware, UTC.

    Attributes:
        digits: of prices, after the point.
        opens_at: open of the session; ``None`` = the market is closed on the page's trade date.
        from_session: the session that the levels come from; ``None`` = there are no levels.
        doubtful: whether that session is not believed.
        unavailable_reason: why there are no levels, and what brings them.
        last: the newest price; ``last_at``: when its minute closed.
        gap: open of the session - yesterday's close; ``None`` until it has opened.
        low: lowest price of the session so far; ``high``: the highest.
        chart: an ``<svg>`` element; ``None`` where there is none.
    """

    symbol: str
    alias: str | None
    digits: int
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    from_session: date | None = None
    doubtful: bool = False
    unavailable_reason: str | None = None
    last: float | None = None
    last_at: datetime | None = None
    y_close: float | None = None
    atr: float | None = None
    gap: float | None = None
    low: float | None = None
    high: float | None = None
    levels: Sequence[LevelRow] = ()
    outcomes: Outcomes | None = None
    chart: str | None = None

    @property
    def change(self) -> float | None:
        """The last price - yesterday's close."""
        return None if self.last is None or self.y_close is None else self.last - self.y_close

    def in_atr(self, distance: float | None) -> float | None:
        """Return a distance in ATR-14s; ``None`` where one of the two is not known."""
        return None if distance is None or not self.atr else distance / self.atr


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Something that happened since the sessions before, at an instant (aware, UTC)."""

    at: datetime
    text: str
    symbol: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenSession:
    """A session that is incomplete, sparse or doubtful, in some timeframes, and why."""

    symbol: str
    trade_date: date
    timeframes: Sequence[str]
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorCredits:
    """A vendor's credits of the UTC day; ``None`` left = no limit."""

    vendor: str
    used: int
    left: int | None
    resets_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The morning page of a trade date.

    Attributes:
        at: the instant that it shows, aware, UTC.
        since: from when on changes are listed, aware, UTC.
        simulated: whether the stored prices are made up.
        open_incidents: one line each.
        credits: empty where the page is of the past.
    """

    trade_date: date
    at: datetime
    since: datetime
    simulated: bool
    symbols: Sequence[SymbolPart]
    changes: Sequence[Change] = ()
    open_incidents: Sequence[str] = ()
    open_sessions: Sequence[OpenSession] = ()
    credits: Sequence[VendorCredits] = field(default=())

    @property
    def with_levels(self) -> Sequence[SymbolPart]:
        """The symbols that have levels."""
        return [part for part in self.symbols if part.from_session is not None]


def level_rows(
    daily: Mapping[str, float | None],
    pivots: Mapping[str, float | None],
    *,
    method: str,
    last: float | None,
    touched: Mapping[str, datetime],
) -> list[LevelRow]:
    """Return the levels that are prices, the highest first, with the last price among them.

    Args:
        daily: by the name of their column, ``atr_14`` among them; ``pivots``: those of ``method``, by name.
        touched: when levels were touched, by the names of ``level_touches``: ``y_high``, ``classic r1``.
    """
    atr = daily.get("atr_14")
    prices = {name: price for name, price in daily.items() if name not in DISTANCES}
    prices |= {f"{method} {name}": price for name, price in pivots.items()}
    rows = [_row(name, price, last, atr, touched) for name, price in prices.items() if price is not None]
    if last is not None:
        rows.append(LevelRow(name="last", price=last, is_last=True))
    return sorted(rows, key=lambda row: (-row.price, not row.is_last))


def _row(name: str, price: float, last: float | None, atr: float | None, touched: Mapping[str, datetime]) -> LevelRow:
    distance = None if last is None else price - last
    return LevelRow(
        name=short_name(name),
        price=price,
        distance=distance,
        in_atr=None if distance is None or not atr else distance / atr,
        touched_at=touched.get(name),
    )
