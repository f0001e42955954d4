"""Published levels that changed while somebody may act on them. Pure.

Here: which changes are incidents, and what such an incident says. Not here: which levels were published when
(``storage.level_changes``), or the other kinds of incidents (``detectors``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tradematrix_pipelines.alerts.detectors import Incident, IncidentKind
from tradematrix_pipelines.alerts.messages import format_price
from tradematrix_pipelines.levels.daily import DISTANCES
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

_ALMOST = 1 - 1e-9  # a difference of one tick is a little less than one in binary


@dataclass(frozen=True, kw_only=True, slots=True)
class RevisedCandle:
    """The candle of a session that changed most, among those of the finest timeframe that changed.

    Attributes:
        ts: its open, aware, UTC.
        before: vendor of the replaced values.
        after: vendor of the present ones; ``None`` = the candle was withdrawn.
        others: how many more of the session's candles of this timeframe changed.
    """

    timeframe: Timeframe
    ts: datetime
    before: str
    after: str | None
    others: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelChange:
    """Levels of one symbol and trade date that were replaced by others.

    Attributes:
        changed_at: when, aware, UTC.
        old: the replaced levels by name (``y_high``, ``classic r1``), in price units.
        new: the levels that replaced them.
        old_source: the session that the old ones came from.
        new_source: the session that the new ones come from.
        candle: why; ``None`` = no candle of that session was revised in between.
    """

    symbol: str
    trade_date: date
    changed_at: datetime
    old: Mapping[str, float | None]
    new: Mapping[str, float | None]
    old_source: date
    new_source: date
    candle: RevisedCandle | None


def find_changed_levels(changes: Iterable[LevelChange], symbols: Sequence[Symbol], now: datetime) -> list[Incident]:
    """Return an incident for each change by a tick or more of levels of a coming or running session.

    It is over with the session. A change after the session's close is none.
    """
    by_name = {symbol.name: symbol for symbol in symbols}
    kind, incidents = IncidentKind.LEVEL_CHANGED, []
    for change in changes:
        symbol = by_name[change.symbol]
        session = calendar_of(symbol).session(change.trade_date)
        if session is None or max(now, change.changed_at) >= session.closes_at:
            continue
        moved = list(moved_levels(change, symbol.tick_size))
        if moved:
            key = f"{kind}|{symbol.name}|{change.trade_date}|{change.changed_at:%Y-%m-%dT%H:%M:%SZ}"
            incidents.append(Incident(key=key, kind=kind, message=_message(change, symbol, moved)))
    return incidents


def moved_levels(change: LevelChange, tick_size: float) -> Iterator[str]:
    """Yield the names of the prices that moved by a tick or more, or are no longer there."""
    for name, old in change.old.items():
        new = change.new.get(name)
        if name not in DISTANCES and old is not None and (new is None or abs(new - old) >= tick_size * _ALMOST):
            yield name


def _message(change: LevelChange, symbol: Symbol, moved: Sequence[str]) -> str:
    first = moved[0]
    old, new = (
        "none" if price is None else format_price(price, symbol.tick_size)
        for price in (change.old[first], change.new.get(first))
    )
    others = f" and {len(moved) - 1} more" if len(moved) > 1 else ""
    return f"{symbol.name} {change.trade_date}: {first} {old} → {new}{others}: {_why(change)}"


def _why(change: LevelChange) -> str:
    if change.old_source != change.new_source:
        return f"they come from {change.new_source} instead of {change.old_source}"
    candle = change.candle
    if candle is None:
        return f"computed anew, no candle of {change.new_source} was revised"
    what = f"candle {candle.timeframe} {candle.ts:%Y-%m-%d %H:%M} UTC"
    others = f" (and {candle.others} more)" if candle.others else ""
    if candle.after is None:
        return f"{what} was withdrawn by {candle.before}{others}"
    if candle.after != candle.before:
        return f"{what} is from {candle.after} instead of {candle.before}{others}"
    return f"{what} was revised by {candle.after}{others}"
