"""Days worked out by hand from real candles: a month's turn, a holiday Monday, half days, weeks of turned clocks.

The numbers were read out of the files with other tools; each comment says from which sessions.
"""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tradematrix_pipelines.levels.book.model import Kind, Source
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines_tests.levels.book.made import (
    ETF,
    NEW_YORK,
    SPOT,
    XETRA,
    Prices,
    at,
    book,
    context,
    levels,
    prices,
    real_days,
    real_minutes,
    reasons,
    session_of,
)


@pytest.fixture(scope="module")
def spy(shared_data: Path) -> dict[date, Prices]:
    return real_days(shared_data)


def test_a_months_turn(spy: dict[date, Prices]) -> None:
    # Friday, 2019-11-01: the session before is Thursday, 10-31, the month October, the quarter July to September, the
    # week 10-21 to 10-25. New York closed at 20:00 UTC until 11-03.
    made = context(ETF, date(2019, 11, 1), days=spy)
    closed = at(date(2019, 10, 31), 20)
    assert levels(made, Kind.PREVIOUS_DAY) == {
        "open": (304.11, closed), "high": (304.13, closed), "low": (301.74, closed), "close": (303.33, closed),
        "mid": (pytest.approx(302.935), closed),
    }  # fmt: skip
    assert levels(made, Kind.PREVIOUS_MONTH) == {
        "open": (297.67, closed), "high": (304.55, closed), "low": (284.82, closed), "close": (303.33, closed),
        "mid": (pytest.approx(294.685), closed),
    }  # fmt: skip
    week = levels(made, Kind.PREVIOUS_WEEK)
    assert week["open"] == (299.48, at(date(2019, 10, 25), 20))
    assert [week[name][0] for name in ("high", "low", "close")] == [302.19, 298.5, 301.6]
    quarter = levels(made, Kind.PREVIOUS_QUARTER)
    assert quarter["high"] == (302.63, at(date(2019, 9, 30), 20))
    assert [quarter[name][0] for name in ("open", "low", "close")] == [296.68, 281.73, 296.77]
    [high] = [level for level in book(made, Kind.PREVIOUS_QUARTER) if level.name == "high"]
    assert high.source == Source(Timeframe.D1, date(2019, 7, 1), date(2019, 9, 30))


def test_pivots_of_a_month_and_the_central_pivot_range(spy: dict[date, Prices]) -> None:
    made = context(ETF, date(2019, 11, 1), days=spy)
    month = prices(made, Kind.MONTH_PIVOTS)
    # October: (304.55 + 284.82 + 303.33) / 3 = 297.5667; R1 = 2 PP - 284.82; S1 = 2 PP - 304.55.
    assert month["classic pp"] == pytest.approx(297.566667)
    assert (month["classic r1"], month["classic s1"]) == (pytest.approx(310.313333), pytest.approx(290.583333))
    assert month["camarilla r3"] == pytest.approx(308.75575)  # 303.33 + 1.1 x 19.73 / 4
    # Thursday: PP 303.0667 lies above the middle 302.935, so that the other edge is TC, 303.1983.
    width = 0.263333
    assert prices(made, Kind.CENTRAL_PIVOT_RANGE) == {
        "pp": pytest.approx(303.066667), "tc": pytest.approx(303.198333), "bc": pytest.approx(302.935),
        "width": pytest.approx(width, abs=1e-6), "width_atr": pytest.approx(width / 2.0464286, abs=1e-5),
    }  # fmt: skip


def test_pivots_of_a_day_and_a_week(spy: dict[date, Prices]) -> None:
    made = context(ETF, date(2019, 11, 1), days=spy)
    # Thursday: 304.11, 304.13, 301.74, 303.33. It closed below its open: X = 304.13 + 2 x 301.74 + 303.33 = 1210.94.
    day = prices(made, Kind.DAY_PIVOTS)
    demark = [day[f"demark {name}"] for name in ("pp", "r1", "s1")]
    assert demark == pytest.approx([302.735, 303.73, 301.34])
    assert day["woodie pp"] == pytest.approx(303.1325)  # (304.13 + 301.74 + 2 x 303.33) / 4
    assert day["fibonacci r1"] == pytest.approx(303.979647)  # 303.066667 + 0.382 x 2.39
    # 10-21 to 10-25: 299.48, 302.19, 298.5, 301.6. It closed above its open: X = 2 x 302.19 + 298.5 + 301.6 = 1204.48.
    week = prices(made, Kind.WEEK_PIVOTS)
    assert [week[f"classic {name}"] for name in ("pp", "r1", "s1")] == pytest.approx(
        [300.763333, 303.026667, 299.336667]
    )
    assert [week[f"demark {name}"] for name in ("pp", "r1", "s1")] == pytest.approx([301.12, 303.74, 300.05])


def test_average_ranges(spy: dict[date, Prices]) -> None:
    # Of the 14 sessions from 2019-10-14 on; Wilder's of the 150 from 2019-04-01 on.
    made = context(ETF, date(2019, 11, 1), days=spy)
    assert prices(made, Kind.RANGES) == {
        "atr_14": pytest.approx(2.0464285714), "atr_14_wilder": pytest.approx(2.6737484142),
        "adr_14": pytest.approx(1.8014285714),
    }  # fmt: skip


def test_a_holiday_monday(spy: dict[date, Prices]) -> None:
    # Labor Day, 2019-09-02: Tuesday follows Friday, 08-30, and is the first session of its week and month.
    tuesday = date(2019, 9, 3)
    made = context(ETF, tuesday, days=spy)
    closed = at(date(2019, 8, 30), 20)
    assert levels(made, Kind.PREVIOUS_DAY)["close"] == (292.45, closed)
    assert levels(made, Kind.PREVIOUS_WEEK)["high"] == (294.24, closed)
    assert prices(made, Kind.PREVIOUS_WEEK)["low"] == 285.25
    assert levels(made, Kind.PREVIOUS_MONTH)["low"] == (281.73, closed)
    assert prices(made, Kind.PREVIOUS_QUARTER)["high"] == 296.31
    # Its open is the week's, and no candle of it is there; the year's is that of 2019-01-02.
    assert levels(made, Kind.OPENS) == {"year": (246.06, at(date(2019, 1, 2), 21))}
    assert set(reasons(made, Kind.OPENS)) == {"day", "week", "month"}


def test_a_half_day_is_the_last_session_of_its_week_and_month(spy: dict[date, Prices]) -> None:
    # The day after Thanksgiving, 2019-11-29, closed at 13:00 New York: 18:00 UTC.
    made = context(ETF, date(2019, 12, 2), days=spy)
    closed = at(date(2019, 11, 29), 18)
    assert levels(made, Kind.PREVIOUS_DAY)["high"] == (315.13, closed)
    assert levels(made, Kind.PREVIOUS_WEEK)["high"] == (315.48, closed)
    assert levels(made, Kind.PREVIOUS_MONTH)["open"] == (304.92, closed)
    assert prices(made, Kind.PREVIOUS_MONTH)["low"] == 304.75


def test_the_week_in_which_american_clocks_turn(spy: dict[date, Prices]) -> None:
    # Friday, 2019-03-08, closed at 21:00 UTC, Monday, 03-11, at 20:00.
    monday, tuesday = (context(ETF, date(2019, 3, day), days=spy) for day in (11, 12))
    assert levels(monday, Kind.PREVIOUS_DAY)["close"] == (274.46, at(date(2019, 3, 8), 21))
    assert levels(tuesday, Kind.PREVIOUS_DAY)["close"] == (278.44, at(date(2019, 3, 11), 20))
    assert levels(tuesday, Kind.OPENS)["week"] == (275.24, at(date(2019, 3, 11), 20))
    assert levels(monday, Kind.PREVIOUS_WEEK)["low"] == (272.43, at(date(2019, 3, 8), 21))


def test_the_opening_of_a_half_day(shared_data: Path) -> None:
    # 2023-07-03: 13:30 to 17:00 UTC.
    day = date(2023, 7, 3)
    made = context(NEW_YORK, day, minutes=real_minutes(shared_data, "SPX", session_of(NEW_YORK, day)))
    opening = levels(made, Kind.OPENING_RANGE)
    assert opening == {
        "5m high": (4447.41, at(day, 13, 35)), "5m low": (4442.29, at(day, 13, 35)),
        "15m high": (4449.85, at(day, 13, 45)), "15m low": (4442.29, at(day, 13, 45)),
        "30m high": (4450.75, at(day, 14)), "30m low": (4442.29, at(day, 14)),
        "60m high": (4452.38, at(day, 14, 30)), "60m low": (4442.29, at(day, 14, 30)),
    }  # fmt: skip
    assert prices(made, Kind.INITIAL_BALANCE) == {"high": 4452.38, "low": 4442.29, "mid": pytest.approx(4447.335)}
    assert levels(made, Kind.OPENS)["day"] == (4447.33, at(day, 13, 31))


def test_where_a_half_day_spent_its_time(shared_data: Path) -> None:
    # Seven half hours, 4442.29 to 4456.46: rows of 0.05, 677 marks. 21 rows have the most, five; the middle one of them
    # is 4450.05. 474 marks, 70 %, lie from 4446.95 to 4453.35.
    half = session_of(NEW_YORK, date(2023, 7, 3))
    made = context(NEW_YORK, date(2023, 7, 5), last_minutes=real_minutes(shared_data, "SPX", half))
    known_at = datetime(2023, 7, 3, 17, tzinfo=UTC)
    assert levels(made, Kind.TIME_PROFILE) == {
        "poc": (4450.05, known_at), "value_area_high": (4453.35, known_at), "value_area_low": (4446.95, known_at)
    }  # fmt: skip


def test_a_gap_and_the_minute_that_fills_it(shared_data: Path) -> None:
    # DAX, 2019-02-21: opens at 11446.7 after a close of 11409.9; the minute from 08:55 UTC on trades at 11409.5.
    day, before = date(2019, 2, 21), date(2019, 2, 20)
    minutes = real_minutes(shared_data, "DAX", session_of(XETRA, day))
    made = context(XETRA, day, days={before: (11323.1, 11437.9, 11314.6, 11409.9)}, minutes=minutes)
    assert levels(made, Kind.GAP) == {
        "size": (pytest.approx(36.8), at(day, 8, 1)), "fill": (11409.9, at(day, 8, 1)),
        "filled": (11409.9, at(day, 8, 56)),
    }  # fmt: skip
    assert set(levels(made, Kind.GAP, at(day, 8, 55))) == {"size", "fill"}
    assert levels(made, Kind.OPENING_RANGE)["60m low"] == (11409.5, at(day, 9))


def test_the_windows_of_a_day_in_may(shared_data: Path) -> None:
    # EUR/USD, 2014-05-06: Tokyo 00:00 to 09:00 UTC, London 07:00 to 16:00, New York 12:00 to 21:00.
    day = date(2014, 5, 6)
    made = context(SPOT, day, minutes=real_minutes(shared_data, "EUR-USD", session_of(SPOT, day)))
    assert levels(made, Kind.SESSION_WINDOWS) == {
        "asia high": (1.39311, at(day, 9)), "asia low": (1.38716, at(day, 9)),
        "london high": (1.3951, at(day, 16)), "london low": (1.38826, at(day, 16)),
        "new_york high": (1.3951, at(day, 21)), "new_york low": (1.3919, at(day, 21)),
    }  # fmt: skip
    assert set(levels(made, Kind.SESSION_WINDOWS, at(day, 15, 59))) == {"asia high", "asia low"}
