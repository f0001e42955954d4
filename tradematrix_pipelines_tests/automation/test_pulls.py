"""Which symbols to pull when: a table of instants, and a day minute by minute on the free plan."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from tradematrix_pipelines.alerts.detectors import find_low_credits
from tradematrix_pipelines.automation.pulls import CreditState, LastPull, decide_pulls, next_pull, pull_interval
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.vendors.credits import PLANS, UNLIMITED, Plan

BASIC, GROW = PLANS["basic"], PLANS["grow"]
FULL = CreditState(plan=BASIC, day_left=800)
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        # FX from Sunday 17:00 to Friday 17:00 New York, metals from 18:00 to 17:00;
        # DAX 9:00 to 17:30 Berlin; New York 9:30 to 16:00.
        ("2026-11-18 03:00", {"EUR/USD", "XAG/USD"}),
        ("2026-11-18 12:00", {"EUR/USD", "XAG/USD", "DAX"}),
        ("2026-11-18 15:00", {"EUR/USD", "XAG/USD", "DAX", "NDX", "DJI"}),
        ("2026-11-18 20:59", {"EUR/USD", "XAG/USD", "NDX", "DJI"}),
        ("2026-11-18 21:00", {"EUR/USD", "XAG/USD"}),
        ("2026-11-21 12:00", set()),
        ("2026-11-22 22:30", {"EUR/USD"}),
        ("2026-11-22 23:30", {"EUR/USD", "XAG/USD"}),
        ("2026-11-18 22:30", {"EUR/USD"}),
        ("2026-11-26 15:00", {"EUR/USD", "XAG/USD", "DAX"}),  # Thanksgiving
        ("2026-11-27 18:30", {"EUR/USD", "XAG/USD"}),  # New York closed at 13:00
        ("2026-05-01 12:00", {"EUR/USD", "XAG/USD"}),  # Xetra's holiday
        ("2026-12-25 15:00", set()),
        (
            "2026-03-09 13:31",
            {"EUR/USD", "XAG/USD", "DAX", "NDX", "DJI"},
        ),  # only New York has changed
    ],
)
def test_open_markets_are_pulled(moment: str, due: set[str]) -> None:
    decision = decide_pulls(utc(moment), DEFAULT_SYMBOLS, spendable=FULL, last_pulls={})
    assert {symbol.name for symbol, _ in decision.due} == due
    assert decision.waiting.keys() == {symbol.name for symbol in DEFAULT_SYMBOLS} - due


def test_a_closed_market_says_when_it_opens() -> None:
    waiting = decide_pulls(utc("2026-11-26 15:00"), DEFAULT_SYMBOLS, spendable=FULL, last_pulls={}).waiting
    assert waiting["NDX"] == "closed, opens Fri 2026-11-27 14:30 UTC"


def test_nothing_is_asked_before_a_minute_has_closed() -> None:
    decision = decide_pulls(utc("2026-11-18 08:00"), DEFAULT_SYMBOLS, spendable=FULL, last_pulls={})
    assert decision.waiting["DAX"] == "open, but no minute has closed yet"


@pytest.mark.parametrize(
    ("plan", "left", "every"),
    [
        (UNLIMITED, None, 1),
        (GROW, None, 1),
        (Plan(per_minute=2, per_day=None), None, 4),  # five symbols, with room for what else is asked for
        (BASIC, 800, 6),
        (BASIC, 400, 12),
        (BASIC, 60, 343),
        (BASIC, 48, None),  # 8 for the closes and 40 for what goes wrong
        (BASIC, 0, None),
    ],
)
def test_the_days_credits_are_spread_over_its_open_minutes(plan: Plan, left: int | None, every: int | None) -> None:
    spendable = CreditState(plan=plan, day_left=left)
    assert pull_interval(utc("2026-11-18 00:00"), DEFAULT_SYMBOLS, spendable=spendable) == every


def test_the_stalest_go_first_where_the_minute_has_no_room_for_all() -> None:
    now = utc("2026-11-18 15:00")
    sessions = {symbol.name: get_calendar(symbol.calendar).at(now) for symbol in DEFAULT_SYMBOLS}
    last = {
        (name, session.trade_date): LastPull(at=now - age * MINUTE)
        for age, (name, session) in enumerate(sessions.items(), start=10)
        if session is not None
    }
    two = CreditState(plan=Plan(per_minute=2, per_day=None))
    decision = decide_pulls(now, DEFAULT_SYMBOLS, spendable=two, last_pulls=last)
    assert [symbol.name for symbol, _ in decision.due] == ["XAG/USD", "EUR/USD"]
    assert decision.waiting["DAX"] == "the minute's credits go to staler symbols"


def test_without_credits_it_says_until_when() -> None:
    decision = decide_pulls(
        utc("2026-11-18 15:00"), DEFAULT_SYMBOLS, spendable=CreditState(plan=BASIC, day_left=7), last_pulls={}
    )
    assert not decision.due
    assert decision.waiting["DAX"] == "7 credits are left and kept for the closes, until 2026-11-19 00:00 UTC"


@pytest.mark.parametrize("day", ["2026-11-18", "2026-11-22", "2026-11-27", "2026-03-09"])
def test_a_day_on_the_free_plan_has_no_long_gap_and_spends_no_more_than_it_has(day: str) -> None:
    left, last = 800, dict[tuple[str, date], LastPull]()
    longest = timedelta()
    start = utc(f"{day} 00:00")
    for minute in range(24 * 60):
        now = start + minute * MINUTE + timedelta(seconds=2)
        state = CreditState(plan=BASIC, day_left=left)
        decision = decide_pulls(now, DEFAULT_SYMBOLS, spendable=state, last_pulls=last)
        assert len(decision.due) <= 8
        for symbol, session in decision.due:
            key = (symbol.name, session.trade_date)
            longest = max(longest, now - last[key].at) if key in last else longest
            last[key], left = LastPull(at=now), left - 1
        _check_nobody_waits_without_reason(decision.waiting)
        assert find_low_credits(DEFAULT_SYMBOLS, CreditState(plan=BASIC, day_left=left), now) == [], "a day as planned"
    assert 40 - len(DEFAULT_SYMBOLS) < left <= 800
    assert longest <= 7 * MINUTE


@pytest.mark.parametrize(
    ("without_result", "minutes", "due"),
    [
        (0, 6, True),
        (1, 11, False),
        (1, 12, True),
        (2, 23, False),
        (2, 24, True),
        (4, 59, False),
        (4, 60, True),
        (99, 60, True),
    ],
)
def test_a_symbol_that_the_vendor_refuses_is_pulled_less_and_less_often(
    without_result: int, minutes: int, due: bool
) -> None:
    now = utc("2026-11-18 15:00")
    last = {("NDX", now.date()): LastPull(at=now - minutes * MINUTE, without_result=without_result)}
    plan = CreditState(plan=BASIC, day_left=380)  # every six minutes
    decision = decide_pulls(now, DEFAULT_SYMBOLS, spendable=plan, last_pulls=last)
    assert ("NDX" in {symbol.name for symbol, _ in decision.due}) is due
    assert due or decision.waiting["NDX"].startswith(
        f"failed {without_result} times without a bar, the next attempt is at 15:"
    )


def test_a_session_without_a_bar_is_pulled_less_and_less_often() -> None:
    opened, pulls = utc("2026-11-18 14:30"), []
    last: dict[tuple[str, date], LastPull] = {}
    for minute in range(1, 390):
        now = opened + minute * MINUTE
        decision = decide_pulls(now, DEFAULT_SYMBOLS, spendable=FULL, last_pulls=last)
        if "NDX" in {symbol.name for symbol, _ in decision.due}:
            pulls.append(minute)
            last["NDX", now.date()] = LastPull(at=now, silent=True)
        else:
            assert decision.waiting["NDX"].startswith("no bar since the open at 14:30 UTC, the next attempt is at ")
    pauses = [later - earlier for earlier, later in pairwise(pulls)]
    assert pulls[0] == 1
    assert pauses == sorted(pauses)
    assert pauses[-1] == 60
    assert len(pulls) < 25, "every minute, they were 389"


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)])
def test_a_pull_in_the_future_delays_no_symbol(ahead: timedelta) -> None:
    now = utc("2026-11-18 15:00")
    last = {("NDX", now.date()): LastPull(at=now + ahead, without_result=3)}
    decision = decide_pulls(now, DEFAULT_SYMBOLS, spendable=CreditState(plan=BASIC, day_left=380), last_pulls=last)
    assert "NDX" in {symbol.name for symbol, _ in decision.due}


def _check_nobody_waits_without_reason(waiting: Mapping[str, str]) -> None:
    assert all(waiting.values())


@pytest.mark.parametrize(
    ("last", "at"),
    [
        (None, "2026-11-18 10:00"),
        (LastPull(at=utc("2026-11-18 10:00")), "2026-11-18 10:01"),
        (LastPull(at=utc("2026-11-18 10:00"), silent=True), "2026-11-18 10:30"),
        (LastPull(at=utc("2026-11-18 10:00"), without_result=3), "2026-11-18 10:08"),
    ],
)
def test_the_next_pull_is_in_the_first_minute_in_which_it_is_decided(last: LastPull | None, at: str) -> None:
    [dax] = [symbol for symbol in DEFAULT_SYMBOLS if symbol.name == "DAX"]
    opened = get_calendar("XETR").at(utc("2026-11-18 10:00"))
    assert opened is not None
    known = {} if last is None else {("DAX", opened.trade_date): last}
    unlimited = CreditState(plan=UNLIMITED)
    assert next_pull(utc("2026-11-18 10:00"), opened, last=last, every=1) == utc(at)
    assert decide_pulls(utc(at), [dax], spendable=unlimited, last_pulls=known).due
    if last is not None:
        assert not decide_pulls(utc(at) - MINUTE, [dax], spendable=unlimited, last_pulls=known).due


def test_the_first_pull_waits_for_a_minute_to_close() -> None:
    opened = get_calendar("XETR").at(utc("2026-11-18 08:00"))
    assert opened is not None
    assert next_pull(utc("2026-11-18 08:00"), opened, last=None, every=1) == utc("2026-11-18 08:01")
    ahead = LastPull(at=utc("2026-11-19 08:00"))
    assert next_pull(utc("2026-11-18 09:30"), opened, last=ahead, every=5) == utc("2026-11-18 09:30")
