"""Price updates after a live pull: the current price, and the levels touched."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.pivots import Method, pivots
from tradematrix_pipelines.levels.touches import Touch
from tradematrix_pipelines.levels.watched import level_name
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.current_prices import CurrentPrice, read_current_prices
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.levels import write_levels
from tradematrix_pipelines.storage.price_updates import update_prices
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.storage.touches import levels_to_watch, record_touches

THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
OPEN = datetime(2026, 11, 20, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def dax(database: Database) -> Symbol:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE market_symbols SET touch_alerts = true WHERE symbol = 'DAX'"))
    return find_symbols(database.engine, ["DAX"])[0]


def session(day: date = FRIDAY) -> Session:
    session = get_calendar("XETR").session(day)
    assert session is not None
    return session


def store(
    database: Database,
    symbol: Symbol,
    closes: Sequence[float],
    *,
    start: datetime = OPEN,
    source: str = "files",
    timeframe: Timeframe = Timeframe.M1,
) -> None:
    """Store minutes of these closes, each reaching 1 above and 2 below."""
    values = np.array(closes, dtype=float)
    ts = pd.date_range(start, periods=len(values), freq="1min")
    frame = pd.DataFrame({"ts": ts, "open": values, "high": values + 1, "low": values - 2, "close": values})
    batch = SeriesBatch(symbol=symbol, timeframe=timeframe, candles=as_candles(frame), source=source)
    write(database.engine, [batch], now=start)


def store_levels(database: Database, symbol: Symbol, *, high: float, low: float, close: float) -> None:
    daily = DailyLevels(
        trade_date=FRIDAY, y_trade_date=THURSDAY, y_open=close, y_high=high, y_low=low, y_close=close,
        prev_week_high=None, prev_week_low=None, atr_14=None,
    )  # fmt: skip
    methods = [pivots(method, high=high, low=low, close=close, open_=close) for method in Method]
    write_levels(
        database.engine, daily=[(symbol, daily)], pivots=[(symbol, FRIDAY, levels) for levels in methods], now=OPEN
    )


def touched(database: Database) -> list[tuple[str, float, float, datetime]]:
    query = "SELECT level, level_price, price, at FROM level_touches ORDER BY at, level"
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_the_current_price_is_that_of_the_newest_closed_minute(database: Database, dax: Symbol) -> None:
    store_levels(database, dax, high=24_100, low=23_800, close=24_000)
    store(database, dax, [29_000], start=session(THURSDAY).closes_at - MINUTE)
    store(database, dax, [24_010, 24_120, 24_030], source="twelve_data")
    store(database, dax, [24_040], start=OPEN + 3 * MINUTE, source="yahoo")
    store(database, dax, [25_000], start=OPEN + 4 * MINUTE)
    store(database, dax, [26_000], start=OPEN + 3 * MINUTE, timeframe=Timeframe.M5)
    now = OPEN + timedelta(minutes=4, seconds=59)
    update_prices(database, dax, session(), now=now)
    [price] = read_current_prices(database.engine, [dax])
    assert price == CurrentPrice(
        symbol="DAX", trade_date=FRIDAY, price=24_040, change=40, change_percent=pytest.approx(100 * 40 / 24_000),
        session_high=24_121, session_low=24_008, at=OPEN + 4 * MINUTE, source="yahoo", updated_at=now,
    )  # fmt: skip
    assert price.at.tzinfo is UTC


def test_an_older_minute_never_replaces_a_newer_one(database: Database, dax: Symbol) -> None:
    store(database, dax, [23_000], start=session(THURSDAY).opens_at)
    store(database, dax, [24_010, 24_020])
    late = OPEN + 2 * MINUTE
    update_prices(database, dax, session(), now=late)
    [price] = read_current_prices(database.engine, [dax])
    assert (price.price, price.change, price.change_percent) == (24_020, None, None)
    update_prices(database, dax, session(THURSDAY), now=late + MINUTE)
    update_prices(database, dax, session(), now=OPEN + MINUTE)
    assert read_current_prices(database.engine, [dax]) == [price]
    # The same minute again replaces it: it may have been revised, and levels may have been stored.
    store_levels(database, dax, high=24_100, low=23_800, close=24_000)
    store(database, dax, [24_025], start=OPEN + MINUTE)
    update_prices(database, dax, session(), now=late + MINUTE)
    [price] = read_current_prices(database.engine, [dax])
    assert (price.price, price.change) == (24_025, 25)


def test_a_session_without_a_minute_has_no_price(database: Database, dax: Symbol) -> None:
    store(database, dax, [23_000], start=session(THURSDAY).opens_at)
    assert update_prices(database, dax, session(), now=OPEN + MINUTE) == 0
    assert read_current_prices(database.engine, [dax]) == []


def test_prices_come_in_the_order_asked_for_and_not_of_others(database: Database) -> None:
    ndx, dji, fx = find_symbols(database.engine, ["NDX", "DJI", "EUR/USD"])
    for symbol in (ndx, dji, fx):
        store(database, symbol, [100])
        update_prices(database, symbol, session(), now=OPEN + MINUTE)
    assert [price.symbol for price in read_current_prices(database.engine, [fx, ndx])] == ["EUR/USD", "NDX"]


def test_a_far_minute_moves_nothing_before_the_next_ones_confirm_it(database: Database, dax: Symbol) -> None:
    # r1 is 24,100, r2 24,150 and r3 24,250.
    store_levels(database, dax, high=24_050, low=23_900, close=24_050)
    calm = [24_010.0, 24_011.0, 24_012.0] * 5

    def price_after(closes: Sequence[float]) -> tuple[float, float, datetime]:
        store(database, dax, closes)
        update_prices(database, dax, session(), now=OPEN + len(closes) * MINUTE)
        [price] = read_current_prices(database.engine, [dax])
        return price.price, price.session_high, price.at

    calm_end = OPEN + 15 * MINUTE
    assert price_after([*calm, 24_300]) == (24_012, 24_013, calm_end)
    assert price_after([*calm, 24_300, 24_012]) == (24_012, 24_013, calm_end)
    assert price_after([*calm, 24_300, 24_012, 24_013]) == (24_013, 24_014, calm_end + 3 * MINUTE)
    assert touched(database) == []
    confirmed = [*calm, 24_300, 24_290, 24_310]
    assert price_after(confirmed) == (24_310, 24_311, calm_end + 3 * MINUTE)
    assert "classic r3" in {level for level, *_ in touched(database)}


def test_the_first_touch_of_a_level_is_recorded_once(database: Database, dax: Symbol) -> None:
    # r1 is 24,100, r2 24,150 and r3 24,250.
    store_levels(database, dax, high=24_050, low=23_900, close=24_050)
    store(database, dax, [24_049, 24_060, 24_110])
    assert update_prices(database, dax, session(), now=OPEN + 2 * MINUTE) == 2
    first = [
        ("y_close", 24_050.0, 24_049.0, OPEN + MINUTE),
        ("y_high", 24_050.0, 24_049.0, OPEN + MINUTE),
    ]
    assert touched(database) == first
    store(database, dax, [24_050, 24_200], start=OPEN + 3 * MINUTE)
    assert update_prices(database, dax, session(), now=OPEN + 5 * MINUTE) == 2
    # From 24,110 down and up again, over r2 without a trade there.
    both = [
        ("classic r1", 24_100.0, 24_110.0, OPEN + 3 * MINUTE),
        ("classic r2", 24_150.0, 24_200.0, OPEN + 5 * MINUTE),
    ]
    assert touched(database) == first + both
    assert update_prices(database, dax, session(), now=OPEN + 5 * MINUTE) == 0
    assert touched(database) == first + both


def test_the_first_minute_is_compared_with_yesterdays_close(database: Database, dax: Symbol) -> None:
    store_levels(database, dax, high=24_050, low=23_900, close=24_000)
    store(database, dax, [23_000], start=session(THURSDAY).opens_at)
    store(database, dax, [24_080])
    update_prices(database, dax, session(), now=OPEN + MINUTE)
    assert [row[0] for row in touched(database)] == ["classic r1", "y_high"], "r1 is 24,066.67: both were jumped over"


def test_without_touch_alerts_no_touches_are_recorded(database: Database, dax: Symbol) -> None:
    store_levels(database, dax, high=24_050, low=23_900, close=24_000)
    store(database, dax, [24_050])
    silent = replace(dax, touch_alerts=False)
    assert update_prices(database, silent, session(), now=OPEN + MINUTE) == 0
    assert touched(database) == []
    assert read_current_prices(database.engine, [dax])


def test_the_levels_to_watch_belong_to_the_session_and_the_method(database: Database, dax: Symbol) -> None:
    assert levels_to_watch(database.engine, dax, FRIDAY) == {}
    store_levels(database, dax, high=24_050, low=23_900, close=24_050)
    assert levels_to_watch(database.engine, dax, FRIDAY) == {
        "y_high": 24_050, "y_low": 23_900, "y_close": 24_050, "classic pp": 24_000, "classic r1": 24_100,
        "classic r2": 24_150, "classic r3": 24_250, "classic s1": 23_950, "classic s2": 23_850, "classic s3": 23_800,
    }  # fmt: skip
    assert levels_to_watch(database.engine, dax, THURSDAY) == {}
    demark = levels_to_watch(database.engine, dax, FRIDAY, methods=[Method.DEMARK])
    assert set(demark) == {"y_high", "y_low", "y_close", "demark pp", "demark r1", "demark s1"}


def test_only_chosen_levels_are_touched(database: Database, dax: Symbol) -> None:
    store_levels(database, dax, high=24_050, low=23_900, close=24_000)
    store(database, dax, [24_050, 23_900])
    chosen = replace(dax, touch_levels=("y_low", "demark s1"))
    assert set(levels_to_watch(database.engine, chosen, FRIDAY)) >= {"y_low", "demark s1"}
    update_prices(database, chosen, session(), now=OPEN + 2 * MINUTE)
    assert {row[0] for row in touched(database)} == {"y_low", "demark s1"}, "y_high and the pivot were touched, too"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("PP", "camarilla pp"),
        ("r1", "camarilla r1"),
        ("classic R3", "classic r3"),
        ("y_high", "y_high"),
        ("High", "y_high"),
        ("y_close", "y_close"),
    ],
)
def test_a_level_is_named_as_people_do(text: str, name: str) -> None:
    assert level_name(text, method=Method.CAMARILLA) == name


@pytest.mark.parametrize("text", ["", "r9", "magic r1", "classic y_high", "classic demark r1", "y_open"])
def test_what_is_no_level_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="as in 'camarilla r3'"):
        level_name(text, method=Method.CLASSIC)


def test_touches_are_of_a_symbol_and_a_session(database: Database, dax: Symbol) -> None:
    [ndx] = find_symbols(database.engine, ["NDX"])
    touch = Touch("y_high", 24_050.0, 24_049.0, OPEN)
    assert [
        record_touches(database.engine, symbol, day, [touch])
        for symbol, day in ((dax, FRIDAY), (ndx, FRIDAY), (dax, THURSDAY), (dax, FRIDAY))
    ] == [1, 1, 1, 0]
