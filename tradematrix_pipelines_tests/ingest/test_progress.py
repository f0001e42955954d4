"""Progress of an ingestion, compared with the counts of two simulators over real HTTP, and the estimated time left."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.ingest.progress import Progress, in_words, time_left
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.vendors.credits import PLANS, UNLIMITED, NoLedger, Plan
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.twelve_data import TwelveData

NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)
DAYS = frozenset(date(2026, 11, day) for day in (16, 17, 18, 19, 20))
QUICK = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.01, jitter=0.0)
M1, D1 = Timeframe.M1, Timeframe.D1
DAX = replace(DEFAULT_SYMBOLS[0], vendor_symbols=dict.fromkeys(("first", "second", "twelve_data"), "GDAXI"))


class SmallCalls(TwelveData):
    """The client, with windows of 500 bars: five sessions of DAX are six windows of minutes."""

    max_bars = 501


@pytest.mark.parametrize(
    ("timeframes", "faults", "expected", "summary"),
    [
        ([M1, D1], [""], 7, "7 of 7 windows, 0 left, 7 credits"),
        # Failed attempts are booked too.
        ([M1], ["broken=1/2"], 6, "6 of 6 windows, 0 left, 12 credits"),
        # Three windows that fail, two attempts each; the rest of the series is skipped.
        ([M1], ["broken"], 6, "3 of 6 windows, 3 skipped, 0 left, 6 credits"),
        # A refusal that applies to all series of a symbol.
        ([M1, D1], ["gated"], 7, "1 of 6 windows, 5 skipped, 0 left, 1 credit"),
        ([M1], ["gated", ""], 6, "7 of 12 windows, 5 skipped, 0 left, 7 credits"),
        # Incomplete minutes: 510 bars of 5m serve the rest, which can't be priced in advance.
        (list(Timeframe), ["missing=0.1"], 7, "9 of 9 windows, 0 left, 9 credits"),
    ],
)
def test_it_counts_the_calls_that_the_vendors_count(
    timeframes: list[Timeframe], faults: list[str], expected: int, summary: str
) -> None:
    clock, progress = FrozenClock(NOW), Progress()
    wanted = Wanted(
        symbol=DAX,
        dates=dict.fromkeys(timeframes, DAYS),
        stored={},
        read=lambda timeframe, start, end: empty_candles(),
    )
    with ExitStack() as stack:
        simulators = [stack.enter_context(Simulator(clock=clock, faults=[fault] if fault else [])) for fault in faults]
        vendors = [
            SmallCalls(base_url=simulator.url, key="any", ledger=NoLedger(), clock=clock, name=name, retry_policy=QUICK)
            for name, simulator in zip(("first", "second"), simulators, strict=False)
        ]
        for vendor in vendors:
            stack.callback(vendor.close)
        batches = ingest(vendors, wanted, calendar=get_calendar("XETR"), now=NOW, progress=progress)
        assert (progress.total, progress.left) == (expected, expected)
        left = [progress.left for _ in batches]
        calls = sum(simulator.counts.calls for simulator in simulators)
    assert (progress.summary(), progress.credits) == (summary, calls)
    assert min(left) >= 0, "more was asked than there was to ask"


@pytest.mark.parametrize(
    ("plan", "left", "asked", "elapsed", "expected"),
    [
        # At the pace so far: four windows in eight seconds.
        (UNLIMITED, 30, 4, timedelta(seconds=8), timedelta(seconds=60)),
        # Basic leaves a backfill 6 credits a minute and 600 a day; the first six come at once, and predict nothing.
        (PLANS["basic"], 30, 6, timedelta(seconds=3), timedelta(minutes=5)),
        (PLANS["basic"], 30, 6, timedelta(minutes=2), timedelta(minutes=10)),
        (PLANS["basic"], 30, 0, timedelta(), timedelta(minutes=5)),
        (PLANS["basic"], 1300, 6, timedelta(seconds=3), timedelta(days=2)),
        # Nothing is known yet, and nothing is left.
        (UNLIMITED, 30, 0, timedelta(), None),
        (UNLIMITED, 30, 4, timedelta(), None),
        (PLANS["basic"], 0, 6, timedelta(seconds=3), None),
    ],
)
def test_the_time_left_is_that_of_the_slower_of_pace_and_plan(
    plan: Plan, left: int, asked: int, elapsed: timedelta, expected: timedelta | None
) -> None:
    progress = Progress(expected={M1: left}, cut=asked, asked=asked)
    assert time_left(progress, elapsed=elapsed, plan=plan) == expected


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(milliseconds=3), "1 s"),
        (timedelta(seconds=89), "89 s"),
        (timedelta(seconds=90), "2 min"),
        (timedelta(minutes=89), "89 min"),
        (timedelta(minutes=150), "2 h"),
        (timedelta(days=2), "2 days"),
    ],
)
def test_a_duration_in_words(duration: timedelta, words: str) -> None:
    assert in_words(duration) == words
