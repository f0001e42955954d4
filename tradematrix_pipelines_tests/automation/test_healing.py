"""Which sessions are fetched again, when, and which are exhausted, as tables."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tradematrix_pipelines.automation.healing import (
    MOST_ATTEMPTS,
    decide_healing,
    find_sparse,
    healing_budget,
    retry_pause,
)
from tradematrix_pipelines.automation.pulls import CreditState
from tradematrix_pipelines.candles.coverage import Coverage, Status, StoredCoverage
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import PLANS, UNLIMITED

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


def row(
    day: int, status: Status = Status.COMPLETE, *, symbol: str = "EUR/USD", attempts: int = 1, ago: float = 60,
    received: int = 1400, retry_at: datetime | None = None,
) -> StoredCoverage:  # fmt: skip
    """Return the coverage of a session of November's minutes that was last fetched ``ago`` minutes ago."""
    session = get_calendar("FX" if symbol == "EUR/USD" else "XETR").session(date(2026, 11, day))
    assert session is not None
    coverage = Coverage(
        timeframe=Timeframe.M1, trade_date=session.trade_date, status=status, final=True, expected=1440,
        received=received, opens_at=session.opens_at, closes_at=session.closes_at, retry_at=retry_at,
    )  # fmt: skip
    return StoredCoverage(symbol=symbol, coverage=coverage, attempts=attempts, checked_at=NOW - timedelta(minutes=ago))


@pytest.mark.parametrize("status", [Status.FAILED, Status.MISSING, Status.PARTIAL])
@pytest.mark.parametrize(
    ("attempts", "ago", "due"),
    [
        (1, 4, False),
        (1, 5, True),
        (3, 5, True),
        (4, 19, False),
        (4, 20, True),
        (5, 79, False),
        (5, 80, True),
        (MOST_ATTEMPTS, 60_000, False),
    ],
)
def test_the_pauses_grow(status: Status, attempts: int, ago: float, due: bool) -> None:
    coverage = row(16, status, attempts=attempts, ago=ago)
    assert decide_healing([coverage], NOW, budget=10).due == ((coverage,) if due else ())


def test_an_attempt_in_the_future_delays_nothing() -> None:
    failed = row(16, Status.FAILED, ago=-24 * 60)
    assert decide_healing([failed], NOW, budget=10).due == (failed,)


def test_pauses_are_minutes_at_first_and_a_day_at_last() -> None:
    assert [retry_pause(n) / timedelta(minutes=1) for n in range(1, MOST_ATTEMPTS)] == [5, 5, 5, 20, 80, 320, 1280]


def test_after_the_last_attempt_a_session_is_exhausted() -> None:
    missing = row(16, Status.MISSING, attempts=MOST_ATTEMPTS)
    assert decide_healing([missing], NOW, budget=10).exhausted == (missing,)


@pytest.mark.parametrize("status", [Status.COMPLETE, Status.CLOSED])
def test_what_is_there_is_left_alone(status: Status) -> None:
    healing = decide_healing([row(16, status)], NOW, budget=10)
    assert (healing.due, healing.sparse, healing.exhausted) == ((), (), ())


def test_what_waits_for_the_days_credits_goes_on_by_itself() -> None:
    assert decide_healing([row(16, Status.FAILED, retry_at=NOW)], NOW, budget=10).due == ()


def test_a_session_that_only_live_pulls_fetched_is_no_matter_of_healing() -> None:
    partial = row(20, Status.PARTIAL)
    live = replace(partial, checked_at=NOW - timedelta(hours=3))
    assert decide_healing([live], NOW, budget=10).due == ()


def test_the_newest_come_first_within_the_budget() -> None:
    rows = [row(day, Status.FAILED) for day in (16, 17, 18, 19)]
    assert [due.coverage.trade_date.day for due in decide_healing(rows, NOW, budget=2).due] == [19, 18]
    assert decide_healing(rows, NOW, budget=0).due == ()


def test_a_sparse_session_is_fetched_once_more() -> None:
    usual = [row(day, received=1400) for day in (9, 10, 11, 12, 13)]
    sparse = row(16, received=1000)
    assert find_sparse([*usual, sparse], NOW) == [sparse]
    assert decide_healing([*usual, sparse], NOW, budget=10).sparse == (sparse,)
    again = replace(sparse, attempts=2)
    assert decide_healing([*usual, again], NOW, budget=10).sparse == ()


def test_what_is_usual_takes_five_sessions_to_know() -> None:
    assert find_sparse([row(9), row(10), row(11, received=700)], NOW) == []


@pytest.mark.parametrize(("left", "budget"), [(800, 10), (130, 10), (105, 5), (80, 0), (0, 0)])
def test_healing_leaves_a_tenth_of_the_day_alone(left: int, budget: int) -> None:
    assert healing_budget(CreditState(plan=PLANS["basic"], day_left=left)) == budget


def test_healing_has_a_bound_without_limits_too() -> None:
    assert healing_budget(CreditState(plan=UNLIMITED)) == 10
