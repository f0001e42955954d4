"""The price of a backfill, compared with the simulator's count."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime

import pytest

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.ingest.pricing import SeriesPrice, pace, price_symbol
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.vendors.credits import PLANS, UNLIMITED, NoLedger
from tradematrix_pipelines.vendors.twelve_data import TwelveData

NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)
DAX, NDX, DJI, EUR, XAG = DEFAULT_SYMBOLS
M1, M5, H1, D1 = Timeframe.M1, Timeframe.M5, Timeframe.H1, Timeframe.D1


def priced(
    symbol: Symbol,
    *,
    dates: Mapping[Timeframe, Collection[date]],
    stored: Mapping[Timeframe, Collection[date]] | None = None,
) -> list[SeriesPrice]:
    # Nothing is asked, so no server has to be there.
    vendor = TwelveData(base_url="http://127.0.0.1:1", key="any", ledger=NoLedger(), clock=FrozenClock(NOW))
    calendar = get_calendar(symbol.calendar)
    prices = price_symbol(vendor, symbol, dates=dates, stored=stored or {}, calendar=calendar, now=NOW)
    vendor.close()
    return prices


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
    wanted = Wanted(symbol=symbol, dates=dates, stored={}, read=lambda timeframe, start, end: empty_candles())
    with Simulator(clock=FrozenClock(NOW)) as simulator:
        vendor = TwelveData(base_url=simulator.url, key="any", ledger=NoLedger(), clock=FrozenClock(NOW))
        prices = price_symbol(vendor, symbol, dates=dates, stored={}, calendar=calendar, now=NOW)
        assert {price.timeframe: price.calls for price in prices} == calls
        for _ in ingest([vendor], wanted, calendar=calendar, now=NOW):
            pass
        vendor.close()
        assert simulator.counts.calls == sum(calls.values())


def test_stored_minutes_cost_nothing_again() -> None:
    days = [date(2026, 11, 19), date(2026, 11, 20)]
    prices = priced(EUR, dates={M5: days, D1: days}, stored={M1: days})
    assert prices == []


@pytest.mark.parametrize("finer", [M1, M5, H1])
def test_any_stored_series_that_serves_costs_nothing_again(finer: Timeframe) -> None:
    days = [date(2026, 11, 19), date(2026, 11, 20)]
    assert priced(EUR, dates={D1: days}, stored={finer: days}) == []


def test_before_there_are_minutes_the_finest_series_there_is_serves() -> None:
    days = [date(2020, 2, 6), date(2020, 2, 7), date(2020, 2, 10)]
    prices = priced(EUR, dates=dict.fromkeys(Timeframe, days))
    assert {price.timeframe: (price.sessions, price.calls) for price in prices} == {M1: (1, 1), M5: (2, 1)}


@pytest.mark.parametrize(
    ("plan", "credits_", "minutes", "days"),
    [("basic", 0, 0, 1), ("basic", 6, 1, 1), ("basic", 600, 100, 1), ("basic", 601, 101, 2), ("grow", 601, 15, 1)],
)
def test_the_pace_leaves_the_live_share_alone(plan: str, credits_: int, minutes: int, days: int) -> None:
    backfill = pace(credits_, PLANS[plan])
    assert (backfill.minutes, backfill.days) == (minutes, days)


def test_without_limits_it_takes_no_time() -> None:
    assert pace(10_000, UNLIMITED).minutes == 0


def test_a_year_of_minutes_costs_hardly_more_than_its_bars_need() -> None:
    calls, bound = 0, 0
    for symbol in DEFAULT_SYMBOLS:
        calendar = get_calendar(symbol.calendar)
        days = [session.trade_date for session in calendar.sessions(date(2025, 11, 21), date(2026, 11, 20))]
        [price] = priced(symbol, dates={M1: days})
        calls += price.calls
        bound += -(-price.bars // 5_000)
    assert bound > 200
    assert calls <= 1.05 * bound
