"""What healing fetches again, within the day's credits."""

from datetime import UTC, date, datetime

import pytest

from tradematrix_pipelines.automation.backlog import Cause, FetchTask
from tradematrix_pipelines.automation.healing import choose_healing, healing_budget
from tradematrix_pipelines.automation.pulls import CreditState
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import PLANS, UNLIMITED

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


def task(day: int, cause: Cause = Cause.INCOMPLETE, timeframe: Timeframe = Timeframe.M1) -> FetchTask:
    symbol = next(symbol for symbol in DEFAULT_SYMBOLS if symbol.name == "EUR/USD")
    return FetchTask(
        symbol=symbol, trade_date=date(2026, 11, day), timeframe=timeframe, cause=cause, changed_at=None,
        next_attempt=NOW,
    )  # fmt: skip


def test_the_newest_come_first_within_the_budget_with_all_their_timeframes() -> None:
    tasks = [task(day, timeframe=timeframe) for day in (16, 17, 18, 19) for timeframe in (Timeframe.M1, Timeframe.D1)]
    assert [chosen.trade_date.day for chosen in choose_healing(tasks, budget=2)] == [19, 19, 18, 18]
    assert choose_healing(tasks, budget=0) == []


def test_healing_is_for_incomplete_sparse_and_doubtful_sessions() -> None:
    tasks = [task(day, cause) for day, cause in enumerate(Cause, start=16)]
    assert {chosen.cause for chosen in choose_healing(tasks, budget=10)} == {
        Cause.INCOMPLETE,
        Cause.SPARSE,
        Cause.DOUBTFUL,
    }


@pytest.mark.parametrize(("left", "budget"), [(800, 10), (130, 10), (105, 5), (80, 0), (0, 0)])
def test_healing_leaves_a_tenth_of_the_day_alone(left: int, budget: int) -> None:
    assert healing_budget(CreditState(plan=PLANS["basic"], day_left=left)) == budget


def test_healing_has_a_bound_without_limits_too() -> None:
    assert healing_budget(CreditState(plan=UNLIMITED)) == 10
