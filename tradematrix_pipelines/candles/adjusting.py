"""Candles in the units of one date: prices before a split divided, volumes multiplied.

Here: rows with their trade dates. Not here: which splits there are (``markets.splits``). What is stored is never
changed: this is how it is read.
"""

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.markets.calendars import SessionCalendar
from tradematrix_pipelines.markets.splits import divisor, factor
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.units import units_of_day


def in_units_of(
    rows: pd.DataFrame, units: date, *, symbol: Symbol, calendar: SessionCalendar, daily: bool
) -> pd.DataFrame:
    """Return candles in the units of the date ``units``.

    Args:
        rows: ``trade_date`` (``datetime.date``), ``stored_at`` where they are daily ones (``NaT`` = with the session),
            open, high, low, close, and ``volume`` where there is one.
        calendar: the symbol's.
        daily: whether they are daily candles, which vendors adjust.
    """
    if not symbol.splits or rows.empty:
        return rows
    stored = [None if pd.isna(at) else at.to_pydatetime() for at in rows["stored_at"]] if daily else [None] * len(rows)
    factors = _factors(rows["trade_date"].tolist(), stored, units, symbol, calendar)
    by, over = np.array([divisor(one) for one in factors]).T
    adjusted = rows.assign(**{name: rows[name].to_numpy() * by / over for name in PRICES})
    return adjusted.assign(volume=rows["volume"].to_numpy() * over / by) if "volume" in rows else adjusted


def day_in_units_of(
    prices: Sequence[float],
    units: date,
    *,
    trade_date: date,
    stored_at: datetime | None,
    symbol: Symbol,
    calendar: SessionCalendar,
) -> tuple[float, ...]:
    """Return the prices of one daily candle in the units of the date ``units``, the same to the last digit."""
    [one] = _factors([trade_date], [stored_at], units, symbol, calendar)
    by, over = divisor(one)
    return tuple(price * by / over for price in prices)


def _factors(
    days: Sequence[date],
    stored: Sequence[datetime | None],
    units: date,
    symbol: Symbol,
    calendar: SessionCalendar,
) -> list[float]:
    known = {
        key: factor(symbol.splits, after=units_of_day(symbol, *key, calendar), until=units)
        for key in set(zip(days, stored, strict=True))
    }
    return [known[key] for key in zip(days, stored, strict=True)]
