"""What bringing in sessions will cost, before it is done. Pure.

It follows the rules of ``ingest``: the minutes serve the coarser timeframes, official days and what the minutes can't
serve are calls of their own. What no price can know is left out: sessions whose minutes turn out torn cost a call or
two more, and failed calls are tried again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil

from tradematrix_pipelines.markets.calendars import SessionCalendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import BACKFILL, Plan
from tradematrix_pipelines.vendors.protocol import Vendor
from tradematrix_pipelines.vendors.windows import cut_windows

M1, H1, D1 = Timeframe.M1, Timeframe.H1, Timeframe.D1


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesPrice:
    """What one series costs: the bars that are asked for, and the calls that carry them."""

    timeframe: Timeframe
    sessions: int
    bars: int
    calls: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How long credits take to come free for a backfill: minutes of spending, and days where a day is not enough."""

    minutes: int
    days: int


def price_symbol(
    symbol: Symbol,
    *,
    dates: Mapping[Timeframe, Collection[date]],
    stored_minutes: Collection[date],
    first_minutes: date | None,
    calendar: SessionCalendar,
    now: datetime,
    max_bars: int,
) -> list[SeriesPrice]:
    """Return what bringing in ``dates`` of ``symbol`` costs, by the series that have to be asked for.

    Args:
        dates: trade dates that are not stored complete yet, by timeframe.
        stored_minutes: those whose minutes are stored complete.
        first_minutes: first trade date of which the vendor has minutes; ``None`` = all.
        max_bars: bars that one call carries.
    """
    fetched = {day for day in dates.get(M1, ()) if first_minutes is None or day >= first_minutes}
    served = fetched | set(stored_minutes)
    asked: dict[Timeframe, set[date]] = {M1: fetched}
    for timeframe in dates:
        if timeframe is not M1:
            official = timeframe is D1 and not symbol.quotes_all_day
            own = set(dates[timeframe]) if official else set(dates[timeframe]) - served
            # The session's day comes from its hours.
            asked.setdefault(H1 if timeframe is D1 and not official else timeframe, set()).update(own)
    prices = [_price(timeframe, days, calendar, now, max_bars) for timeframe, days in asked.items()]
    return [price for price in prices if price.sessions]


def expected_windows(
    vendor: Vendor,
    symbol: Symbol,
    *,
    dates: Mapping[Timeframe, Collection[date]],
    stored_minutes: Collection[date],
    calendar: SessionCalendar,
    now: datetime,
) -> dict[Timeframe, int]:
    """Return the calls of each series if ``vendor`` serves whatever it may be asked for; arguments as above."""
    askable = {
        timeframe: [day for day in days if vendor.lacks(symbol, timeframe, day) is None]
        for timeframe, days in dates.items()
    }
    prices = price_symbol(
        symbol,
        dates=askable,
        stored_minutes=stored_minutes,
        first_minutes=None,
        calendar=calendar,
        now=now,
        max_bars=vendor.max_bars,
    )
    return {price.timeframe: price.calls for price in prices}


def pace(credits: int, plan: Plan) -> Pace:  # noqa: A002 - the domain's word
    """Return how long a backfill of so many credits takes at the plan's pace, the live share left alone."""
    minute, day = plan.minute_budget(BACKFILL), plan.day_budget(BACKFILL)
    return Pace(
        minutes=0 if minute is None else ceil(credits / minute),
        days=1 if day is None or not credits else ceil(credits / day),
    )


def _price(
    timeframe: Timeframe, days: Collection[date], calendar: SessionCalendar, now: datetime, max_bars: int
) -> SeriesPrice:
    between = calendar.sessions(min(days), max(days)) if days else []
    needed = [session for session in between if session.trade_date in days and _due(session, timeframe, now)]
    inside = [s for s in between if needed and needed[0].opens_at <= s.opens_at <= needed[-1].opens_at]
    windows = cut_windows(needed, between=inside, timeframe=timeframe, now=now, max_bars=max(1, max_bars - 1))
    return SeriesPrice(
        timeframe=timeframe,
        sessions=len(needed),
        bars=sum(len(session.bar_opens(timeframe)) for session in needed),
        calls=sum(1 for _ in windows),
    )


def _due(session: Session, timeframe: Timeframe, now: datetime) -> bool:
    return now >= (session.closes_at if timeframe is D1 else session.opens_at)
