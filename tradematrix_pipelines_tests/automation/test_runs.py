"""The runs that a part of the backlog takes."""

from datetime import UTC, date, datetime

from tradematrix_pipelines.automation.backlog import Cause, FetchTask
from tradematrix_pipelines.automation.runs import Run, contiguous_ranges, plan_runs
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe

DAX, NDX = (next(symbol for symbol in DEFAULT_SYMBOLS if symbol.name == name) for name in ("DAX", "NDX"))
M1, D1 = Timeframe.M1, Timeframe.D1


def task(day: int, timeframe: Timeframe | None, cause: Cause = Cause.CLOSED, symbol: str = "DAX") -> FetchTask:
    return FetchTask(
        symbol=DAX if symbol == "DAX" else NDX, trade_date=date(2026, 11, day), timeframe=timeframe, cause=cause,
        changed_at=None, next_attempt=datetime(2026, 11, 30, tzinfo=UTC),
    )  # fmt: skip


def test_ranges_skip_closed_days_and_break_at_sessions_that_are_complete() -> None:
    # Xetra 2026: closed from Good Friday, 3 April, to Easter Monday, 6 April.
    dates = {date(2026, 4, day) for day in (1, 2, 7, 9, 10)}
    assert list(contiguous_ranges(dates, get_calendar("XETR"))) == [
        (date(2026, 4, 1), date(2026, 4, 7)),
        (date(2026, 4, 9), date(2026, 4, 10)),
    ]
    assert list(contiguous_ranges(set(), get_calendar("XETR"))) == []


def test_a_run_has_the_dates_that_want_the_same_timeframes() -> None:
    tasks = [task(16, M1), task(17, D1), task(17, M1), task(18, M1), task(18, D1), task(20, M1), task(20, D1)]
    assert plan_runs(tasks) == [
        Run(symbol=DAX, first=date(2026, 11, 16), last=date(2026, 11, 16), timeframes=(M1,)),
        Run(symbol=DAX, first=date(2026, 11, 17), last=date(2026, 11, 18), timeframes=(M1, D1)),
        Run(symbol=DAX, first=date(2026, 11, 20), last=date(2026, 11, 20), timeframes=(M1, D1)),
    ]


def test_levels_come_after_the_candles_of_their_symbol() -> None:
    runs = plan_runs([task(18, None), task(17, M1), task(17, M1, symbol="NDX"), task(19, None)])
    assert [(run.symbol.name, run.timeframes, run.first.day, run.last.day) for run in runs] == [
        ("DAX", (M1,), 17, 17),
        ("DAX", (), 18, 19),
        ("NDX", (M1,), 17, 17),
    ]


def test_complete_sessions_are_fetched_again_only_where_they_are_sparse() -> None:
    runs = plan_runs([task(17, M1), task(18, M1, Cause.SPARSE)])
    assert [(run.first.day, run.refresh) for run in runs] == [(17, False), (18, True)]
