"""The price of a backfill, against what the simulator then counts."""

from datetime import UTC, date, datetime

import pytest

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import PLANS, UNLIMITED, NoLedger
from tradematrix_pipelines.vendors.ingest import Wanted, ingest
from tradematrix_pipelines.vendors.pricing import pace, price_symbol
from tradematrix_pipelines.vendors.simulator import Simulator
from tradematrix_pipelines.vendors.twelve_data import TwelveData
from tradematrix_pipelines.vendors.twelve_data.query import MAX_BARS

NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)
DAX, NDX, DJI, EUR, XAG = DEFAULT_SYMBOLS
M1, M5, H1, D1 = Timeframe.M1, Timeframe.M5, Timeframe.H1, Timeframe.D1


@pytest.mark.parametrize(
    ("symbol", "since", "timeframes", "calls"),
    [
        (EUR, date(2026, 11, 16), list(Timeframe), {M1: 2}),  # 5 x 1,440 minutes
        (EUR, date(2026, 8, 3), [H1, D1], {H1: 1}),  # 80 x 24 hours: its days come from them
        (DAX, date(2026, 11, 2), list(Timeframe), {M1: 2, D1: 1}),  # 15 x 510 minutes, official days
        (NDX, date(2026, 11, 16), [M5], {M5: 1}),
        (XAG, date(2026, 11, 20), [D1], {H1: 1}),
    ],
)
def test_the_price_is_what_it_then_costs(
    symbol: Symbol, since: date, timeframes: list[Timeframe], calls: dict[Timeframe, int]
) -> None:
    calendar = get_calendar(symbol.calendar)
    days = [session.trade_date for session in calendar.sessions(since, date(2026, 11, 20))]
    dates = {timeframe: frozenset(days) for timeframe in timeframes}
    prices = price_symbol(
        symbol, dates=dates, stored_minutes=(), first_minutes=date(2020, 2, 10), calendar=calendar, now=NOW,
        max_bars=MAX_BARS,
    )  # fmt: skip
    assert {price.timeframe: price.calls for price in prices} == calls
    wanted = Wanted(symbol=symbol, dates=dates, stored_minutes={}, read_minutes=lambda start, end: empty_candles())
    with Simulator(clock=FrozenClock(NOW)) as simulator:
        vendor = TwelveData(base_url=simulator.url, key="any", ledger=NoLedger(), clock=FrozenClock(NOW))
        for _ in ingest([vendor], wanted, calendar=calendar, now=NOW):
            pass
        vendor.close()
        assert simulator.counts.calls == sum(calls.values())


def test_stored_minutes_cost_nothing_again() -> None:
    days = [date(2026, 11, 19), date(2026, 11, 20)]
    prices = price_symbol(
        EUR, dates={M5: days, D1: days}, stored_minutes=days, first_minutes=None, calendar=get_calendar("FX"), now=NOW,
        max_bars=MAX_BARS,
    )  # fmt: skip
    assert prices == []


def test_before_there_are_minutes_each_timeframe_is_asked_for() -> None:
    days = [date(2020, 2, 6), date(2020, 2, 7), date(2020, 2, 10)]
    prices = price_symbol(
        EUR, dates=dict.fromkeys(Timeframe, days), stored_minutes=(), first_minutes=date(2020, 2, 10),
        calendar=get_calendar("FX"), now=NOW, max_bars=MAX_BARS,
    )  # fmt: skip
    assert {price.timeframe.value: (price.sessions, price.calls) for price in prices} == {
        "1m": (1, 1), "5m": (2, 1), "15m": (2, 1), "1h": (2, 1),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "credits_", "minutes", "days"),
    [("basic", 0, 0, 1), ("basic", 6, 1, 1), ("basic", 600, 100, 1), ("basic", 601, 101, 2), ("grow", 601, 15, 1)],
)
def test_the_pace_leaves_the_live_share_alone(plan: str, credits_: int, minutes: int, days: int) -> None:
    found = pace(credits_, PLANS[plan])
    assert (found.minutes, found.days) == (minutes, days)


def test_without_limits_it_takes_no_time() -> None:
    assert pace(10_000, UNLIMITED).minutes == 0


def test_a_year_of_minutes_costs_hardly_more_than_its_bars_need() -> None:
    calls, bound = 0, 0
    for symbol in DEFAULT_SYMBOLS:
        calendar = get_calendar(symbol.calendar)
        days = [session.trade_date for session in calendar.sessions(date(2025, 11, 21), date(2026, 11, 20))]
        [price] = price_symbol(
            symbol, dates={M1: days}, stored_minutes=(), first_minutes=None, calendar=calendar, now=NOW,
            max_bars=MAX_BARS,
        )  # fmt: skip
        calls += price.calls
        bound += -(-price.bars // 5_000)
    assert bound > 200
    assert calls <= 1.05 * bound
