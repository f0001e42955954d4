"""What is to be fetched or computed, why and when, as tables of what is stored."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tradematrix_pipelines.automation.backlog import (
    MOST_ATTEMPTS,
    SETTLING,
    Cause,
    FetchTask,
    backlog,
    find_sparse,
    retry_pause,
)
from tradematrix_pipelines.candles.coverage import Coverage, Status, StoredCoverage, Verdict
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

DAX, NDX, EURUSD = (next(s for s in DEFAULT_SYMBOLS if s.name == name) for name in ("DAX", "NDX", "EUR/USD"))
NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
SINCE = date(2020, 1, 1)
LATER = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
ALL = tuple(Timeframe)


def stored(
    symbol: Symbol,
    day: date,
    timeframe: Timeframe,
    status: Status = Status.COMPLETE,
    *,
    late: float = 10,
    final: bool = True,
) -> StoredCoverage:
    """Return the coverage of a session that was last fetched ``late`` minutes after its close."""
    session = get_calendar(symbol.calendar).session(day)
    assert session is not None
    coverage = Coverage(
        timeframe=timeframe, trade_date=day, status=status, final=final, expected=10, received=10,
        opens_at=session.opens_at, closes_at=session.closes_at,
    )  # fmt: skip
    checked = session.closes_at + timedelta(minutes=late)
    return StoredCoverage(symbol=symbol.name, coverage=coverage, attempts=1, checked_at=checked)


def due_sessions(
    symbol: Symbol, rows: Sequence[StoredCoverage], now: datetime, *, since: date
) -> dict[date, tuple[Timeframe, ...]]:
    """Return the closed sessions that are due, with their timeframes."""
    due: dict[date, tuple[Timeframe, ...]] = {}
    for task in backlog(symbol, rows, now, history_start=since):
        if task.cause is Cause.CLOSED and task.is_due(now) and task.timeframe is not None:
            due[task.trade_date] = (*due.get(task.trade_date, ()), task.timeframe)
    return due


def due_levels(
    symbol: Symbol, days: Sequence[StoredCoverage], computed: Collection[date], now: datetime
) -> dict[date, datetime | None]:
    """Return the levels that are due, and since when."""
    tasks = backlog(symbol, days, now, levels=computed)
    return {task.trade_date: task.changed_at for task in tasks if task.cause is Cause.LEVELS and task.is_due(now)}


def complete(symbol: Symbol, *days: int) -> list[StoredCoverage]:
    return [stored(symbol, date(2026, 11, day), timeframe) for day in days for timeframe in Timeframe]


def test_with_nothing_stored_the_last_five_sessions_are_due() -> None:
    due = due_sessions(DAX, [], NOW, since=SINCE)
    assert due == {date(2026, 11, day): ALL for day in (16, 17, 18, 19, 20)}


def test_complete_sessions_are_not_due() -> None:
    assert due_sessions(DAX, complete(DAX, 16, 17, 18, 19, 20), NOW, since=SINCE) == {}


def test_a_machine_that_was_off_catches_up_from_its_first_session_on() -> None:
    due = due_sessions(DAX, complete(DAX, 2, 3, 20), NOW, since=SINCE)
    assert list(due) == [date(2026, 11, day) for day in (4, 5, 6, 9, 10, 11, 12, 13, 16, 17, 18, 19)]


def test_not_before_the_partitions_start() -> None:
    assert list(due_sessions(DAX, [], NOW, since=date(2026, 11, 19))) == [date(2026, 11, 19), date(2026, 11, 20)]


@pytest.mark.parametrize(
    ("status", "late", "final", "due"),
    [
        (Status.COMPLETE, -5, False, True),  # a live pull
        (Status.COMPLETE, 0, True, False),  # somebody's backfill
        (Status.PARTIAL, 1, True, True),  # fetched before it had settled
        (Status.PARTIAL, 3, True, False),  # a matter of healing
        (Status.FAILED, 3, True, False),
        (Status.FAILED, -1, False, True),
    ],
)
def test_a_session_is_due_until_it_was_fetched(status: Status, late: float, final: bool, due: bool) -> None:
    rows = [row for row in complete(DAX, 16, 17, 18, 19, 20) if row.coverage.trade_date.day != 20]
    rows += [stored(DAX, date(2026, 11, 20), timeframe, status, late=late, final=final) for timeframe in Timeframe]
    due_now = due_sessions(DAX, rows, NOW, since=SINCE)
    assert due_now == ({date(2026, 11, 20): ALL} if due else {})


@pytest.mark.parametrize(
    ("symbol", "day", "closes"),
    [
        (DAX, date(2026, 11, 20), "2026-11-20 16:30"),
        (NDX, date(2026, 11, 27), "2026-11-27 18:00"),  # early close
        (EURUSD, date(2026, 3, 9), "2026-03-09 21:00"),  # New York has changed its clocks
        (EURUSD, date(2026, 11, 20), "2026-11-20 22:00"),
    ],
)
def test_each_symbol_has_its_own_close_and_a_settling_time(symbol: Symbol, day: date, closes: str) -> None:
    settled = datetime.fromisoformat(closes).replace(tzinfo=UTC) + SETTLING
    before = get_calendar(symbol.calendar).previous(day).trade_date
    rows = [stored(symbol, before, timeframe) for timeframe in Timeframe]
    assert day not in due_sessions(symbol, rows, settled - timedelta(seconds=1), since=SINCE)
    assert day in due_sessions(symbol, rows, settled, since=SINCE)


def test_only_the_missing_timeframes_are_due() -> None:
    rows = [row for row in complete(DAX, 16, 17, 18, 19, 20) if row.coverage.timeframe is not Timeframe.D1]
    assert due_sessions(DAX, rows, NOW, since=SINCE) == dict.fromkeys(
        [date(2026, 11, day) for day in (16, 17, 18, 19, 20)], (Timeframe.D1,)
    )


def test_levels_follow_each_final_day() -> None:
    days = [stored(NDX, date(2026, 11, day), Timeframe.D1) for day in (24, 25, 27)]
    now = datetime(2026, 11, 28, tzinfo=UTC)
    at = {row.coverage.trade_date: row.checked_at for row in days}
    # Thanksgiving is no session: the levels after the 25th are the 27th's, and Friday's are Monday's.
    expected = {date(2026, 11, 25): at[date(2026, 11, 24)], date(2026, 11, 27): at[date(2026, 11, 25)]}
    expected[date(2026, 11, 30)] = at[date(2026, 11, 27)]
    assert due_levels(NDX, days, set(), now) == expected
    assert due_levels(NDX, days, set(expected), now) == {}
    assert list(due_levels(NDX, days, set(expected) - {date(2026, 11, 27)}, now)) == [date(2026, 11, 27)]


@pytest.mark.parametrize(
    ("status", "final"),
    [(Status.PARTIAL, True), (Status.FAILED, True), (Status.CLOSED, True), (Status.COMPLETE, False)],
)
def test_no_levels_follow_an_incomplete_day(status: Status, final: bool) -> None:
    row = stored(DAX, date(2026, 11, 19), Timeframe.D1, status, final=final)
    if status is Status.CLOSED:
        row = StoredCoverage(
            symbol="DAX",
            coverage=Coverage(
                timeframe=Timeframe.D1, trade_date=date(2026, 5, 1), status=status, final=True, expected=0, received=0
            ),
            attempts=1,
            checked_at=NOW,
        )
    assert due_levels(DAX, [row], set(), NOW) == {}


def tasks(*rows: StoredCoverage) -> list[FetchTask]:
    return backlog(EURUSD, rows, LATER)


def minutes(
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
    return StoredCoverage(
        symbol=symbol, coverage=coverage, attempts=attempts, checked_at=LATER - timedelta(minutes=ago)
    )


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
        (MOST_ATTEMPTS, 5_800, False),
    ],
)
def test_the_pauses_grow(status: Status, attempts: int, ago: float, due: bool) -> None:
    [task] = tasks(minutes(16, status, attempts=attempts, ago=ago))
    assert (task.cause, task.is_due(LATER)) == (Cause.INCOMPLETE, due)


def test_an_attempt_in_the_future_delays_nothing() -> None:
    [task] = tasks(minutes(16, Status.FAILED, ago=-24 * 60))
    assert task.is_due(LATER)


def test_pauses_are_minutes_at_first_and_a_day_at_last() -> None:
    assert [retry_pause(n) / timedelta(minutes=1) for n in range(1, MOST_ATTEMPTS)] == [5, 5, 5, 20, 80, 320, 1280]


def test_after_the_last_attempt_a_session_is_exhausted() -> None:
    [task] = tasks(minutes(16, Status.MISSING, attempts=MOST_ATTEMPTS))
    assert (task.cause, task.next_attempt) == (Cause.INCOMPLETE, None)
    assert not task.is_due(datetime(2030, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("status", [Status.COMPLETE, Status.CLOSED])
def test_what_is_there_is_left_alone(status: Status) -> None:
    assert tasks(minutes(16, status)) == []


@pytest.mark.parametrize(
    ("hours", "due"),
    [
        pytest.param(0, True, id="reset"),
        pytest.param(0.5, False, id="not reset yet"),
        pytest.param(25, True, id="set by a clock that was ahead"),
    ],
)
def test_what_stopped_at_the_days_credits_is_due_when_they_are_reset(hours: float, due: bool) -> None:
    [task] = tasks(minutes(16, Status.FAILED, attempts=20, retry_at=LATER + timedelta(hours=hours)))
    assert (task.cause, task.is_due(LATER)) == (Cause.CREDITS, due)


def test_a_session_that_only_live_pulls_fetched_has_closed_since() -> None:
    partial = minutes(20, Status.PARTIAL)
    [task] = tasks(replace(partial, checked_at=LATER - timedelta(hours=3)))
    assert task.cause is Cause.CLOSED


def test_a_sparse_session_is_fetched_once_more() -> None:
    usual = [minutes(day, received=1400) for day in (9, 10, 11, 12, 13)]
    sparse = minutes(16, received=1000)
    assert find_sparse([*usual, sparse]) == [sparse]
    [task] = tasks(*usual, sparse)
    assert (task.cause, task.trade_date, task.is_due(LATER)) == (Cause.SPARSE, date(2026, 11, 16), True)
    [task] = tasks(*usual, replace(sparse, attempts=2))
    assert not task.is_due(LATER)


def test_what_is_usual_takes_five_sessions_to_know() -> None:
    assert find_sparse([minutes(9), minutes(10), minutes(11, received=700)]) == []


def test_nothing_of_a_pruned_session_is_to_be_done() -> None:
    day = date(2026, 11, 18)
    rows = [stored(DAX, day, timeframe, Status.PARTIAL) for timeframe in (Timeframe.M1, Timeframe.D1)]
    rows.append(stored(DAX, day, Timeframe.M5))
    rows[-1] = replace(rows[-1], coverage=replace(rows[-1].coverage, verdict=Verdict.DOUBTFUL))
    assert [task.cause for task in backlog(DAX, rows, NOW)] == [Cause.INCOMPLETE, Cause.DOUBTFUL, Cause.INCOMPLETE]
    pruned = [replace(row, coverage=replace(row.coverage, pruned_at=NOW)) for row in rows]
    assert backlog(DAX, pruned, NOW) == []
    complete = stored(DAX, day, Timeframe.D1)
    assert [task.cause for task in backlog(DAX, [complete], NOW, levels=[])] == [Cause.LEVELS]
    gone = replace(complete, coverage=replace(complete.coverage, pruned_at=NOW))
    assert backlog(DAX, [gone], NOW, levels=[]) == [], "there is nothing to compute them from"
    known = [replace(row, coverage=replace(row.coverage, pruned_at=NOW)) for row in complete_day(DAX, day)]
    assert day not in due_sessions(DAX, known, NOW, since=SINCE), "it is known, not absent"


def complete_day(symbol: Symbol, day: date) -> list[StoredCoverage]:
    return [stored(symbol, day, timeframe) for timeframe in Timeframe]
