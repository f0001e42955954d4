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


def rectangle(start: str, end: str) -> tuple[list[str], date, date]:
    """Return the first and last symbol of a range of partitions, or the only one, and its first and last trade date.

    Raises:
        ValueError: a key does not begin with a date.
    """
    corners = dates_by_symbol(dict.fromkeys([start, end]))
    dates = [day for of_symbol in corners.values() for day in of_symbol]
    return list(corners), min(dates), max(dates)
