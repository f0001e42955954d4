"""Corrections laid over calendars, and calendars that users define."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import tradematrix_pipelines
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import build_calendar, calendar_of, get_calendar
from tradematrix_pipelines.markets.corrections import Correction, corrected, hours_on
from tradematrix_pipelines.markets.hours import DefinedHours, Edge, parse_edge
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS

DAX = DEFAULT_SYMBOLS[0]
THURSDAY, FRIDAY, SATURDAY, MONDAY = (date(2026, 11, day) for day in (19, 20, 21, 23))
PACKAGE = Path(tradematrix_pipelines.__file__).parent
NEW_YORK = ZoneInfo("America/New_York")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_closed_day_is_none_in_every_question() -> None:
    calendar = corrected(get_calendar("XNYS"), [Correction(trade_date=FRIDAY)])
    assert calendar.session(FRIDAY) is None
    assert [session.trade_date for session in calendar.sessions(THURSDAY, MONDAY)] == [THURSDAY, MONDAY]
    assert calendar.next(THURSDAY).trade_date == MONDAY
    assert calendar.previous(MONDAY).trade_date == THURSDAY
    assert calendar.at(utc("2026-11-20 15:00")) is None
    assert calendar.at(utc("2026-11-23 15:00")) is not None
    assert get_calendar("XNYS").session(FRIDAY) is not None, "the calendar itself stays as it is"


def test_other_hours_replace_the_session_and_keep_a_break_that_fits() -> None:
    hong_kong = get_calendar("XHKG")
    usual = hong_kong.session(FRIDAY)
    assert usual is not None
    early = Correction(trade_date=FRIDAY, opens_at=usual.opens_at, closes_at=utc("2026-11-20 07:00"))
    assert corrected(hong_kong, [early]).session(FRIDAY) == replace(usual, closes_at=early.closes_at)
    noon = Correction(trade_date=FRIDAY, opens_at=usual.opens_at, closes_at=utc("2026-11-20 04:00"))
    session = corrected(hong_kong, [noon]).session(FRIDAY)
    assert session == replace(usual, closes_at=noon.closes_at, break_starts_at=None, break_ends_at=None)


def test_a_session_can_be_added_and_lies_in_order() -> None:
    extra = hours_on(get_calendar("XNYS"), SATURDAY, opens=Edge(time(10), NEW_YORK), closes=Edge(time(12), NEW_YORK))
    calendar = corrected(get_calendar("XNYS"), [extra])
    assert [session.trade_date for session in calendar.sessions(FRIDAY, MONDAY)] == [FRIDAY, SATURDAY, MONDAY]
    session = calendar.at(utc("2026-11-21 15:30"))
    assert session is not None
    assert session.trade_date == SATURDAY


def test_a_corrected_calendar_grows_as_the_other_does() -> None:
    far = date(2031, 1, 2)
    calendar = corrected(get_calendar("XNYS"), [Correction(trade_date=far)])
    assert calendar.next(date(2030, 12, 31)).trade_date == date(2031, 1, 3)


@pytest.mark.parametrize(("opens", "closes"), [("17:00", "16:00"), ("10:00", "9:59")])
def test_an_open_that_is_not_before_the_close_is_the_evening_before(opens: str, closes: str) -> None:
    edges = [parse_edge(f"{text} America/New_York") for text in (opens, closes)]
    correction = hours_on(get_calendar("XNYS"), MONDAY, opens=edges[0], closes=edges[1])
    assert correction.opens_at is not None
    assert correction.opens_at.date() == date(2026, 11, 22)


@pytest.mark.parametrize(("opens", "closes", "day"), [("16:00", "15:00", THURSDAY), ("10:00", "17:30", MONDAY)])
def test_hours_that_overlap_another_session_are_refused(opens: str, closes: str, day: date) -> None:
    fx = corrected(get_calendar("FX"), [Correction(trade_date=FRIDAY)])
    edges = [parse_edge(f"{text} America/New_York") for text in (opens, closes)]
    other = date(2026, 11, 18) if day == THURSDAY else date(2026, 11, 24)
    with pytest.raises(UsageError, match=f"overlap session {other} of FX"):
        hours_on(fx, day, opens=edges[0], closes=edges[1])


def test_a_symbols_calendar_is_made_once_for_the_same_corrections() -> None:
    symbols = [replace(DAX, corrections=(Correction(trade_date=FRIDAY),)) for _ in range(2)]
    assert calendar_of(symbols[0]) is calendar_of(symbols[1])
    assert calendar_of(DAX) is get_calendar("XETR")


def test_hours_that_users_define() -> None:
    own = DefinedHours(
        opens=parse_edge("00:30 UTC"),
        closes=parse_edge("22:00 Europe/Berlin"),
        pause=(parse_edge("17:30 Europe/Berlin"), parse_edge("18:00 Europe/Berlin")),
        holidays="XEUR",
    )
    calendar = build_calendar("GER40", hours=own)
    session = calendar.session(date(2026, 7, 1))
    assert session is not None
    edges = (session.opens_at, session.break_starts_at, session.break_ends_at, session.closes_at)
    assert [f"{at:%H:%M}" for at in edges if at] == ["00:30", "15:30", "16:00", "20:00"]
    assert [calendar.session(date(2026, 12, day)) is None for day in (23, 24, 25, 28)] == [False, True, True, False]
    assert calendar.session(SATURDAY) is None
    assert build_calendar("GER40", hours=replace(own, holidays=None)).session(date(2026, 12, 24)) is not None


def test_whatever_is_about_a_symbol_asks_for_its_own_calendar() -> None:
    """``get_calendar`` knows nothing of corrections: only what has no symbol may use it."""
    users = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "get_calendar" in path.read_text() and path.parent.name not in {"markets", "simulator"}
    }
    assert users == {"storage/migrations/versions/0009_calendars.py", "vendors/files/session_fit.py"}
