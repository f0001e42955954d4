"""The name of a partition: trade date and symbol, ``2026-11-20|EUR/USD``."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, order=True, slots=True)
class PartitionKey:
    """One partition of any asset."""

    trade_date: date
    symbol: str

    def __str__(self) -> str:
        return f"{self.trade_date.isoformat()}|{self.symbol}"


def dates_by_symbol(keys: Iterable[str]) -> dict[str, list[date]]:
    """Return the trade dates that ``keys`` name, ascending, by symbol in the order of its first key."""
    by_symbol: dict[str, list[date]] = {}
    for key in keys:
        trade_date, _, symbol = key.partition("|")
        by_symbol.setdefault(symbol, []).append(date.fromisoformat(trade_date))
    return {symbol: sorted(dates) for symbol, dates in by_symbol.items()}
