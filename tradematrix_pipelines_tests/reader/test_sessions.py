"""What is known of sessions, and what a candle has from its own."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from tradematrix_pipelines.candles.coverage import Coverage, Status, Verdict, closed_day
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.reader.lengths import parse_length
from tradematrix_pipelines.reader.sessions import (
    KnownSession,
    incomplete,
    known_sessions,
    locate,
    session_columns,
    weeks_of,
)

MONDAY = date(2026, 11, 16)
HOUR = timedelta(hours=1)


def opens(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 8, tzinfo=UTC)


def session(offset: int = 0, **known: object) -> KnownSession:
    day = MONDAY + timedelta(days=offset)
    usual = {"status": Status.COMPLETE, "source": "files", "verdict": "accepted"} | known
    return KnownSession(trade_date=day, opens_at=opens(day), closes_at=opens(day) + 9 * HOUR, **usual)  # type: ignore[arg-type]  # the test's own


@pytest.mark.parametrize(
    ("known", "now", "named"),
    [
        (session(), opens(MONDAY) + 9 * HOUR, False),
        (session(status=Status.PARTIAL), opens(MONDAY) + 9 * HOUR, True),
        (session(status=Status.MISSING), opens(MONDAY) + 9 * HOUR, True),
        (session(status=Status.FAILED), opens(MONDAY) + HOUR, True),
        (session(status=None), opens(MONDAY), True),
        (session(status=None), opens(MONDAY) - HOUR, False),
        (session(current_at=opens(MONDAY) + HOUR), opens(MONDAY) + 2 * HOUR, False),
        (session(current_at=opens(MONDAY) + HOUR), opens(MONDAY) + 9 * HOUR, True),
    ],
)
def test_a_session_that_has_begun_is_incomplete_where_something_is_absent(
    known: KnownSession, now: datetime, named: bool
) -> None:
    assert bool(incomplete([known], symbol="DAX", timeframe="1m", now=now)) is named


def test_what_was_stored_under_other_hours_counts() -> None:
    days = [MONDAY + timedelta(days=offset) for offset in range(3)]
    calendar = [Session(day, opens(day), opens(day) + 9 * HOUR) for day in days[:2]]
    stored = Coverage(
        timeframe=Timeframe.M1, trade_date=days[2], status=Status.COMPLETE, final=True, expected=1, received=1,
        source="files", opens_at=opens(days[2]), closes_at=opens(days[2]) + HOUR, verdict=Verdict.DOUBTFUL,
    )  # fmt: skip
    rows = {days[1]: (closed_day(days[1], Timeframe.M1), opens(MONDAY)), days[2]: (stored, opens(MONDAY))}
    never, other = known_sessions(calendar, rows)
    assert (never.trade_date, never.status, never.reason) == (days[0], None, "never fetched")
    assert (other.trade_date, other.closes_at, other.verdict) == (days[2], opens(days[2]) + HOUR, "doubtful")


def test_a_week_is_as_good_as_its_worst_day() -> None:
    days = [session(offset) for offset in range(5)]
    [week, next_week] = weeks_of([*days, session(7)])
    assert (week.trade_date, week.opens_at, week.closes_at) == (MONDAY, days[0].opens_at, days[4].closes_at)
    assert (week.source, week.verdict) == ("files", "accepted")
    assert next_week.trade_date == MONDAY + timedelta(days=7)
    assert weeks_of([*days[:4], replace(days[4], verdict="doubtful")])[0].verdict == "doubtful"
    assert weeks_of([*days[:4], replace(days[4], verdict=None)])[0].verdict is None
    assert weeks_of([*days[:4], replace(days[4], source="yahoo")])[0].source is None


def test_a_candle_outside_of_sessions_has_nothing_from_one() -> None:
    sessions = [session(), session(1, source=None, verdict=None)]
    at = [opens(MONDAY) - HOUR, opens(MONDAY), opens(MONDAY) + 9 * HOUR, opens(MONDAY) + 24 * HOUR]
    ts = np.array([moment.replace(tzinfo=None) for moment in at], dtype="datetime64[us]")
    index = locate(ts, sessions)
    assert index.tolist() == [-1, 0, -1, 1]
    trade_date, source, verdict = session_columns(index, sessions, ["files", "yahoo"])
    assert trade_date.to_pylist() == [None, MONDAY, None, MONDAY + timedelta(days=1)]
    assert source.to_pylist() == [None, "files", None, None]
    assert verdict.to_pylist() == [None, "accepted", None, None]
    assert session_columns(locate(ts, []), [], [])[0].null_count == 4


@pytest.mark.parametrize(
    ("name", "made", "bases"),
    [
        ("1m", False, ["1m"]),
        ("60m", False, ["1h"]),
        ("1d", False, ["1d"]),
        ("2m", True, ["1m"]),
        ("10m", True, ["5m", "1m"]),
        ("30m", True, ["15m", "5m", "1m"]),
        ("4h", True, ["1h", "15m", "5m", "1m"]),
        ("24h", True, ["1h", "15m", "5m", "1m"]),
        ("1w", True, ["1d"]),
    ],
)
def test_a_timeframe_is_stored_or_made_of_those_that_divide_it(name: str, made: bool, bases: list[str]) -> None:
    length = parse_length(name)
    assert (length.made, [str(base) for base in length.bases]) == (made, bases)


@pytest.mark.parametrize("name", ["", "1", "m", "1M", "01m", "2d", "2w", "1441m", "25h", "1.5h"])
def test_another_timeframe_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="ask for minutes or hours up to 24h"):
        parse_length(name)
