"""What fetching sessions will cost, before any call. Pure.

It executes the plan of ``fetch_plan`` without calls, for a vendor that has everything it may be asked for. Two costs
can't be known in advance and are left out: the extra calls for sessions whose minutes turn out incomplete, and retries.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import ceil

from tradematrix_pipelines.ingest.fetch_plan import Answer, Fetch, FetchPlan
from tradematrix_pipelines.ingest.history import History
from tradematrix_pipelines.ingest.windows import cut_windows
from tradematrix_pipelines.markets.calendars import SessionCalendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import BACKFILL, Plan
from tradematrix_pipelines.vendors.protocol import Vendor

D1 = Timeframe.D1


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesPrice:
    """What one series costs: the bars that are asked for, and the calls that carry them.

    Attributes:
        calls: those for bars.
        lookups: those that ask where the series starts.
    """

    timeframe: Timeframe
    sessions: int
    bars: int
    calls: int
    lookups: int = 0

    @property
    def credits(self) -> int:
        """Credits that all of it costs."""
        return self.calls + self.lookups


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How long a backfill takes by its plan's limits: minutes of spending, and days where one day is not enough."""

    minutes: int
    days: int


def price_symbol(
    vendor: Vendor,
    symbol: Symbol,
    *,
    dates: Mapping[Timeframe, Collection[date]],
    stored: Mapping[Timeframe, Collection[date]],
    calendar: SessionCalendar,
    now: datetime,
    history: History | None = None,
) -> list[SeriesPrice]:
    """Return what fetching ``dates`` of ``symbol`` costs at ``vendor``, by the series that have to be asked for.

    Args:
        dates: trade dates that are not stored complete yet, by timeframe.
        stored: those that are, by timeframe.
        history: what is known of the start of the symbol's series; what lies before costs nothing.
    """
    known = history or History(symbol=symbol)
    days = sorted(set().union(*dates.values()))
    sessions = calendar.sessions(days[0], days[-1]) if days else []
    plan = FetchPlan(
        symbol,
        wanted=dates,
        stored=stored,
        sessions=sessions,
        has_days=lambda day: known.unavailable_reason(vendor, D1, day) is None,
        now=now,
    )
    asked: dict[Timeframe, list[Session]] = {}
    lookups: set[Timeframe] = set()
    for step in plan.steps():
        if isinstance(step, Fetch):
            served = [
                session
                for session in step.sessions
                if known.unavailable_reason(vendor, step.timeframe, session.trade_date) is None
            ]
            if known.is_worth_asking(vendor, step.timeframe, served):
                lookups.add(step.timeframe)
            asked.setdefault(step.timeframe, []).extend(served)
            answers = dict.fromkeys((session.trade_date for session in step.sessions), Answer.INCOMPLETE)
            plan.record(step.timeframe, answers | {session.trade_date: Answer.COMPLETE for session in served})
            plan.served_by(step.timeframe, served)
        else:
            plan.served_by(step.base, step.sessions)
    return [
        replace(_price(timeframe, needed, sessions, now, vendor.max_bars), lookups=int(timeframe in lookups))
        for timeframe, needed in asked.items()
        if needed
    ]


def expected_windows(
    vendor: Vendor,
    symbol: Symbol,
    *,
    dates: Mapping[Timeframe, Collection[date]],
    stored: Mapping[Timeframe, Collection[date]],
    calendar: SessionCalendar,
    now: datetime,
    history: History | None = None,
) -> dict[Timeframe, int]:
    """Return the calls of each series if ``vendor`` serves whatever it may be asked for; arguments as above."""
    prices = price_symbol(vendor, symbol, dates=dates, stored=stored, calendar=calendar, now=now, history=history)
    return {price.timeframe: price.calls for price in prices}


def pace(credits: int, plan: Plan) -> Pace:  # noqa: A002 - the domain's word
    """Return how long a backfill of so many credits takes at the plan's pace, the live share left alone."""
    minute, day = plan.minute_budget(BACKFILL), plan.day_budget(BACKFILL)
    return Pace(
        minutes=0 if minute is None else ceil(credits / minute),
        days=1 if day is None or not credits else ceil(credits / day),
    )


def _price(
    timeframe: Timeframe, needed: list[Session], sessions: Sequence[Session], now: datetime, max_bars: int
) -> SeriesPrice:
    needed = sorted(needed, key=lambda session: session.opens_at)
    inside = [session for session in sessions if needed[0].opens_at <= session.opens_at <= needed[-1].opens_at]
    windows = cut_windows(needed, between=inside, timeframe=timeframe, now=now, max_bars=max(1, max_bars - 1))
    return SeriesPrice(
        timeframe=timeframe,
        sessions=len(needed),
        bars=sum(len(session.bar_opens(timeframe)) for session in needed),
        calls=sum(1 for _ in windows),
    )
