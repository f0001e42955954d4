"""The hours of FX, metals and index CFDs against the first and last bars of real sessions."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.holidays import good_friday, us_holidays
from tradematrix_pipelines.markets.hours import Edge, Hours, parse_edge
from tradematrix_pipelines.markets.sessions import Session

STEPS = {"1h": 60, "30m": 30, "5m": 5}

# Holes of the files, by what their neighbours and other sources have, such as two hours of silver in mid-session. And a
# day on which CME itself stood still for ten hours, after its data centre had lost its cooling.
HOLES = {
    ("XAG/USD", date(2022, 10, 18)),
    ("NAS100", date(2025, 11, 28)),
    ("NAS100", date(2025, 12, 31)),
    ("NAS100", date(2026, 2, 4)),
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def unexplained(session: Session | None, row: dict[str, str] | None, tolerance: timedelta) -> str | None:
    """Return what a calendar's session and a file's bars don't agree about."""
    if row is None:
        return None if session is None or session.may_be_closed else "a session without bars"
    if session is None:
        return "bars without a session"
    step = timedelta(minutes=STEPS[row["source"].split("_")[1]])
    first, last = utc(row["first_bar_utc"]), utc(row["last_bar_utc"])
    if first + step <= session.opens_at or last >= session.closes_at:
        return f"bars from {first} to {last} of a session from {session.opens_at} to {session.closes_at}"
    if first - session.required_from > tolerance:
        return f"the first bar at {first}, required from {session.required_from} on"
    if session.required_until - min(last + step, session.closes_at) > tolerance:
        return f"the last bar at {last}, required until {session.required_until}"
    # Where in the session a gap lies isn't known: only a day without uncertain hours is judged by it.
    certain = session.may_open_at is None and session.may_close_at is None
    gap = timedelta(minutes=int(row["longest_gap_minutes"]))
    return f"a gap of {gap}" if certain and gap > tolerance else None


@pytest.mark.parametrize(
    ("file", "names", "sessions", "tolerance"),
    [
        ("metals_2022.csv", ("XAG/USD", "METALS"), 258, 15),
        ("fx_2014.csv", ("EUR/USD", "FX"), 259, 15),
        ("ger30_first_half.csv", ("GER30", "DE40"), 122, 60),
        ("us_index_first_half.csv", ("US30", "US30"), 259, 15),
        ("us_index_first_half.csv", ("NAS100", "NAS100"), 93, 15),
    ],
)
def test_real_sessions_are_explained(
    shared_data: Path, file: str, names: tuple[str, str], sessions: int, tolerance: int
) -> None:
    symbol, calendar = names
    with (shared_data / "hours" / file).open() as lines:
        rows = {date.fromisoformat(row["trade_date"]): row for row in csv.DictReader(lines) if row["symbol"] == symbol}
    by_date = {one.trade_date: one for one in get_calendar(calendar).sessions(min(rows), max(rows))}
    days = sorted({*rows, *by_date})
    assert len(days) == sessions
    reasons = {day: unexplained(by_date.get(day), rows.get(day), timedelta(minutes=tolerance)) for day in days}
    assert {(symbol, day) for day, reason in reasons.items() if reason} <= HOLES, reasons


def hours(name: str, day: date) -> tuple[str, str, str | None, str | None]:
    session = get_calendar(name).session(day)
    assert session is not None
    uncertain = (session.may_open_at, session.may_close_at)
    return (
        f"{session.opens_at:%d %H:%M}",
        f"{session.closes_at:%d %H:%M}",
        *(None if at is None else f"{at:%d %H:%M}" for at in uncertain),
    )


# CME, "Holiday trading hours": metals stop at 14:30 New York (13:30 Central) on US holidays, 13:45 until 2023 and 14:45
# since on the day after Thanksgiving, and are closed on Good Friday, Christmas and New Year's Day.
@pytest.mark.parametrize(
    ("name", "day", "expected"),
    [
        ("METALS", date(2026, 11, 18), ("17 23:00", "18 22:00", None, None)),
        ("METALS", date(2026, 11, 26), ("25 23:00", "26 22:00", None, "26 19:30")),
        ("METALS", date(2026, 11, 27), ("26 23:00", "27 22:00", None, "27 19:45")),
        ("METALS", date(2023, 11, 24), ("23 23:00", "24 22:00", None, "24 18:45")),
        ("METALS", date(2020, 1, 20), ("19 23:00", "20 22:00", None, "20 18:00")),
        ("METALS", date(2015, 6, 15), ("14 22:00", "15 21:15", None, None)),
        ("METALS", date(2026, 12, 24), ("23 23:00", "24 22:00", None, "24 18:45")),
        ("FX", date(2026, 12, 24), ("23 22:00", "24 22:00", None, "24 19:00")),
        ("FX", date(2024, 12, 26), ("25 22:00", "26 22:00", "26 13:00", None)),
        ("FX", date(2026, 3, 18), ("17 21:00", "18 21:00", "17 22:00", None)),
        ("DE40", date(2026, 7, 14), ("14 00:30", "14 20:00", None, None)),
        ("DE40", date(2026, 1, 14), ("14 00:30", "14 21:00", None, None)),
        ("US30", date(2026, 7, 3), ("02 22:00", "03 21:00", None, "03 17:00")),
        ("NAS100", date(2026, 4, 3), ("02 22:00", "03 13:15", None, None)),
    ],
)
def test_days_that_differ(name: str, day: date, expected: tuple[str, str, str | None, str | None]) -> None:
    assert hours(name, day) == expected


def test_days_that_are_closed() -> None:
    metals, german, index = get_calendar("METALS"), get_calendar("DE40"), get_calendar("US500")
    assert [metals.session(day) for day in (date(2026, 4, 3), date(2026, 12, 25), date(2023, 1, 2))] == [None] * 3
    assert metals.session(date(2021, 12, 24)) is None, "Christmas was a Saturday"
    assert german.session(date(2026, 4, 6)) is None, "Easter Monday"
    assert german.session(date(2026, 12, 31)) is None
    assert index.session(date(2025, 4, 18)) is None, "Good Friday, without an employment report"


def test_holidays() -> None:
    assert [good_friday(year) for year in (2024, 2025, 2026)] == [
        *(date(2024, 3, 29), date(2025, 4, 18), date(2026, 4, 3)),
    ]
    # US Office of Personnel Management, "Federal Holidays" 2026; those that futures don't keep left out.
    assert sorted(us_holidays(2026)) == [
        *(date(2026, 1, 19), date(2026, 2, 16), date(2026, 5, 25), date(2026, 6, 19)),
        *(date(2026, 7, 3), date(2026, 9, 7), date(2026, 11, 26)),
    ]
    assert date(2021, 6, 18) not in us_holidays(2021)


def test_hours_of_ones_own() -> None:
    own = Hours(parse_edge("18:00 America/New_York"), parse_edge(" 7:15  Europe/Berlin"))
    [session] = own.sessions(date(2026, 11, 20), date(2026, 11, 22))
    assert (session.opens_at, session.closes_at) == (utc("2026-11-19T23:00Z"), utc("2026-11-20T06:15Z"))
    assert str(own.closes) == "07:15 Europe/Berlin"
    assert isinstance(own.opens, Edge)


@pytest.mark.parametrize("text", ["", "18:00", "25:00 UTC", "18:00 Mars/Olympus", "18:00 ../etc/passwd", "6pm UTC"])
def test_what_is_no_time_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="give one like"):
        parse_edge(text)
