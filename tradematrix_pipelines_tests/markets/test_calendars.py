"""Calendars against facts published by exchanges, and against session bounds computed by a separate script."""

import csv
import warnings
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import UnknownCalendar, calendar_names, get_calendar, trades_on_weekends
from tradematrix_pipelines.markets.exchanges import exchange_calendar
from tradematrix_pipelines.markets.named_hours import named_calendar
from tradematrix_pipelines.markets.session_table import EARLIEST, BeyondCalendar, TableCalendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.timeframes import Timeframe

CALENDARS = {"DAX": "XETR", "SPX": "XNYS", "EUR/USD": "FX", "XAU/USD": "FX"}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bounds(name: str, day: str) -> tuple[str, str]:
    session = get_calendar(name).session(date.fromisoformat(day))
    assert session is not None
    return f"{session.opens_at:%m-%d %H:%M}", f"{session.closes_at:%m-%d %H:%M}"


def test_sessions_of_the_real_data(shared_data: Path) -> None:
    with (shared_data / "market" / "answers_sessions.csv").open() as file:
        answers = list(csv.DictReader(file))
    assert len(answers) == 33
    for answer in answers:
        session = get_calendar(CALENDARS[answer["symbol"]]).session(date.fromisoformat(answer["trade_date"]))
        assert session is not None
        assert session.opens_at == datetime.fromisoformat(answer["session_open"])
        assert session.closes_at == datetime.fromisoformat(answer["session_close"])
        assert len(session.bar_opens(Timeframe.M1)) == int(answer["bars_expected"])


# Deutsche Börse, "Trading calendar 2026" for Xetra: New Year's Day, Good Friday, Easter Monday, Labour Day,
# Christmas Eve, Christmas Day, New Year's Eve; Whit Monday and German Unity Day are trading days.
XETRA_CLOSED_2026 = ["01-01", "04-03", "04-06", "05-01", "12-24", "12-25", "12-31"]

# NYSE, "Holidays & Trading Hours 2026": ten holidays, Independence Day observed on Friday 3 July.
NYSE_CLOSED_2026 = [
    *("01-01", "01-19", "02-16", "04-03", "05-25", "06-19", "07-03", "09-07", "11-26", "12-25"),
]


@pytest.mark.parametrize(("name", "closed"), [("XETR", XETRA_CLOSED_2026), ("XNYS", NYSE_CLOSED_2026)])
def test_closed_weekdays_of_2026(name: str, closed: list[str]) -> None:
    days = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(365)]
    calendar = get_calendar(name)
    missing = [f"{day:%m-%d}" for day in days if day.weekday() < 5 and calendar.session(day) is None]
    assert missing == closed
    assert not [day for day in days if day.weekday() >= 5 and calendar.session(day) is not None]


def test_early_closes_of_the_nyse_in_2026() -> None:
    # Same source: 1:00 p.m. on the Friday after Thanksgiving and on Christmas Eve, both in winter time (UTC-5).
    early = [
        session.trade_date
        for session in get_calendar("XNYS").sessions(date(2026, 1, 1), date(2026, 12, 31))
        if session.closes_at - session.opens_at < timedelta(hours=6, minutes=30)
    ]
    assert early == [date(2026, 11, 27), date(2026, 12, 24)]
    assert bounds("XNYS", "2026-11-27") == ("11-27 14:30", "11-27 18:00")
    assert bounds("XNYS", "2026-12-24") == ("12-24 14:30", "12-24 18:00")


# Daylight saving time in 2026: United States from 8 March to 1 November (Energy Policy Act of 2005), European Union
# from 29 March to 25 October (directive 2000/84/EC). Regular hours: NYSE 9:30-16:00 ET, Xetra 9:00-17:30 CET.
@pytest.mark.parametrize(
    ("name", "day", "opens", "closes"),
    [
        ("XNYS", "2026-03-06", "03-06 14:30", "03-06 21:00"),
        ("XNYS", "2026-03-09", "03-09 13:30", "03-09 20:00"),
        ("XNYS", "2026-10-30", "10-30 13:30", "10-30 20:00"),
        ("XNYS", "2026-11-02", "11-02 14:30", "11-02 21:00"),
        ("XETR", "2026-03-27", "03-27 08:00", "03-27 16:30"),
        ("XETR", "2026-03-30", "03-30 07:00", "03-30 15:30"),
        ("XETR", "2026-10-23", "10-23 07:00", "10-23 15:30"),
        ("XETR", "2026-10-26", "10-26 08:00", "10-26 16:30"),
        ("FX", "2026-03-06", "03-05 22:00", "03-06 22:00"),
        ("FX", "2026-03-09", "03-08 21:00", "03-09 21:00"),
        ("FX", "2026-10-30", "10-29 21:00", "10-30 21:00"),
        ("FX", "2026-11-02", "11-01 22:00", "11-02 22:00"),
    ],
)
def test_summer_time_moves_the_session_in_utc(name: str, day: str, opens: str, closes: str) -> None:
    assert bounds(name, day) == (opens, closes)


def test_fx_week_starts_on_sunday_evening_and_ends_on_friday() -> None:
    fx = named_calendar("FX")
    sunday_evening = fx.at(utc("2026-11-15 22:00"))
    assert sunday_evening is not None
    assert sunday_evening.trade_date == date(2026, 11, 16)
    assert fx.at(utc("2026-11-15 21:59:59")) is None
    friday = fx.at(utc("2026-11-20 21:59:59"))
    assert friday is not None
    assert friday.trade_date == date(2026, 11, 20)
    assert fx.at(utc("2026-11-20 22:00")) is None
    assert fx.session(date(2026, 11, 21)) is None
    assert fx.session(date(2026, 11, 22)) is None


def test_fx_closes_on_christmas_day_and_new_years_day_only() -> None:
    fx = named_calendar("FX")
    days = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(366)]
    closed = [day for day in days if day.weekday() < 5 and fx.session(day) is None]
    assert closed == [date(2026, 1, 1), date(2026, 12, 25), date(2027, 1, 1)]
    # Christmas 2025 was a Thursday: Friday's session opens on its evening.
    assert bounds("FX", "2025-12-26") == ("12-25 22:00", "12-26 22:00")
    assert fx.at(utc("2025-12-25 12:00")) is None


def test_consecutive_fx_sessions_share_an_instant_which_belongs_to_the_later_one() -> None:
    fx = named_calendar("FX")
    session = fx.at(utc("2026-11-18 22:00"))
    assert session is not None
    assert session.trade_date == date(2026, 11, 19)


def test_lunch_breaks() -> None:
    # HKEX: 9:30-12:00 and 13:00-16:00 (UTC+8). JPX: 9:00-11:30 and 12:30-15:30 (UTC+9) since 5 November 2024.
    hong_kong = get_calendar("XHKG").session(date(2026, 11, 18))
    assert hong_kong is not None
    assert hong_kong.break_starts_at == utc("2026-11-18 04:00")
    assert hong_kong.break_ends_at == utc("2026-11-18 05:00")
    assert len(hong_kong.bar_opens(Timeframe.M1)) == 330
    tokyo = get_calendar("XTKS").session(date(2026, 11, 18))
    assert tokyo is not None
    assert (tokyo.break_starts_at, tokyo.break_ends_at) == (utc("2026-11-18 02:30"), utc("2026-11-18 03:30"))
    assert tokyo.closes_at == utc("2026-11-18 06:30")
    assert get_calendar("XTKS").at(utc("2026-11-18 03:00")) == tokyo
    xetra = get_calendar("XETR").session(date(2026, 11, 18))
    assert xetra is not None
    assert xetra.break_starts_at is None


def test_neighbours_skip_weekends_and_holidays() -> None:
    xetra = get_calendar("XETR")
    assert xetra.previous(date(2026, 4, 7)).trade_date == date(2026, 4, 2)
    assert xetra.next(date(2026, 4, 2)).trade_date == date(2026, 4, 7)
    assert xetra.previous(date(2026, 4, 5)).trade_date == date(2026, 4, 2)
    assert xetra.next(date(2026, 4, 5)).trade_date == date(2026, 4, 7)


def test_ranges_include_both_ends() -> None:
    xetra = get_calendar("XETR")
    dates = [session.trade_date for session in xetra.sessions(date(2026, 4, 2), date(2026, 4, 7))]
    assert dates == [date(2026, 4, 2), date(2026, 4, 7)]
    assert xetra.sessions(date(2026, 4, 3), date(2026, 4, 6)) == []
    assert xetra.sessions(date(2026, 4, 7), date(2026, 4, 2)) == []


def test_round_the_clock() -> None:
    calendar = get_calendar("24/7")
    assert len(calendar.sessions(date(2026, 1, 1), date(2026, 12, 31))) == 365
    saturday = calendar.at(utc("2026-11-21 23:59"))
    assert saturday is not None
    assert saturday.trade_date == date(2026, 11, 21)


# FX opens on Sunday evening, for Monday. Saudi Arabia trades from Sunday to Thursday.
@pytest.mark.parametrize(("name", "weekends"), [("FX", False), ("XETR", False), ("24/7", True), ("XSAU", True)])
def test_which_markets_trade_on_weekends(name: str, *, weekends: bool) -> None:
    assert trades_on_weekends(get_calendar(name)) == weekends


@pytest.mark.parametrize(
    ("name", "zone", "first", "last"),
    [
        ("FX", "America/New_York", date(1990, 1, 1), date(2100, 12, 31)),
        ("XETR", "Europe/Berlin", date(1990, 1, 1), date(2100, 12, 31)),
        ("XSAU", "Asia/Riyadh", date(2021, 1, 1), date(2029, 12, 31)),
    ],
)
def test_what_a_calendar_says_of_itself(name: str, zone: str, first: date, last: date) -> None:
    made = named_calendar("FX") if name == "FX" else exchange_calendar(name)
    assert (made.name, made.timezone, repr(made)) == (name, ZoneInfo(zone), f"<calendar {name}>")
    assert (made.first_date, made.last_date) == (first, last)
    # It has the first days that it says to have, and grows to later ones.
    assert made.next(first).trade_date - first < timedelta(days=5)
    assert made.previous(date(2029, 12, 31)).trade_date >= date(2029, 12, 27)
    if last.year > 2030:
        assert made.session(date(2030, 12, 30)) is not None
        assert made.session(date(2061, 6, 15)) is not None


@pytest.mark.parametrize("name", ["FX", "XETR", "24/7"])
def test_a_calendar_grows_when_asked_for_later_dates(name: str) -> None:
    calendar = get_calendar(name)
    # 2061-06-15 is a Wednesday.
    assert calendar.session(date(2061, 6, 15)) is not None
    assert len(calendar.sessions(date(2059, 1, 1), date(2060, 12, 31))) > 500
    assert calendar.next(date(2062, 12, 31)).trade_date >= date(2063, 1, 1)
    evening = calendar.at(utc("2064-12-31 08:30"))
    assert evening is None or evening.trade_date == date(2064, 12, 31)


def test_next_at_the_end_of_a_table_grows_it() -> None:
    # The first table ends with 2030, a year whose last day is a Tuesday; Wednesday is New Year's Day.
    assert named_calendar("FX").next(date(2030, 12, 31)).trade_date == date(2031, 1, 2)
    evening = named_calendar("FX").at(utc("2031-01-01 22:30"))
    assert evening is not None
    assert evening.trade_date == date(2031, 1, 2)
    assert get_calendar("XNYS").next(date(2030, 12, 31)).trade_date == date(2031, 1, 2)


def test_the_first_session_of_a_calendar_has_instants_as_any_other() -> None:
    fx = named_calendar("FX")
    assert fx.at(utc("1990-01-01 12:00")) is None
    assert fx.at(utc("1990-01-02 12:00")) == fx.session(date(1990, 1, 2))


def test_dates_beyond_the_calendar_are_an_error_that_names_its_reach() -> None:
    # The package gives Saudi Arabia's calendar for 2021 to 2029, Tokyo's from 1997.
    with pytest.raises(BeyondCalendar, match="XSAU knows 2021-01-01 to 2029-12-31, not 2030-01-01"):
        get_calendar("XSAU").session(date(2030, 1, 1))
    with pytest.raises(BeyondCalendar, match="XTKS knows 1997-01-01"):
        get_calendar("XTKS").session(date(1996, 12, 30))
    with pytest.raises(UsageError, match="1989"):
        get_calendar("FX").sessions(date(1989, 12, 29), date(2026, 1, 2))
    with pytest.raises(BeyondCalendar, match="1989-12-31"):
        get_calendar("FX").previous(date(1990, 1, 1))
    with pytest.raises(BeyondCalendar, match="9999"):
        get_calendar("XNYS").sessions(date(2026, 1, 2), date(9999, 12, 31))


def test_an_instant_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        get_calendar("FX").at(datetime(2026, 11, 18, 12))  # noqa: DTZ001 - the point of this test


def test_an_unknown_name_suggests_close_ones() -> None:
    with pytest.raises(UnknownCalendar, match="did you mean XETR"):
        get_calendar("xetr")
    with pytest.raises(UsageError, match=r"'qqqqqq': There are 24/5, 24/7, .* FX, .* XNYS"):
        get_calendar("qqqqqq")


def test_a_calendar_that_the_package_fails_to_make_is_a_usage_error() -> None:
    import exchange_calendars

    try:
        with warnings.catch_warnings(action="ignore"):
            exchange_calendars.get_calendar("ASEX", start="2024-01-01", end="2024-12-31")
    except NotImplementedError:
        with pytest.raises(
            UsageError, match=r"cannot make calendar ASEX \(NotImplementedError\): use another calendar"
        ):
            get_calendar("ASEX")
    else:
        pytest.skip("the installed exchange_calendars makes every calendar")


def test_names() -> None:
    names = calendar_names()
    assert {"FX", "XETR", "XNYS", "XNAS", "NYSE", "24/7"} <= set(names)
    assert names == sorted(set(names))
    assert get_calendar("XNAS").name == "XNAS"
    assert get_calendar("XNAS").session(date(2026, 11, 27)) == get_calendar("XNYS").session(date(2026, 11, 27))


def test_calendars_are_made_once() -> None:
    assert get_calendar("XETR") is get_calendar("XETR")


@pytest.mark.parametrize("name", ["XETR", "XNYS", "XHKG", "24/7", "FX", "METALS", "DE40"])
def test_a_calendar_that_grows_in_pieces_is_the_whole_one(name: str) -> None:
    """Forwards, backwards and across a gap, as commands and backfills ask."""
    whole = get_calendar.__wrapped__(name).sessions(date(2010, 1, 1), date(2029, 12, 31))
    grown = get_calendar.__wrapped__(name)
    assert grown.session(date(2019, 6, 3)) is not None
    assert grown.next(date(2024, 12, 31)).trade_date > date(2024, 12, 31)
    assert grown.previous(date(2015, 1, 1)).trade_date < date(2015, 1, 1)
    assert grown.sessions(date(2010, 1, 1), date(2029, 12, 31)) == whole
    assert [grown.session(session.trade_date) for session in whole] == whole
    assert [grown.at(session.opens_at) for session in whole] == whole


def test_only_the_years_asked_for_are_read() -> None:
    asked: list[tuple[date, date]] = []

    def source(first: date, last: date) -> list[Session]:
        asked.append((first, last))
        return get_calendar("FX").sessions(first, last)

    calendar = TableCalendar(
        name="test", timezone=ZoneInfo("UTC"), source=source, first_date=EARLIEST, last_date=date(2029, 6, 30)
    )
    assert asked == []
    calendar.session(date(2026, 11, 20))
    calendar.sessions(date(2025, 1, 1), date(2027, 12, 31))
    assert asked == [(date(2025, 1, 1), date(2027, 12, 31))]
    calendar.session(date(2023, 3, 1))
    calendar.session(date(2028, 3, 1))
    assert asked[1:] == [(date(2022, 1, 1), date(2024, 12, 31)), (date(2028, 1, 1), date(2029, 6, 30))]
    calendar.session(date(1991, 3, 1))
    assert asked[3:] == [(EARLIEST, date(2021, 12, 31))]
    with pytest.raises(BeyondCalendar):
        calendar.session(date(2029, 7, 1))
