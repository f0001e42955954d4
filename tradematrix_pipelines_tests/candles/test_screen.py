"""Screening: every reason by hand, the real data, and properties on arbitrary frames."""

import csv
import math
import statistics
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradematrix_pipelines.candles.frame import COLUMNS, TS_DTYPE, VALUES, as_candles, empty_candles
from tradematrix_pipelines.candles.jumps import jumps
from tradematrix_pipelines.candles.screen import Reason, Screened, screen
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.timeframes import Timeframe

NAN, INF = math.nan, math.inf
OPEN = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
DAY = Session(date(2026, 11, 18), OPEN, OPEN + timedelta(minutes=390))

Row = tuple[datetime | None, float, float, float, float, float]


def minute(n: float) -> datetime:
    return OPEN + timedelta(minutes=n)


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    ts = pd.Series(columns[0], dtype=TS_DTYPE)
    return as_candles(pd.DataFrame({"ts": ts, **dict(zip(VALUES, columns[1:], strict=True))}))


def bar(
    n: float, open_: float = 100, high: float = 101, low: float = 99, close: float = 100, *, volume: float = 5
) -> Row:
    return (minute(n), open_, high, low, close, volume)


def flat(n: float, price: float) -> Row:
    return bar(n, price, price, price, price)


def minutes(rows: Sequence[Row], *, now: datetime = LATER, max_jump: float | None = None) -> Screened:
    return screen(frame(rows), timeframe=Timeframe.M1, sessions=[DAY], now=now, max_jump=max_jump)


def rejections(screened: Screened) -> list[tuple[datetime, str]]:
    return [(ts.to_pydatetime(), str(reason)) for ts, reason in screened.rejected[["ts", "reason"]].to_numpy().tolist()]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (bar(1, open_=NAN), Reason.NOT_FINITE),
        (bar(1, high=INF), Reason.NOT_FINITE),
        (bar(1, low=-INF), Reason.NOT_FINITE),
        (bar(1, close=NAN), Reason.NOT_FINITE),
        (bar(1, open_=0), Reason.NOT_POSITIVE),
        (bar(1, high=0), Reason.NOT_POSITIVE),
        (bar(1, low=0), Reason.NOT_POSITIVE),
        (bar(1, close=0), Reason.NOT_POSITIVE),
        (bar(1, low=-99), Reason.NOT_POSITIVE),
        (bar(1, open_=102), Reason.HIGH_TOO_LOW),
        (bar(1, close=102), Reason.HIGH_TOO_LOW),
        (bar(1, open_=98), Reason.LOW_TOO_HIGH),
        (bar(1, close=98), Reason.LOW_TOO_HIGH),
        (bar(1, volume=-1), Reason.BAD_VOLUME),
        (bar(1, volume=INF), Reason.BAD_VOLUME),
        (bar(1.5), Reason.OFF_GRID),
    ],
)
def test_a_faulty_bar_is_rejected_and_its_neighbours_are_not(bad: Row, reason: Reason) -> None:
    screened = minutes([bar(0), bad, bar(2)])
    assert rejections(screened) == [(bad[0], reason)]
    assert screened.candles["ts"].tolist() == [minute(0), minute(2)]
    pd.testing.assert_frame_equal(screened.rejected[COLUMNS], frame([bad]))


def test_a_bar_without_a_time_is_rejected() -> None:
    screened = minutes([flat(0, 100), flat(1, 100), flat(2, 100), flat(3, 100), (None, 900, 900, 900, 900, 5)])
    assert screened.rejected["reason"].tolist() == ["it has no time"]
    assert screened.rejected["ts"].isna().tolist() == [True]
    assert len(screened.candles) == 4


def test_of_several_faults_the_first_is_given() -> None:
    screened = minutes([(minute(0.5), NAN, -1, 5, 3, -1), bar(1, open_=102, high=101, low=103, volume=-1)])
    assert screened.rejected["reason"].tolist() == [Reason.NOT_FINITE, Reason.HIGH_TOO_LOW]


def test_bars_on_the_bounds_are_candles() -> None:
    rows = [bar(0, 101, 101, 99, 99), bar(1, 99, 101, 99, 101), flat(2, 100), bar(3, volume=0), bar(4, volume=NAN)]
    screened = minutes(rows)
    pd.testing.assert_frame_equal(screened.candles, frame(rows))
    assert screened.rejected.empty
    assert (screened.outside, screened.forming) == (0, 0)


def test_the_frames_have_the_declared_columns_and_dtypes_even_when_empty() -> None:
    for screened in (minutes([]), minutes([bar(0)]), minutes([bar(0, volume=-1)])):
        assert screened.candles.dtypes.to_dict() == empty_candles().dtypes.to_dict()
        assert list(screened.rejected.columns) == [*COLUMNS, "reason"]
        assert screened.rejected["reason"].dtype == "str"
        assert screened.rejected["ts"].dtype == TS_DTYPE


def test_rows_outside_the_session_are_counted_and_dropped() -> None:
    screened = minutes([bar(-1), bar(0), bar(389), bar(390), bar(1000, open_=NAN)])
    assert screened.candles["ts"].tolist() == [minute(0), minute(389)]
    assert screened.outside == 3
    assert screened.rejected.empty


def test_without_sessions_everything_is_outside() -> None:
    for timeframe, cut in product(Timeframe, (False, True)):
        screened = screen(frame([bar(0), bar(1)]), timeframe=timeframe, sessions=[], now=LATER, cut_at_close=cut)
        assert (len(screened.candles), len(screened.rejected), screened.outside) == (0, 0, 2)


def test_saturday_ghost_bars_are_outside_the_fx_calendar() -> None:
    # 2026-11-21 is a Saturday; Friday's session closed at 22:00 UTC.
    ghosts = [datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in range(24)]
    rows = frame([(ts, 1.1, 1.1, 1.1, 1.1, NAN) for ts in ghosts])
    sessions = get_calendar("FX").sessions(date(2026, 11, 19), date(2026, 11, 24))
    screened = screen(rows, timeframe=Timeframe.M15, sessions=sessions, now=LATER)
    assert (len(screened.candles), screened.outside) == (0, 24)


def test_midday_break_is_outside() -> None:
    [session] = get_calendar("XHKG").sessions(date(2026, 11, 18), date(2026, 11, 18))
    # 12:00 to 13:00 in Hong Kong is 04:00 to 05:00 UTC; the hour that opens at 04:30 trades from 05:00 on.
    times = [datetime(2026, 11, 18, 3, 59, tzinfo=UTC) + timedelta(minutes=n) for n in range(63)]
    rows = frame([(ts, 100, 101, 99, 100, NAN) for ts in times])
    screened = screen(rows, timeframe=Timeframe.M1, sessions=[session], now=LATER)
    assert [f"{ts:%H:%M}" for ts in screened.candles["ts"]] == ["03:59", "05:00", "05:01"]
    assert screened.outside == 60
    hourly = screen(rows.iloc[[31]], timeframe=Timeframe.H1, sessions=[session], now=LATER, cut_at_close=True)
    assert [f"{ts:%H:%M}" for ts in hourly.candles["ts"]] == ["04:30"]


def test_forming_bars_are_counted_and_dropped() -> None:
    rows = [bar(0), bar(1), bar(2, open_=NAN)]
    assert minutes(rows, now=minute(2)).forming == 1
    at_close = minutes(rows, now=minute(2) - timedelta(microseconds=1))
    assert at_close.candles["ts"].tolist() == [minute(0)]
    assert at_close.forming == 2
    assert at_close.rejected.empty


def test_a_bar_that_the_close_cuts_short_closes_with_the_session() -> None:
    # 390 minutes are six hours and a half: the seventh hour lasts 30 minutes.
    rows = frame([bar(360)])
    for now, forming in ((minute(390), 0), (minute(389), 1)):
        screened = screen(rows, timeframe=Timeframe.H1, sessions=[DAY], now=now, cut_at_close=True)
        assert (len(screened.candles), screened.forming) == (1 - forming, forming)


def hours(*opens: float, cut_at_close: bool) -> Screened:
    rows = frame([bar(n) for n in opens])
    return screen(rows, timeframe=Timeframe.H1, sessions=[DAY], now=LATER, cut_at_close=cut_at_close)


def test_a_bar_that_reaches_past_the_close_is_no_candle_unless_the_close_cut_it() -> None:
    assert rejections(hours(300, 360, cut_at_close=False)) == [(minute(360), Reason.PAST_CLOSE)]
    assert rejections(hours(300, 360, cut_at_close=True)) == []
    unknown = screen(frame([bar(300), bar(360)]), timeframe=Timeframe.H1, sessions=[DAY], now=LATER)
    assert rejections(unknown) == [(minute(360), Reason.PAST_CLOSE)]


@pytest.mark.parametrize(("after", "cut"), [(390, False), (420, False), (449, False), (450, True), (510, True)])
def test_a_bar_right_after_the_close_shows_that_the_one_before_is_not_cut(after: float, cut: bool) -> None:
    screened = hours(300, 360, after, cut_at_close=True)
    assert [reason for _, reason in rejections(screened)] == ([] if cut else [Reason.PAST_CLOSE])
    assert screened.outside == 1


def test_a_bar_that_reaches_into_the_break_is_no_candle_either() -> None:
    # Hong Kong trades 01:30 to 04:00 and 05:00 to 08:00 UTC.
    [session] = get_calendar("XHKG").sessions(date(2026, 11, 18), date(2026, 11, 18))
    opens = [datetime(2026, 11, 18, hour, 30, tzinfo=UTC) for hour in range(1, 8)]
    rows = frame([(ts, 100, 101, 99, 100, NAN) for ts in opens])
    screened = screen(rows, timeframe=Timeframe.H1, sessions=[session], now=LATER)
    assert rejections(screened) == [(opens[n], Reason.PAST_CLOSE) for n in (2, 3, 6)]


def test_minutes_reach_past_no_close() -> None:
    assert minutes([bar(389)]).rejected.empty


@pytest.mark.parametrize("value", ["open", "high", "low", "close"])
def test_a_price_outside_the_symbols_range_is_no_candle(value: str) -> None:
    rows = frame([bar(0), bar(1), bar(2)])
    if value == "low":
        rows.loc[1, "low"] = 0.5
    else:
        rows.loc[1, list({value, "high"})] = 250.0
    screened = screen(rows, timeframe=Timeframe.M1, sessions=[DAY], now=LATER, price_range=(1, 200))
    assert rejections(screened) == [(minute(1), Reason.OUT_OF_RANGE)]
    on_the_bounds = screen(rows, timeframe=Timeframe.M1, sessions=[DAY], now=LATER, price_range=(0.5, 250), max_jump=9)
    assert on_the_bounds.rejected.empty


@pytest.mark.parametrize("bad", [bar(1, close=102), bar(1, low=-1), bar(1, open_=NAN), bar(1, volume=-1)])
def test_of_two_rows_of_one_time_the_sound_one_is_a_candle(bad: Row) -> None:
    for rows in ([bar(0), bad, bar(1), bar(2)], [bar(0), bar(1), bad, bar(2)]):
        screened = minutes(rows)
        assert screened.candles["ts"].tolist() == [minute(0), minute(1), minute(2)]
        assert [ts for ts, reason in rejections(screened) if reason is not Reason.CONFLICT] == [minute(1)]


@pytest.mark.parametrize("distance", [2, 5, 15])
def test_bars_of_another_timeframe_are_no_minutes(distance: int) -> None:
    screened = minutes([bar(n) for n in range(0, 390, distance)])
    assert screened.candles.empty
    assert {reason for _, reason in rejections(screened)} == {Reason.SPACING}


def test_faulty_bars_say_nothing_about_the_spacing_of_the_others() -> None:
    screened = minutes([*(bar(n) for n in range(5)), *(bar(n, volume=-1) for n in range(6, 18, 2))])
    assert len(screened.candles) == 5
    assert {reason for _, reason in rejections(screened)} == {Reason.BAD_VOLUME}


def test_finer_bars_are_no_hours() -> None:
    rows = frame([bar(n) for n in range(0, 390, 15)])
    screened = screen(rows, timeframe=Timeframe.H1, sessions=[DAY], now=LATER, cut_at_close=True)
    assert screened.candles.empty


def test_quiet_minutes_are_minutes() -> None:
    quiet = [n for n in range(390) if n % 7 < 3 or n % 50 == 0]
    assert len(minutes([bar(n) for n in quiet]).candles) == len(quiet)
    few = [0, 5, 10, 15]  # four bars may be all there is
    assert len(minutes([bar(n) for n in few]).candles) == 4


def test_each_session_has_a_spacing_of_its_own() -> None:
    days = get_calendar("XNYS").sessions(date(2026, 11, 17), date(2026, 11, 18))
    stamps = [days[0].opens_at + timedelta(minutes=5 * n) for n in range(78)]
    stamps += [days[1].opens_at + timedelta(minutes=n) for n in range(390)]
    rows = frame([(ts, 100, 101, 99, 100, 5) for ts in stamps])
    screened = screen(rows, timeframe=Timeframe.M1, sessions=days, now=LATER)
    assert (len(screened.candles), len(screened.rejected)) == (390, 78)


def test_weekly_bars_are_no_days() -> None:
    calendar = get_calendar("XNYS")
    days = calendar.sessions(date(2026, 9, 1), date(2026, 11, 18))
    for step, kept in ((1, len(days)), (5, 0)):
        every = days[::step]
        rows = frame(
            [(datetime.combine(day.trade_date, datetime.min.time(), UTC), 100, 101, 99, 100, 5) for day in every]
        )
        assert len(screen(rows, timeframe=Timeframe.D1, sessions=days, now=LATER).candles) == kept


def test_coarser_bars_are_anchored_at_the_open() -> None:
    rows = frame([bar(0), bar(30), bar(60)])
    screened = screen(rows, timeframe=Timeframe.H1, sessions=[DAY], now=LATER)
    assert screened.candles["ts"].tolist() == [minute(0), minute(60)]
    assert rejections(screened) == [(minute(30), Reason.OFF_GRID)]


def test_identical_rows_collapse_and_conflicting_ones_are_all_rejected() -> None:
    rows = [bar(2), bar(0, volume=NAN), bar(1), bar(0, volume=NAN), bar(1, close=100.5), bar(1), bar(3)]
    screened = minutes(rows)
    assert screened.candles["ts"].tolist() == [minute(0), minute(2), minute(3)]
    assert rejections(screened) == [(minute(1), Reason.CONFLICT)] * 2
    assert sorted(screened.rejected["close"]) == [100, 100.5]


def test_rows_of_the_same_time_are_a_conflict_however_many_and_no_finer_bars() -> None:
    rows = [bar(n, volume=volume) for n in range(10) for volume in (1, 2, 3)]
    assert [reason for _, reason in rejections(minutes(rows))] == [Reason.CONFLICT] * 30


def test_a_row_that_differs_only_in_volume_is_a_conflict() -> None:
    assert rejections(minutes([bar(0), bar(0, volume=6)])) == [(minute(0), Reason.CONFLICT)] * 2
    assert rejections(minutes([bar(0), bar(0, volume=NAN)])) == [(minute(0), Reason.CONFLICT)] * 2


def test_daily_bars_are_matched_by_date_and_open_with_their_session() -> None:
    fx = get_calendar("FX").sessions(date(2026, 11, 19), date(2026, 11, 24))
    midnights = [datetime(2026, 11, day, tzinfo=UTC) for day in (19, 20, 21, 23, 24)]
    rows = frame([(ts, 1.1, 1.2, 1.0, 1.1, NAN) for ts in midnights])
    screened = screen(rows, timeframe=Timeframe.D1, sessions=fx, now=datetime(2026, 11, 24, 21, tzinfo=UTC))
    assert [f"{ts:%m-%d %H:%M}" for ts in screened.candles["ts"]] == ["11-18 22:00", "11-19 22:00", "11-22 22:00"]
    assert (screened.outside, screened.forming) == (1, 1)


def test_a_daily_bar_that_is_not_stamped_midnight_is_off_the_grid() -> None:
    screened = screen(frame([bar(0)]), timeframe=Timeframe.D1, sessions=[DAY], now=LATER)
    assert rejections(screened) == [(minute(0), Reason.OFF_GRID)]


def test_an_isolated_tick_is_a_jump() -> None:
    rows = [flat(n, 100) for n in range(10)]
    for n in (0, 1, 5, 8, 9):
        for bad in (flat(n, 10), flat(n, 1000), bar(n, 100, 130, 100, 100), bar(n, 100, 100, 70, 100)):
            screened = minutes([*rows[:n], bad, *rows[n + 1 :]])
            assert rejections(screened) == [(minute(n), Reason.JUMP)]
            assert len(screened.candles) == 9


def test_two_bad_ticks_in_a_row_are_jumps() -> None:
    screened = minutes([*(flat(n, 100) for n in range(4)), flat(4, 1), flat(5, 1), *(flat(n, 100) for n in (6, 7, 8))])
    assert rejections(screened) == [(minute(4), Reason.JUMP), (minute(5), Reason.JUMP)]


def test_a_change_of_level_is_no_jump() -> None:
    screened = minutes([*(flat(n, 100) for n in range(5)), *(flat(n, 10) for n in range(5, 10))])
    assert len(screened.candles) == 10


def test_two_bars_have_no_neighbourhood() -> None:
    assert len(minutes([flat(0, 100), flat(1, 1)]).candles) == 2
    assert len(minutes([flat(0, 100), flat(1, 1), flat(2, 100)]).candles) == 2


def test_the_limit_of_a_jump_is_the_callers_or_the_timeframes() -> None:
    def left(percent: float, timeframe: Timeframe, max_jump: float | None = None) -> int:
        dates = [date(2026, 11, 16) + timedelta(days=n) for n in range(5)]
        sessions = get_calendar("XNYS").sessions(dates[0], dates[-1])
        prices = [100.0, 100.0, 100.0 + percent, 100.0, 100.0]
        days = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in dates]
        times = days if timeframe is Timeframe.D1 else [minute(n) for n in range(5)]
        rows = frame([(ts, p, p, p, p, NAN) for ts, p in zip(times, prices, strict=True)])
        return len(screen(rows, timeframe=timeframe, sessions=sessions, now=LATER, max_jump=max_jump).candles)

    assert (left(19, Timeframe.M1), left(21, Timeframe.M1)) == (5, 4)
    assert (left(49, Timeframe.D1), left(51, Timeframe.D1)) == (5, 4)
    assert (left(4, Timeframe.M1, 0.05), left(6, Timeframe.M1, 0.05)) == (5, 4)
    assert (left(25, Timeframe.M1, 0.25), left(-25, Timeframe.M1, 0.25)) == (5, 5)


def test_faulty_bars_are_no_neighbours() -> None:
    # Four bars of 10,000 with a faulty volume would outvote the two of 100 around which the tick stands out.
    bad = [bar(n, 10_000, 10_000, 10_000, 10_000, volume=-1) for n in (1, 2, 4, 5)]
    screened = minutes([flat(0, 100), *bad, flat(3, 100), flat(6, 100)])
    assert screened.candles["ts"].tolist() == [minute(0), minute(3), minute(6)]


def read(path: Path) -> pd.DataFrame:
    rows = pd.read_csv(path)
    return as_candles(rows.assign(ts=pd.to_datetime(rows["ts"], utc=True)))


@pytest.mark.parametrize(
    ("name", "calendar", "symbol"),
    [("DAX", "XETR", "DAX"), ("SPX", "XNYS", "SPX"), ("EUR-USD", "FX", "EUR/USD"), ("XAU-USD", "FX", "XAU/USD")],
)
def test_real_minutes_pass(shared_data: Path, name: str, calendar: str, symbol: str) -> None:
    with (shared_data / "market" / "answers_sessions.csv").open() as file:
        answers = [row for row in csv.DictReader(file) if row["symbol"] == symbol]
    sessions = [get_calendar(calendar).session(date.fromisoformat(row["trade_date"])) for row in answers]
    raw = read(shared_data / "market" / f"{name}_1m.csv")
    screened = screen(raw, timeframe=Timeframe.M1, sessions=[s for s in sessions if s is not None], now=LATER)
    bars = sum(int(row["bars"]) for row in answers)
    assert (len(screened.candles), len(screened.rejected), screened.outside) == (bars, 0, len(raw) - bars)


def test_real_days_pass(shared_data: Path) -> None:
    raw = read(shared_data / "market" / "SPY_1d.csv")
    sessions = get_calendar("XNYS").sessions(date(2016, 1, 1), date(2021, 3, 31))
    screened = screen(raw, timeframe=Timeframe.D1, sessions=sessions, now=LATER)
    assert (len(screened.candles), len(screened.rejected), screened.outside) == (1320, 0, 0)


def test_every_row_of_the_dirty_file_that_breaks_its_bounds_is_rejected(shared_data: Path) -> None:
    path = shared_data / "market" / "dirty" / "EUR-USD_5m.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    bad = [
        row["ts"]
        for row in rows
        if float(row["high"]) < max(float(row["open"]), float(row["close"]))
        or float(row["low"]) > min(float(row["open"]), float(row["close"]))
    ]
    assert len(bad) == 1071
    sessions = get_calendar("FX").sessions(date(2026, 1, 1), date(2026, 7, 31))
    screened = screen(read(path), timeframe=Timeframe.M5, sessions=sessions, now=LATER)
    assert set(screened.rejected["reason"]) == {Reason.HIGH_TOO_LOW, Reason.LOW_TOO_HIGH}
    assert [f"{ts:%Y-%m-%dT%H:%M:%SZ}" for ts in screened.rejected["ts"]] == bad
    assert len(screened.candles) == len(rows) - 1071
    assert screened.outside == 0


SESSIONS = [
    Session(date(2026, 11, 18), OPEN, minute(13)),
    Session(date(2026, 11, 19), minute(20), minute(40), break_starts_at=minute(27), break_ends_at=minute(32)),
    Session(date(2026, 11, 20), minute(40), minute(43)),
]
MIDNIGHTS = [datetime(2026, 11, day, tzinfo=UTC) for day in range(17, 22)]
times = st.one_of(
    st.integers(-3, 46).map(minute),
    st.sampled_from([*MIDNIGHTS, minute(3.5), None]),
    st.datetimes(timezones=st.just(UTC)),
)
prices = st.one_of(
    st.sampled_from([1.0, 99.0, 100.0, 101.0, 0.0, -1.0, NAN, INF, -INF, 5e-324, 1.7e308]),
    st.floats(allow_subnormal=True),
)
frames = st.lists(st.tuples(times, prices, prices, prices, prices, prices), max_size=12).map(frame)
sound = st.floats(90, 110).flatmap(
    lambda price: st.tuples(st.integers(-3, 46).map(minute), *[st.just(price)] * 4, st.just(NAN))
)
mixed = st.lists(st.one_of(sound, st.tuples(times, prices, prices, prices, prices, prices)), max_size=25).map(frame)
timeframes = st.sampled_from(list(Timeframe))
nows = st.integers(-2, 50).map(minute)


@settings(max_examples=150)
@given(raw=st.one_of(frames, mixed), timeframe=timeframes, now=nows, max_jump=st.sampled_from([None, 0.0, 0.1, INF]))
def test_any_frame_comes_apart_without_loss(
    raw: pd.DataFrame, timeframe: Timeframe, now: datetime, max_jump: float | None
) -> None:
    before = raw.copy(deep=True)
    screened = screen(raw, timeframe=timeframe, sessions=SESSIONS, now=now, max_jump=max_jump)
    pd.testing.assert_frame_equal(raw, before)
    left = len(screened.candles) + len(screened.rejected) + screened.outside + screened.forming
    assert len(raw.drop_duplicates()) <= left <= len(raw)
    assert set(screened.rejected["reason"]) <= {reason.value for reason in Reason}
    check_candles(screened.candles, timeframe, now)


def check_candles(candles: pd.DataFrame, timeframe: Timeframe, now: datetime) -> None:
    """Check candles in plain Python."""
    assert list(candles.columns) == COLUMNS
    opens = [ts.to_pydatetime() for ts in candles["ts"]]
    assert opens == sorted(set(opens))
    for ts, (open_, high, low, close, volume) in zip(opens, candles[VALUES].to_numpy().tolist(), strict=True):
        [session] = [session for session in SESSIONS if session.opens_at <= ts < session.closes_at]
        length = timeframe.length or session.closes_at - session.opens_at
        assert (ts - session.opens_at) % length == timedelta(0)
        assert min(ts + length, session.closes_at) <= now
        if session.break_starts_at and session.break_ends_at and timeframe is not Timeframe.D1:
            assert not (session.break_starts_at <= ts and ts + length <= session.break_ends_at)
        assert 0 < low <= min(open_, close) <= max(open_, close) <= high < INF
        assert math.isnan(volume) or 0 <= volume < INF


@settings(max_examples=60)
@given(raw=mixed, timeframe=timeframes, seed=st.integers(0, 2**16))
def test_the_order_of_rows_does_not_matter(raw: pd.DataFrame, timeframe: Timeframe, seed: int) -> None:
    shuffled = raw.sample(frac=1, random_state=seed)
    one, other = (screen(rows, timeframe=timeframe, sessions=SESSIONS, now=minute(50)) for rows in (raw, shuffled))
    pd.testing.assert_frame_equal(one.candles, other.candles)
    assert (one.outside, one.forming) == (other.outside, other.forming)
    keys = [*COLUMNS, "reason"]
    first, second = (
        screened.rejected.sort_values(keys).reset_index(drop=True).fillna({"volume": -1}) for screened in (one, other)
    )
    pd.testing.assert_frame_equal(first, second)


@settings(max_examples=60)
@given(raw=mixed, timeframe=st.sampled_from([Timeframe.M1, Timeframe.M5, Timeframe.H1]), now=nows)
def test_candles_pass_again(raw: pd.DataFrame, timeframe: Timeframe, now: datetime) -> None:
    # Without the jump test, whose medians are others once a bar has gone.
    once = screen(raw, timeframe=timeframe, sessions=SESSIONS, now=now, max_jump=INF)
    again = screen(once.candles, timeframe=timeframe, sessions=SESSIONS, now=now, max_jump=INF)
    pd.testing.assert_frame_equal(once.candles, again.candles)
    assert again.rejected.empty
    assert (again.outside, again.forming) == (0, 0)


@settings(max_examples=60)
@given(closes=st.lists(st.floats(1e-300, 1.7e308), min_size=3, max_size=12), max_jump=st.sampled_from([0.1, 0.5, 3.0]))
def test_jumps_are_those_of_the_definition(closes: list[float], max_jump: float) -> None:
    prices = np.array(closes)
    far = jumps(prices, prices, prices, max_jump=max_jump)
    for n, price in enumerate(closes):
        middle = statistics.median(close / 4 for close in closes[max(n - 2, 0) : n + 3])
        distance = abs(price / 4 - middle) / middle
        if not math.isclose(distance, max_jump, rel_tol=1e-6):
            assert far[n] == (distance > max_jump)
