"""No level uses a candle that closes after its ``known_at``: such candles may be removed or be anything."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradematrix_pipelines.levels.book.book import level_book
from tradematrix_pipelines.levels.book.history import DailyHistory, Day
from tradematrix_pipelines.levels.book.kinds import KINDS, REAL_VOLUME
from tradematrix_pipelines.levels.book.model import BookContext, BookLevel, Minutes
from tradematrix_pipelines.levels.book.ranges import WILDER_SESSIONS
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session, to_instant
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines_tests.levels.book.made import symbol

SYMBOLS = (
    symbol("XETR", InstrumentType.INDEX, 0.5),
    symbol("XNYS", InstrumentType.STOCK, 0.01),
    symbol("FX", InstrumentType.FOREX, 0.01, 15),
    symbol("METALS", InstrumentType.METAL, 0.01, 20),
    symbol("DE40", InstrumentType.INDEX, 0.5, 15),
    symbol("US500", InstrumentType.INDEX, 0.25, 15),
)
# A first session of a year, of a month, of a week; a half day, weeks of turned clocks, an ordinary day.
DAYS = (
    date(2026, 1, 2), date(2026, 6, 1), date(2026, 11, 23), date(2026, 11, 27), date(2026, 3, 10), date(2026, 10, 28),
    date(2026, 9, 8),
)  # fmt: skip
FIRST = date(2025, 1, 2)
MINUTE = np.timedelta64(1, "m")


def walk(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, count)))
    opens = np.concatenate([[100.0], closes[:-1]]) * np.exp(rng.normal(0, 0.0003, count))
    spread = np.abs(rng.normal(0, 0.0005, (2, count)))
    return {
        "open": opens,
        "high": np.maximum(opens, closes) * (1 + spread[0]),
        "low": np.minimum(opens, closes) * (1 - spread[1]),
        "close": closes,
        "volume": rng.integers(1, 100, count).astype(float),
    }


def minutes(rng: np.random.Generator, session: Session, missing: float) -> Minutes:
    grid = session.bar_opens(Timeframe.M1)
    kept = rng.random(len(grid)) >= missing
    columns = walk(rng, len(grid))
    return Minutes(ts=grid[kept], **{name: column[kept] for name, column in columns.items()})


def make_context(symbol: Symbol, day: date, seed: int, missing: float) -> BookContext:
    rng, calendar = np.random.default_rng(seed), calendar_of(symbol)
    session = calendar.session(day) or calendar.next(day)
    sessions = calendar.sessions(FIRST, session.trade_date + timedelta(days=9))
    columns = walk(rng, len(sessions))
    days = {
        one.trade_date: Day(
            first=one.trade_date, last=one.trade_date, closes_at=one.closes_at,
            **{name: float(columns[name][n]) for name in ("open", "high", "low", "close")},
        )
        for n, one in enumerate(sessions)
    }  # fmt: skip
    return BookContext(
        symbol=symbol, calendar=calendar, session=session, days=DailyHistory(days, calendar, session.trade_date),
        last_minutes=minutes(rng, calendar.previous(session.trade_date), 0),
        minutes=minutes(rng, session, missing), now=session.closes_at,
    )  # fmt: skip


def removed(made: BookContext, after: datetime) -> BookContext:
    def early(rows: Minutes | None) -> Minutes | None:
        if rows is None:
            return None
        kept = rows.ts + MINUTE <= to_instant(after)
        names = ("ts", "open", "high", "low", "close", "volume")
        return Minutes(**{name: getattr(rows, name)[kept] for name in names})

    days = {day: candle for day, candle in made.days.by_date.items() if candle.closes_at <= after}
    history = DailyHistory(days, made.calendar, made.days.before)
    return replace(made, days=history, last_minutes=early(made.last_minutes), minutes=early(made.minutes))


def disturbed(made: BookContext, after: datetime, factor: float) -> BookContext:
    def changed(rows: Minutes | None) -> Minutes | None:
        if rows is None:
            return None
        factors = np.where(rows.ts + MINUTE <= to_instant(after), 1.0, factor)
        return replace(rows, **{name: getattr(rows, name) * factors for name in ("open", "high", "low", "close")})

    days = {
        day: candle
        if candle.closes_at <= after
        else replace(candle, **{name: getattr(candle, name) * factor for name in ("open", "high", "low", "close")})
        for day, candle in made.days.by_date.items()
    }
    history = DailyHistory(days, made.calendar, made.days.before)
    return replace(made, days=history, last_minutes=changed(made.last_minutes), minutes=changed(made.minutes))


def book(made: BookContext, now: datetime) -> dict[tuple[str, str], BookLevel]:
    kinds = [kind for kind, row in KINDS.items() if not row.real_volume or made.symbol.instrument in REAL_VOLUME]
    return {(level.kind, level.name): level for level in level_book(made, now, kinds=kinds).levels}


@pytest.mark.slow
@settings(max_examples=40)
@given(
    symbol=st.sampled_from(SYMBOLS),
    day=st.sampled_from(DAYS),
    seed=st.integers(0, 2**32 - 1),
    missing=st.sampled_from([0.0, 0.001, 0.05]),
    factor=st.sampled_from([0.5, 1.07, 3.0]),
)
def test_later_candles_change_no_level(symbol: Symbol, day: date, seed: int, missing: float, factor: float) -> None:
    made = make_context(symbol, day, seed, missing)
    now = made.session.closes_at + timedelta(days=20)
    whole = book(made, now)
    for known_at in sorted({level.known_at for level in whole.values()}):
        by_then = {key: level for key, level in whole.items() if level.known_at <= known_at}
        for other in (removed(made, known_at), disturbed(made, known_at, factor)):
            assert {key: level for key, level in book(other, now).items() if key in by_then} == by_then
            assert book(other, known_at) == by_then


@pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda symbol: symbol.calendar)
def test_the_property_is_about_every_kind_that_the_market_has(symbol: Symbol) -> None:
    made = make_context(symbol, date(2026, 11, 23), 7, 0)
    kinds = {kind for kind, _ in book(made, datetime(2027, 1, 1, tzinfo=UTC))}
    real = symbol.instrument in REAL_VOLUME
    windows = {"session_windows"} if symbol.calendar not in {"XETR", "XNYS"} else set()
    volume = {"volume_profile", "vwap"} if real else set()
    assert kinds == set(KINDS) - {"session_windows", "volume_profile", "vwap"} | windows | volume
    assert len(calendar_of(symbol).sessions(FIRST, date(2026, 1, 1))) > WILDER_SESSIONS
