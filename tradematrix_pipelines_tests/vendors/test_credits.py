"""Plans and their budgets."""

from datetime import UTC, datetime

import pytest

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.vendors.credits import (
    PLANS,
    UNLIMITED,
    NoLedger,
    Plan,
    day_resets_at,
    next_minute_at,
    parse_plan,
)


def test_the_free_plan() -> None:
    assert (PLANS["basic"].per_minute, PLANS["basic"].per_day) == (8, 800)
    assert all(plan.per_day is None for name, plan in PLANS.items() if name != "basic")


@pytest.mark.parametrize(
    ("share", "minute", "day"), [(0.0, 8, 800), (0.25, 6, 600), (0.3, 6, 560), (0.99, 1, 8), (1.0, 1, 1)]
)
def test_a_backfill_leaves_the_live_share_and_always_has_a_credit(share: float, minute: int, day: int) -> None:
    plan = Plan(per_minute=8, per_day=800, live_share=share)
    assert (plan.minute_budget("backfill"), plan.day_budget("backfill")) == (minute, day)
    assert (plan.minute_budget("verify"), plan.day_budget("verify")) == (minute, day)
    assert (plan.minute_budget("live"), plan.day_budget("live")) == (8, 800)


def test_no_limit_stays_none() -> None:
    assert UNLIMITED.minute_budget("backfill") is None
    assert UNLIMITED.day_budget("live") is None


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("basic", Plan(per_minute=8, per_day=800)),
        (" Grow ", Plan(per_minute=55, per_day=None)),
        ("377", Plan(per_minute=377, per_day=None)),
        ("3/50", Plan(per_minute=3, per_day=50)),
        ("unlimited", UNLIMITED),
    ],
)
def test_plans_by_name_or_number(text: str, plan: Plan) -> None:
    assert parse_plan(text) == plan


@pytest.mark.parametrize("text", ["", "free", "0", "8/", "8/800/1", "-1", "eight"])
def test_no_plan(text: str) -> None:
    with pytest.raises(UsageError, match="is not a plan"):
        parse_plan(text)


def test_when_credits_come_back() -> None:
    now = datetime(2026, 12, 31, 23, 59, 59, 5, tzinfo=UTC)
    assert next_minute_at(now) == day_resets_at(now) == datetime(2027, 1, 1, tzinfo=UTC)
    assert next_minute_at(datetime(2026, 1, 1, 0, 0, tzinfo=UTC)) == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def test_no_ledger_grants_everything() -> None:
    ledger = NoLedger()
    reservation = ledger.reserve(vendor="files", credits=10_000, purpose="backfill")
    assert (reservation.vendor, reservation.credits, reservation.purpose) == ("files", 10_000, "backfill")
    ledger.settle(reservation, charged=0)
