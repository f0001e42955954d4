"""What is known of one trade date: one status, one verdict, one sentence."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tradematrix_pipelines.board.days import DayState, Seen, day_state
from tradematrix_pipelines.candles.coverage import Status, Verdict
from tradematrix_pipelines.markets.sessions import Session

OPENS = datetime(2026, 11, 20, 8, tzinfo=UTC)
SESSION = Session(date(2026, 11, 20), OPENS, OPENS + timedelta(hours=8))
BEFORE, DURING, AFTER = OPENS - timedelta(hours=1), OPENS + timedelta(hours=1), OPENS + timedelta(days=1)


def row(
    status: Status,
    *,
    expected: int = 10,
    final: bool = True,
    verdict: Verdict | None = None,
    reason: str | None = None,
    name: str = "1m",
) -> Seen:
    return Seen(timeframe=name, status=status, expected=expected, final=final, verdict=verdict, reason=reason)


def state(*rows: Seen, now: datetime = AFTER, session: Session | None = SESSION, first: date | None = None) -> DayState:
    return day_state(session, rows, now=now, first=first)


def test_the_worst_timeframe_counts_and_gives_the_reason() -> None:
    complete = row(Status.COMPLETE, verdict=Verdict.ACCEPTED)
    partial = row(Status.PARTIAL, reason="9 of 10 bars", name="5m")
    failed = row(Status.FAILED, reason="no answer", name="1h")
    assert state(complete) == DayState(status="complete", verdict="accepted", ok=True, reason=None, timeframe="1m")
    assert state(complete, partial) == DayState(
        status="partial", verdict="accepted", ok=False, reason="9 of 10 bars", timeframe="5m"
    )
    assert (state(failed, partial).status, state(partial, failed).reason) == ("failed", "no answer")
    assert state(row(Status.MISSING, reason="0 of 10 bars"), partial).status == "missing"


def test_a_doubt_of_any_timeframe_is_one_of_the_day() -> None:
    doubtful = row(Status.COMPLETE, verdict=Verdict.DOUBTFUL, reason="doubtful: a spike", name="1d")
    day = state(row(Status.COMPLETE, verdict=Verdict.ACCEPTED), doubtful, row(Status.COMPLETE))
    assert (day.status, day.verdict, day.ok, day.reason) == ("complete", "doubtful", False, "doubtful: a spike")
    assert day.timeframe == "1d"


@pytest.mark.parametrize(("now", "status"), [(BEFORE, "upcoming"), (DURING, "open"), (AFTER, "unfetched")])
def test_without_a_row_the_clock_decides(now: datetime, status: str) -> None:
    assert state(now=now, first=date(2026, 11, 1)).status == status
    assert state(now=now, first=date(2026, 11, 1)).ok is (status != "unfetched")


def test_nothing_is_amiss_before_the_first_day_that_is_stored() -> None:
    assert state(first=date(2026, 11, 21)).ok
    assert state(first=None).reason == "nothing is stored so far back"
    assert state(first=date(2026, 11, 20)).reason == "never fetched"


def test_a_session_that_was_open_when_it_was_fetched_last() -> None:
    so_far = row(Status.COMPLETE, final=False)
    assert (state(so_far, now=DURING).status, state(so_far, now=DURING).ok) == ("open", True)
    assert (state(so_far).status, state(so_far).reason) == ("partial", "not fetched since it closed")
    assert state(so_far, row(Status.COMPLETE)).ok is False


def test_a_running_session_misses_no_bar_that_can_not_have_closed() -> None:
    so_far, none_yet = row(Status.COMPLETE, final=False), row(Status.MISSING, expected=0, final=False, name="1h")
    assert (state(so_far, none_yet, now=DURING).status, state(so_far, none_yet, now=DURING).ok) == ("open", True)
    assert state(none_yet, now=DURING).status == "open"
    assert state(so_far, none_yet).status == "missing", "it has closed since"
    assert state(so_far, row(Status.MISSING, final=False, name="5m"), now=DURING).status == "missing"


def test_a_day_without_a_session() -> None:
    assert state(session=None).status == "closed"
    assert state(row(Status.CLOSED), session=None).ok
    assert state(row(Status.COMPLETE, verdict=Verdict.ACCEPTED), session=None).status == "complete"
