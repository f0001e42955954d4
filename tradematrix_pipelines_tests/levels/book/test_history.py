"""Levels from daily candles: whole periods, or a reason."""

from datetime import date, timedelta

import pytest

from tradematrix_pipelines.levels.book.history import Period
from tradematrix_pipelines.levels.book.model import BookContext, Kind
from tradematrix_pipelines.levels.book.ranges import WILDER_SESSIONS
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines_tests.levels.book.made import XETRA, Prices, at, context, levels, prices, reasons

MONDAY = date(2026, 11, 23)


def numbered(first: date, last: date, *without: date) -> dict[date, Prices]:
    """Each session's prices follow from its place: open n, high n + 2, low n - 1, close n + 1."""
    sessions = get_calendar("XETR").sessions(first, last)
    rows = {session.trade_date: float(n) for n, session in enumerate(sessions, 100)}
    return {day: (n, n + 2, n - 1, n + 1) for day, n in rows.items() if day not in without}


def made(*without: date, first: date = date(2025, 12, 1), day: date = MONDAY) -> BookContext:
    return context(XETRA, day, days=numbered(first, date(2026, 12, 31), *without))


@pytest.mark.parametrize(
    ("kind", "absent"),
    [
        (Kind.PREVIOUS_DAY, date(2026, 11, 20)),
        (Kind.PREVIOUS_WEEK, date(2026, 11, 18)),
        (Kind.PREVIOUS_MONTH, date(2026, 10, 1)),
        (Kind.PREVIOUS_QUARTER, date(2026, 8, 14)),
        (Kind.WEEK_PIVOTS, date(2026, 11, 16)),
        (Kind.MONTH_PIVOTS, date(2026, 10, 30)),
    ],
)
def test_a_period_without_one_of_its_sessions_is_absent(kind: Kind, absent: date) -> None:
    assert levels(made(), kind)
    assert levels(made(absent), kind) == {}
    assert reasons(made(absent), kind) == {None: f"session {absent} is not stored complete, final and believed"}
    # A gap before or after the period is none of it.
    assert levels(made(date(2026, 11, 19)), Kind.PREVIOUS_MONTH) == levels(made(), Kind.PREVIOUS_MONTH)


def test_what_each_average_needs() -> None:
    assert set(levels(made(), Kind.RANGES)) == {"atr_14", "atr_14_wilder", "adr_14"}
    sessions = get_calendar("XETR").sessions(date(2025, 1, 1), MONDAY - timedelta(days=1))
    fifteenth, oldest = sessions[-15].trade_date, sessions[-WILDER_SESSIONS].trade_date
    assert set(levels(made(fifteenth), Kind.RANGES)) == {"adr_14"}
    assert set(levels(made(oldest), Kind.RANGES)) == {"atr_14", "adr_14"}
    assert set(levels(made(sessions[-WILDER_SESSIONS - 1].trade_date), Kind.RANGES)) == {
        "atr_14", "atr_14_wilder", "adr_14"
    }  # fmt: skip
    # Each true range is 3: high n + 2, low n - 1, close before n.
    assert set(prices(made(), Kind.RANGES).values()) == {3.0}


def test_the_width_is_absent_without_an_average() -> None:
    without = made(date(2026, 11, 2))
    assert set(levels(without, Kind.CENTRAL_PIVOT_RANGE)) == {"tc", "pp", "bc", "width"}
    assert set(reasons(without, Kind.CENTRAL_PIVOT_RANGE)) == {"width_atr"}
    flat = context(XETRA, MONDAY, days=dict.fromkeys(numbered(date(2026, 10, 1), date(2026, 11, 20)), (5, 5, 5, 5)))
    assert reasons(flat, Kind.CENTRAL_PIVOT_RANGE) == {"width_atr": "ATR-14 is 0"}


def test_tc_is_above_wherever_the_session_closed() -> None:
    for close in (91.0, 109.0):
        rows: dict[date, Prices] = {date(2026, 11, 20): (100, 110, 90, close)}
        known = prices(context(XETRA, MONDAY, days=rows), Kind.CENTRAL_PIVOT_RANGE)
        assert known["bc"] < known["pp"] < known["tc"]
        assert sorted(known[name] for name in ("bc", "tc")) == pytest.approx(
            sorted((100.0, 2 * (200 + close) / 3 - 100))
        )


def test_a_days_candle_counts_from_its_close_on() -> None:
    closed = at(date(2026, 11, 20), 16, 30)
    assert levels(made(), Kind.PREVIOUS_DAY, closed)
    assert levels(made(), Kind.PREVIOUS_DAY, closed - timedelta(seconds=1)) == {}


def test_opens_of_periods_that_have_begun() -> None:
    thursday = date(2026, 11, 19)
    known = levels(made(day=thursday), Kind.OPENS)
    rows = numbered(date(2025, 12, 1), date(2026, 12, 31))
    for name, first in (("week", date(2026, 11, 16)), ("month", date(2026, 11, 2)), ("year", date(2026, 1, 2))):
        assert known[name] == (rows[first][0], at(first, 16, 30)), name
    assert "year" not in levels(made(date(2026, 1, 2), day=thursday), Kind.OPENS)


def test_a_date_before_the_calendar_is_a_reason() -> None:
    first = get_calendar("XETR").first_date
    day = get_calendar("XETR").next(first).trade_date
    assert "knows" in reasons(context(XETRA, day), Kind.PREVIOUS_QUARTER)[None]


def test_periods_begin_where_the_calendar_says() -> None:
    day = date(2026, 8, 19)
    assert [period.start(day) for period in Period] == [
        day, date(2026, 8, 17), date(2026, 8, 1), date(2026, 7, 1), date(2026, 1, 1)
    ]  # fmt: skip
    assert Period.QUARTER.start(date(2026, 12, 31)) == date(2026, 10, 1)
    assert Period.QUARTER.start(date(2026, 3, 31)) == date(2026, 1, 1)
