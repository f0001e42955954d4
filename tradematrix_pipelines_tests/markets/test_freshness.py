"""What must be stored at which hour. Hours and holidays are the exchanges' of 2026 (test_calendars has the sources)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.freshness import allowance, behind, due
from tradematrix_pipelines.markets.timeframes import Timeframe


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendar", "now", "running", "finished"),
    [
        pytest.param("XNYS", "11-20T14:29", None, "11-19", id="before the open"),
        pytest.param("XNYS", "11-20T14:30", "11-20", "11-19", id="just opened"),
        pytest.param("XNYS", "11-20T21:29", "11-20", "11-19", id="just closed"),
        pytest.param("XNYS", "11-20T21:30", None, "11-20", id="the grace is over"),
        pytest.param("XNYS", "11-21T03:00", None, "11-20", id="night"),
        pytest.param("XNYS", "11-22T15:00", None, "11-20", id="weekend"),
        pytest.param("XNYS", "11-26T16:00", None, "11-25", id="holiday"),
        pytest.param("XNYS", "11-27T17:59", "11-27", "11-25", id="half day"),
        pytest.param("XNYS", "11-27T18:30", None, "11-27", id="half day over"),
        pytest.param("XNYS", "10-30T14:00", "10-30", "10-29", id="summer time"),
        pytest.param("XNYS", "11-02T14:00", None, "10-30", id="winter time, the same hour"),
        pytest.param("XETR", "10-23T07:30", "10-23", "10-22", id="summer time in Europe"),
        pytest.param("XETR", "10-26T07:30", None, "10-23", id="winter time in Europe"),
        pytest.param("XETR", "04-06T10:00", None, "04-02", id="Easter Monday"),
        pytest.param("FX", "11-20T22:10", "11-20", "11-19", id="FX just closed for the weekend"),
        pytest.param("FX", "11-20T22:30", None, "11-20", id="FX weekend"),
        pytest.param("FX", "11-22T21:59", None, "11-20", id="FX before Sunday's open"),
        pytest.param("FX", "11-22T22:00", "11-23", "11-20", id="FX opens on Sunday"),
        pytest.param("FX", "11-23T22:29", "11-24", "11-20", id="FX: Tuesday runs, Monday has its grace"),
        pytest.param("FX", "11-23T22:30", "11-24", "11-23", id="FX: Monday's grace is over"),
        pytest.param("FX", "10-25T21:00", "10-26", "10-23", id="FX in summer time"),
        pytest.param("FX", "11-01T21:59", None, "10-30", id="FX in winter time"),
        pytest.param("FX", "12-25T12:00", None, "12-24", id="FX at Christmas"),
    ],
)
def test_what_is_due(calendar: str, now: str, running: str | None, finished: str) -> None:
    due_now = due(get_calendar(calendar), utc(now))
    assert (due_now.running and f"{due_now.running.trade_date:%m-%d}") == running
    assert f"{due_now.finished.trade_date:%m-%d}" == finished


# Xetra trades from 08:00 to 16:30 UTC in winter, Tokyo from 00:00 to 06:30 with a break from 02:30 to 03:30.
@pytest.mark.parametrize(
    ("calendar", "newest", "now", "late"),
    [
        pytest.param("XETR", None, "08:15", False, id="younger than the allowance"),
        pytest.param("XETR", None, "08:16", True, id="and older, without a bar"),
        pytest.param("XETR", "11-19T16:30", "08:15", False, id="the newest is yesterday's, just opened"),
        pytest.param("XETR", "11-19T16:30", "08:16", True, id="the newest is yesterday's"),
        pytest.param("XETR", "11-20T11:45", "12:00", False, id="within the allowance"),
        pytest.param("XETR", "11-20T11:44", "12:00", True, id="beyond it"),
        pytest.param("XETR", "11-20T16:15", "16:55", False, id="closed: only time up to the close counts"),
        pytest.param("XETR", "11-20T16:14", "16:55", True, id="stopped before the close"),
        pytest.param("XTKS", "11-20T02:30", "03:45", False, id="a break does not count"),
        pytest.param("XTKS", "11-20T02:20", "03:00", False, id="in the break"),
        pytest.param("XTKS", "11-20T02:14", "03:00", True, id="in the break, stopped before it"),
        pytest.param("XTKS", "11-20T02:30", "03:46", True, id="nothing after the break"),
        pytest.param("XTKS", "11-20T04:00", "04:15", False, id="the break lies before"),
        pytest.param("XTKS", "11-20T02:00", "02:16", True, id="the break is still to come"),
    ],
)
def test_a_running_session_is_late(calendar: str, newest: str | None, now: str, *, late: bool) -> None:
    session = get_calendar(calendar).session(date(2026, 11, 20))
    assert session is not None
    closed = None if newest is None else utc(newest)
    reason = behind(session, closed, allowed=timedelta(minutes=15), now=utc(f"11-20T{now}"))
    assert (reason is not None) == late


def test_the_reason_is_the_same_until_a_newer_bar_comes() -> None:
    session = get_calendar("XETR").session(date(2026, 11, 20))
    assert session is not None
    stalled = {
        behind(session, utc("11-20T11:00"), allowed=timedelta(minutes=15), now=utc(now))
        for now in ("11-20T12:00", "11-20T15:00")
    }
    assert stalled == {"session 2026-11-20 has no bar for more than 15 minutes of trading after 2026-11-20 11:00 UTC"}
    assert behind(session, None, allowed=timedelta(minutes=15), now=utc("11-20T12:00")) == (
        "session 2026-11-20 has no bar more than 15 minutes of trading after its open at 2026-11-20 08:00 UTC"
    )


@pytest.mark.parametrize(
    ("timeframe", "tolerance", "minutes"),
    [(Timeframe.M1, None, 15), (Timeframe.M1, 75, 90), (Timeframe.M5, None, 19), (Timeframe.H1, 15, 89)],
)
def test_a_longer_bar_may_close_later(timeframe: Timeframe, tolerance: int | None, minutes: int) -> None:
    assert allowance(timeframe, tolerance) == timedelta(minutes=minutes)


def test_hours_in_which_a_market_may_be_closed_make_nothing_late() -> None:
    # Thanksgiving: metals may close at 14:30 New York, 19:30 UTC.
    [session] = get_calendar("METALS").sessions(date(2026, 11, 26), date(2026, 11, 26))
    newest, allowed = datetime(2026, 11, 26, 19, 30, tzinfo=UTC), timedelta(minutes=30)
    assert behind(session, newest, allowed=allowed, now=session.closes_at) is None
    earlier = newest - timedelta(minutes=31)
    assert behind(session, earlier, allowed=allowed, now=newest) is not None
    absent = replace(session, may_be_closed=True)
    assert behind(absent, None, allowed=allowed, now=newest) is None


def test_a_daily_bar_is_late_by_its_session_only() -> None:
    with pytest.raises(ValueError, match=r"^a running session has no daily bar yet$"):
        allowance(Timeframe.D1, 15)
