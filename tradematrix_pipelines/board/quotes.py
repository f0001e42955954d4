"""Each symbol's price, and where it stands: change, nearest levels, freshness, the last session.

Here: a few queries for all symbols, put together. Not here: SQL, or the rules for each part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tradematrix_pipelines.automation.beginnings import judged
from tradematrix_pipelines.automation.lateness import why_late
from tradematrix_pipelines.automation.pulls import coming_session, next_opening
from tradematrix_pipelines.board.days import day_state, seen
from tradematrix_pipelines.board.levels import daily_prices, pivot_prices
from tradematrix_pipelines.board.shapes import Freshness, LastSession, Market, NearLevel, Provenance, Quote, Quotes
from tradematrix_pipelines.board.symbols import the_symbol
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.levels.daily import DISTANCES
from tradematrix_pipelines.levels.nearest import nearest_levels
from tradematrix_pipelines.levels.pivots import Method
from tradematrix_pipelines.markets.calendars import calendar_of, last_closed
from tradematrix_pipelines.markets.freshness import Due, due
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol, price_digits
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.coverage import a_stored_source, read_coverage
from tradematrix_pipelines.storage.current_prices import CurrentPrice, LastPrice, read_current_prices, read_last_prices
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.freshness import newest_bars
from tradematrix_pipelines.storage.levels import read_level_rows
from tradematrix_pipelines.storage.symbols import read_beginnings, read_symbols
from tradematrix_pipelines.storage.tables import levels_daily, pivot_levels
from tradematrix_pipelines.vendors.provenance import SIMULATED

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What all quotes of one answer come from, by symbol's name and trade date."""

    now: datetime
    method: Method
    last: Mapping[str, LastPrice]
    current: Mapping[str, CurrentPrice]
    daily: Mapping[tuple[str, date], Mapping[str, Any]]
    pivots: Mapping[tuple[str, date], Mapping[str, Any]]
    coverage: Mapping[tuple[str, date], Sequence[StoredCoverage]]
    newest: Mapping[tuple[str, Timeframe], datetime]
    began: Mapping[str, datetime]
    provenance: Provenance | None


def find_quotes(database: Database, name: str | None, *, method: Method) -> Quotes:
    """Return the quotes of all active symbols, or of one."""
    symbols = read_symbols(database.engine) if name is None else [the_symbol(database, name)]
    return Quotes(now=database.clock.now(), quotes=quotes_of(database, symbols, method=method))


def quotes_of(database: Database, symbols: Sequence[Symbol], *, method: Method) -> list[Quote]:
    """Return the quotes of these symbols, in their order.

    Args:
        method: of the pivot points among the levels.
    """
    if not symbols:
        return []
    known = _read(database, symbols, method)
    return [_quote(symbol, known) for symbol in symbols]


def provenance_of(database: Database) -> Provenance | None:
    """Return whether the stored prices are real; ``None`` where none is stored."""
    source = a_stored_source(database.engine)
    if source is None:
        return None
    return "simulated" if source == SIMULATED else "real"


def _read(database: Database, symbols: Sequence[Symbol], method: Method) -> _Known:
    engine, now = database.engine, database.clock.now()
    last = read_last_prices(engine, symbols)
    days = [day for symbol in symbols for day in _days(symbol, last.get(symbol.name), now)]
    coverage: dict[tuple[str, date], list[StoredCoverage]] = {}
    for row in read_coverage(engine, symbols, list(Timeframe), min(days), max(days)):
        coverage.setdefault((row.symbol, row.coverage.trade_date), []).append(row)
    daily, pivots = (
        {
            (row["symbol"], row["trade_date"]): row
            for row in read_level_rows(engine, table, symbols, min(days), max(days))
            if row.get("method", method) == method
        }
        for table in (levels_daily, pivot_levels)
    )
    return _Known(
        now=now,
        method=method,
        last=last,
        current={price.symbol: price for price in read_current_prices(engine, symbols)},
        daily=daily,
        pivots=pivots,
        coverage=coverage,
        newest=newest_bars(engine, symbols, [Timeframe.M1], now=now),
        began=read_beginnings(engine, symbols, now=now),
        provenance=provenance_of(database),
    )


def _days(symbol: Symbol, last: LastPrice | None, now: datetime) -> list[date]:
    """Return the trade dates of a symbol that its quote looks at."""
    calendar = calendar_of(symbol)
    days = [coming_session(symbol, now).trade_date, last_closed(calendar, now).trade_date]
    days.append(due(calendar, now).finished.trade_date)
    of_price = None if last is None else calendar.at(last.at - _MINUTE)
    return days if of_price is None else [*days, of_price.trade_date]


def _quote(symbol: Symbol, known: _Known) -> Quote:
    calendar, now = calendar_of(symbol), known.now
    last = known.last.get(symbol.name)
    current = known.current.get(symbol.name)
    if last is not None and current is not None and current.at < last.at:
        current = None
    session = None if last is None else calendar.at(last.at - _MINUTE)
    of_price = current or session
    trade_date = None if of_price is None else of_price.trade_date
    change, percent, previous = _change(symbol, last, trade_date, known)
    coming = coming_session(symbol, now)
    above, below = _near(symbol, last, coming.trade_date, known)
    return Quote(
        symbol=symbol.name,
        alias=symbol.alias,
        digits=price_digits(symbol.tick_size),
        price=None if last is None else last.price,
        at=None if last is None else last.at,
        trade_date=trade_date,
        previous_close=previous,
        change=change,
        change_percent=percent,
        session_high=None if current is None else current.session_high,
        session_low=None if current is None else current.session_low,
        levels_date=coming.trade_date,
        above=above,
        below=below,
        market=_market(symbol, coming, now),
        freshness=_freshness(symbol, due(calendar, now), known),
        last_session=_last_session(symbol, known),
        source=None if current is None else current.source,
        provenance=None if last is None else known.provenance,
    )


def _change(
    symbol: Symbol, last: LastPrice | None, trade_date: date | None, known: _Known
) -> tuple[float | None, float | None, float | None]:
    """Return the change since yesterday's close, the same in percent, and that close."""
    levels = None if trade_date is None else known.daily.get((symbol.name, trade_date))
    if last is None or levels is None:
        return None, None, None
    close = levels["y_close"]
    return last.price - close, 100 * (last.price - close) / close, close


def _near(
    symbol: Symbol, last: LastPrice | None, day: date, known: _Known
) -> tuple[NearLevel | None, NearLevel | None]:
    if last is None:
        return None, None
    daily, pivots = known.daily.get((symbol.name, day)), known.pivots.get((symbol.name, day))
    prices = {} if daily is None else daily_prices(daily)
    named = {name: price for name, price in prices.items() if price is not None and name not in DISTANCES}
    if pivots is not None:
        named |= {f"{known.method} {name}": price for name, price in pivot_prices(pivots).items()}
    above, below = nearest_levels(named, last.price)
    return _near_level(above, named, last.price), _near_level(below, named, last.price)


def _near_level(name: str | None, prices: Mapping[str, float], price: float) -> NearLevel | None:
    return None if name is None else NearLevel(name=name, price=prices[name], distance=prices[name] - price)


def _market(symbol: Symbol, coming: Session, now: datetime) -> Market:
    return Market(
        open=coming.opens_at <= now,
        trade_date=coming.trade_date,
        opens_at=coming.opens_at,
        closes_at=coming.closes_at,
        next_opening=next_opening(symbol, now).opens_at,
    )


def _freshness(symbol: Symbol, at: Due, known: _Known) -> Freshness:
    rows = known.coverage.get((symbol.name, at.finished.trade_date), ())
    finished = next((row for row in rows if row.coverage.timeframe is Timeframe.M1), None)
    newest = known.newest.get((symbol.name, Timeframe.M1))
    reason = why_late(symbol, Timeframe.M1, at, newest=newest, finished=finished, now=known.now)
    if reason is not None and not judged(symbol.name, known.began, known.now):
        reason = None
    return Freshness(fresh=reason is None, reason=reason)


def _last_session(symbol: Symbol, known: _Known) -> LastSession:
    session = last_closed(calendar_of(symbol), known.now)
    rows = [seen(row) for row in known.coverage.get((symbol.name, session.trade_date), ())]
    state = day_state(session, rows, now=known.now, first=session.trade_date)
    return LastSession(trade_date=session.trade_date, status=state.status, verdict=state.verdict, reason=state.reason)
