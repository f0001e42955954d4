"""Contexts of level books from rows that a test writes down, and from the real candles."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.levels.book.book import level_book
from tradematrix_pipelines.levels.book.history import DailyHistory, Day
from tradematrix_pipelines.levels.book.model import Absent, BookContext, BookLevel, Kind, Minutes
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol

LATER = datetime(2100, 1, 1, tzinfo=UTC)
Prices = tuple[float, float, float, float]
"""Open, high, low, close."""


def symbol(calendar: str, instrument: InstrumentType, tick: float = 0.01, gap_tolerance: int | None = None) -> Symbol:
    return Symbol(
        name="X", calendar=calendar, instrument=instrument, tick_size=tick, currency="USD", gap_tolerance=gap_tolerance
    )


XETRA = symbol("XETR", InstrumentType.INDEX, 0.1)
NEW_YORK = symbol("XNYS", InstrumentType.INDEX)
ETF = symbol("XNYS", InstrumentType.ETF)
SPOT = symbol("FX", InstrumentType.FOREX, 0.0001, 15)


def session_of(symbol: Symbol, day: date) -> Session:
    session = calendar_of(symbol).session(day)
    assert session is not None
    return session


def days_of(symbol: Symbol, rows: Mapping[date, Prices]) -> dict[date, Day]:
    return {
        day: Day(first=day, last=day, closes_at=session_of(symbol, day).closes_at, open=o, high=h, low=low, close=c)
        for day, (o, h, low, c) in rows.items()
    }


def minutes_of(start: datetime, rows: Iterable[Prices], volume: float = float("nan")) -> Minutes:
    """Minutes in a row from ``start`` on."""
    values = np.array(list(rows), dtype=float)
    frame = pd.DataFrame(values, columns=["open", "high", "low", "close"])
    frame.insert(0, "ts", pd.date_range(start, periods=len(values), freq="1min", unit="us"))
    return Minutes.of(as_candles(frame.assign(volume=volume)))


def context(
    symbol: Symbol,
    day: date,
    *,
    days: Mapping[date, Prices] | None = None,
    last_minutes: Minutes | None = None,
    minutes: Minutes | None = None,
) -> BookContext:
    calendar = calendar_of(symbol)
    return BookContext(
        symbol=symbol,
        calendar=calendar,
        session=session_of(symbol, day),
        days=DailyHistory(days_of(symbol, days or {}), calendar, day),
        last_minutes=last_minutes,
        minutes=minutes,
        now=LATER,
    )


def levels(made: BookContext, kind: Kind, now: datetime = LATER) -> dict[str, tuple[float, datetime]]:
    """The levels of a kind: price and ``known_at`` by name."""
    return {level.name: (level.price, level.known_at) for level in book(made, kind, now)}


def prices(made: BookContext, kind: Kind, now: datetime = LATER) -> dict[str, float]:
    return {name: price for name, (price, _) in levels(made, kind, now).items()}


def book(made: BookContext, kind: Kind, now: datetime = LATER) -> list[BookLevel]:
    return list(level_book(made, now, kinds=[kind]).levels)


def reasons(made: BookContext, kind: Kind, now: datetime = LATER) -> dict[str | None, str]:
    absent: Iterable[Absent] = level_book(made, now, kinds=[kind]).absent.get(kind, ())
    return {entry.name: entry.reason for entry in absent}


def real_days(folder: Path) -> dict[date, Prices]:
    """The daily candles of SPY, 2016 to March 2021."""
    rows = pd.read_csv(folder / "market" / "SPY_1d.csv")
    columns = [rows[name].tolist() for name in ("ts", "open", "high", "low", "close")]
    return {date.fromisoformat(day): (o, h, low, c) for day, o, h, low, c in zip(*columns, strict=True)}


def real_minutes(folder: Path, name: str, session: Session) -> Minutes:
    """The minutes of one session, of those in ``market``."""
    rows = pd.read_csv(folder / "market" / f"{name}_1m.csv")
    rows["ts"] = pd.to_datetime(rows["ts"]).astype("datetime64[us, UTC]")
    inside = rows[(rows["ts"] >= session.opens_at) & (rows["ts"] < session.closes_at)]
    return Minutes.of(as_candles(inside))


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour, minutes=minute)
