"""The runs that a part of the backlog takes."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from tradematrix_pipelines.automation.backlog import Cause, FetchTask
from tradematrix_pipelines.automation.runs import MOST_SHARED, Run, contiguous_ranges, plan_runs, share_runs
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


def alike(names: Iterable[str], *, days: int = 1, timeframes: tuple[Timeframe, ...] = tuple(Timeframe)) -> list[Run]:
    last = date(2026, 11, 20)
    first = last - timedelta(days=days - 1)
    return [Run(symbol=replace(NDX, name=name), first=first, last=last, timeframes=timeframes) for name in names]


def named(groups: list[list[Run]]) -> list[list[str]]:
    return [[run.symbol.name for run in group] for group in groups]


NAMES = [f"S{number:02}" for number in range(100)]


def test_up_to_five_symbols_have_runs_of_their_own() -> None:
    runs = alike(NAMES[:5])
    assert share_runs(runs, NAMES) == [[run] for run in runs]


def test_a_hundred_symbols_that_close_together_take_five_runs() -> None:
    groups = named(share_runs(reversed(alike(NAMES)), NAMES))
    assert groups == [NAMES[start : start + 20] for start in range(0, 100, 20)]


def test_a_run_is_a_range_of_dagsters_symbols() -> None:
    order = [*NAMES[:7], "EUR/USD", *NAMES[7:12]]
    groups = named(share_runs(alike([*NAMES[:12], "new"]), order))
    assert groups == [NAMES[0:3], NAMES[3:6], NAMES[6:7], NAMES[7:10], NAMES[10:12], ["new"]]


def test_runs_of_other_dates_or_timeframes_are_not_shared() -> None:
    groups = share_runs([*alike(NAMES[:6]), *alike(NAMES[:6], days=2), *alike(NAMES[:6], timeframes=())], NAMES)
    assert [len(group) for group in groups] == [2] * 9
    assert all(len({(run.first, run.timeframes) for run in group}) == 1 for group in groups)


def test_a_long_backlog_stays_in_many_runs() -> None:
    days = MOST_SHARED // len(Timeframe) // 2
    assert {len(group) for group in share_runs(alike(NAMES, days=days), NAMES)} == {2}
    assert {len(group) for group in share_runs(alike(NAMES, days=2 * days + 1), NAMES)} == {1}
