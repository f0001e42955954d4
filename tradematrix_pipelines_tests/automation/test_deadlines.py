"""The two deadlines, over weekends, holidays and clock changes."""

from datetime import UTC, date, datetime

import pytest

from tradematrix_pipelines.automation.deadlines import last_deadline, levels_due_by, next_deadline
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "deadline"),
    [
        ("2026-11-20 19:58", "2026-11-20 06:55"),  # Friday before 20:59 in Berlin
        ("2026-11-20 19:59", "2026-11-20 19:59"),
        ("2026-11-21 06:55", "2026-11-21 06:55"),  # Saturday has the levels for Monday
        ("2026-11-23 12:00", "2026-11-21 06:55"),  # Monday has none in the morning
        ("2026-11-23 19:59", "2026-11-23 19:59"),
        ("2026-03-30 18:59", "2026-03-30 18:59"),  # Berlin is on summer time
    ],
)
def test_the_newest_deadline(now: str, deadline: str) -> None:
    assert last_deadline(utc(now)) == utc(deadline)


@pytest.mark.parametrize(
    ("deadline", "symbol", "due"),
    [
        ("2026-11-20 19:59", "DAX", date(2026, 11, 23)),  # has closed: its levels are Monday's
        ("2026-11-20 19:59", "NDX", date(2026, 11, 20)),  # is open
        ("2026-11-20 19:59", "EUR/USD", date(2026, 11, 20)),
        ("2026-11-21 06:55", "NDX", date(2026, 11, 23)),
        ("2026-11-21 06:55", "EUR/USD", date(2026, 11, 23)),
        ("2026-11-26 06:55", "NDX", date(2026, 11, 27)),  # Thanksgiving
        ("2026-11-27 19:59", "NDX", date(2026, 11, 30)),  # closed early
        ("2026-04-30 19:59", "DAX", date(2026, 5, 4)),  # the holiday has no levels
    ],
)
def test_the_session_whose_levels_are_due(deadline: str, symbol: str, due: date) -> None:
    default = next(s for s in DEFAULT_SYMBOLS if s.name == symbol)
    assert levels_due_by(utc(deadline), default).trade_date == due


@pytest.mark.parametrize(
    ("now", "deadline"),
    [
        ("2026-11-20 06:54", "2026-11-20 06:55"),
        ("2026-11-20 06:55", "2026-11-20 19:59"),
        ("2026-11-20 19:59", "2026-11-21 06:55"),
        ("2026-11-21 06:55", "2026-11-23 19:59"),  # none on Sundays, nor on a Monday morning
        ("2026-07-03 18:00", "2026-07-03 18:59"),  # summer time
    ],
)
def test_the_next_deadline_is_the_first_after_now(now: str, deadline: str) -> None:
    assert next_deadline(utc(now)) == utc(deadline)
