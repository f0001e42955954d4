"""Corrections as people write them, and what becomes of stamps."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from tradematrix_pipelines.candles.placement import spans
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.moving.labels import timeframe_of
from tradematrix_pipelines.moving.stamps import Correction, place

BERLIN = Correction.parse("Europe/Berlin")


def at(*stamps: str) -> "np.ndarray[tuple[int], np.dtype[np.datetime64]]":
    return np.array(stamps, dtype="datetime64[us]")


@pytest.mark.parametrize(
    ("written", "stamp", "instant"),
    [
        ("Europe/Berlin", "2026-11-20T09:00", "2026-11-20T08:00"),
        ("Europe/Berlin", "2026-07-20T09:00", "2026-07-20T07:00"),
        ("-60m", "2026-07-20T09:00", "2026-07-20T08:00"),
        ("+90m", "2026-11-20T22:45", "2026-11-21T00:15"),
        ("none", "2026-11-20T09:00", "2026-11-20T09:00"),
        ("America/New_York+7", "2026-11-20T16:30", "2026-11-20T14:30"),
    ],
)
def test_a_stamp_and_its_instant(written: str, stamp: str, instant: str) -> None:
    correction = Correction.parse(written)
    assert str(correction) == written
    assert correction.to_utc(at(stamp)).tolist() == at(instant).tolist()
    assert correction.to_stamp(datetime.fromisoformat(instant).replace(tzinfo=UTC)) == datetime.fromisoformat(
        stamp
    ).replace(tzinfo=UTC)


def test_an_hour_that_the_clock_shows_twice_or_never_has_no_instant() -> None:
    stamps = at("2026-10-25T01:59", "2026-10-25T02:30", "2026-10-25T03:00", "2026-03-29T02:30")
    assert np.isnat(BERLIN.to_utc(stamps)).tolist() == [False, True, False, True]


@pytest.mark.parametrize("written", ["Berlin", "60", "60m", "-9999m", "", "-1h"])
def test_what_is_no_correction_says_what_is(written: str) -> None:
    with pytest.raises(UsageError, match=r"Europe/Berlin|840 minutes at most"):
        Correction.parse(written)


@pytest.mark.parametrize(
    ("calendar", "correction", "stamp"),
    [
        ("XETR", "none", "2026-11-20T00:00"),
        ("XETR", "Europe/Berlin", "2026-11-20T00:00"),
        ("XETR", "Europe/Berlin", "2026-11-20T01:00"),  # midnight UTC on Berlin's clock
        ("XETR", "-780m", "2026-11-20T00:00"),  # which is 11:00 of the day before, while that market is open
        ("XETR", "none", "2026-11-19T23:00"),  # Berlin's midnight, rightly in UTC
        ("XETR", "none", "2026-11-20T08:00"),
        ("FX", "none", "2026-11-19T22:00"),
        ("FX", "none", "2026-11-20T00:00"),
        ("FX", "none", "2026-11-19T23:00"),
        ("XNYS", "none", "2026-11-20T14:30"),
    ],
)
def test_a_daily_bar_belongs_to_its_date_however_it_is_stamped(calendar: str, correction: str, stamp: str) -> None:
    where = spans(get_calendar(calendar).sessions(date(2026, 11, 9), date(2026, 11, 27)))
    placed = place(at(stamp), Timeframe.D1, where, Correction.parse(correction))
    assert placed.keys.tolist() == at("2026-11-20").tolist()
    assert placed.inside.all()


def test_bars_outside_the_sessions_are_marked() -> None:
    where = spans(get_calendar("XETR").sessions(date(2026, 11, 20), date(2026, 11, 20)))
    placed = place(at("2026-11-20T08:59", "2026-11-20T09:00", "2026-11-21T12:00"), Timeframe.M1, where, BERLIN)
    assert placed.inside.tolist() == [False, True, False]
    assert place(at("2026-11-21"), Timeframe.D1, where, BERLIN).inside.tolist() == [False]


@pytest.mark.parametrize(
    ("label", "timeframe"),
    [("1min", "1m"), ("5min", "5m"), ("60min", "1h"), ("1day", "1d"), ("1h", "1h"), ("M1", "1m"),
     ("30m", None), ("1week", None), ("1M", None), ("", None), ("tick", None)],
)  # fmt: skip  # a line of known ones, a line of others
def test_labels_of_timeframes(label: str, timeframe: str | None) -> None:
    assert timeframe_of(label) == timeframe
