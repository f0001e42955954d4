"""Resampling: by hand, against session prices computed by a separate script, and against a plain-Python version."""

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradematrix_pipelines.candles.frame import TS_DTYPE, VALUES, as_candles, empty_candles
from tradematrix_pipelines.candles.resample import resample
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.timeframes import Timeframe

NAN = math.nan
M1, M5, M15, H1, D1 = (Timeframe(name) for name in ("1m", "5m", "15m", "1h", "1d"))
LATER = datetime(2027, 1, 1, tzinfo=UTC)
OPEN = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)

Row = tuple[datetime, float, float, float, float, float]


def minute(n: int) -> datetime:
    return OPEN + timedelta(minutes=n)


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    columns = list(zip(*rows, strict=True)) or [()] * 6
    ts = pd.Series(columns[0], dtype=TS_DTYPE)
    return as_candles(pd.DataFrame({"ts": ts, **dict(zip(VALUES, columns[1:], strict=True))}))


def rows_of(bars: pd.DataFrame) -> list[Row]:
    return [(ts.to_pydatetime(), *values) for ts, *values in bars.itertuples(index=False)]


def test_a_bar_is_made_of_its_minutes() -> None:
    session = Session(date(2026, 11, 18), OPEN, minute(390))
    minutes = frame(
        [
            (minute(0), 10, 12, 9, 11, 5),
            (minute(2), 11, 15, 11, 14, NAN),
            (minute(4), 14, 14, 8, 13, 7),
            (minute(5), 13, 13, 13, 13, NAN),
            (minute(11), 20, 21, 19, 20, 0),
        ]
    )
    bars = resample(minutes, timeframe=M5, sessions=[session], now=LATER)
    expected = [(minute(0), 10, 15, 8, 13, 12), (minute(5), 13, 13, 13, 13, NAN), (minute(10), 20, 21, 19, 20, 0)]
    pd.testing.assert_frame_equal(bars, frame(expected))
    day = resample(minutes, timeframe=D1, sessions=[session], now=LATER)
    pd.testing.assert_frame_equal(day, frame([(minute(0), 10, 21, 8, 20, 12)]))


def test_minutes_may_come_in_any_order() -> None:
    session = Session(date(2026, 11, 18), OPEN, minute(390))
    minutes = frame([(minute(0), 1, 9, 1, 2, 1), (minute(2), 5, 9, 1, 6, 1), (minute(1), 3, 9, 1, 4, 1)])
    bars = resample(minutes, timeframe=M5, sessions=[session], now=LATER)
    pd.testing.assert_frame_equal(bars, frame([(minute(0), 1, 9, 1, 6, 3)]))


def test_bars_are_anchored_at_the_open_and_cut_by_the_close() -> None:
    [session] = get_calendar("XNYS").sessions(date(2026, 11, 27), date(2026, 11, 27))
    times = [session.opens_at + timedelta(minutes=n) for n in range(-30, 240)]
    minutes = frame([(ts, 1, 1, 1, 1, 1) for ts in times])
    bars = resample(minutes, timeframe=H1, sessions=[session], now=LATER)
    # An early close: 9:30 to 13:00 in New York is 14:30 to 18:00 UTC.
    assert [f"{ts:%H:%M}" for ts in bars["ts"]] == ["14:30", "15:30", "16:30", "17:30"]
    assert bars["volume"].tolist() == [60, 60, 60, 30]


def test_a_bar_that_is_still_forming_is_not_produced() -> None:
    session = Session(date(2026, 11, 18), OPEN, minute(12))
    minutes = frame([(minute(n), 1, 1, 1, 1, 1) for n in range(12)])

    def produced(timeframe: Timeframe, now: datetime) -> int:
        return len(resample(minutes, timeframe=timeframe, sessions=[session], now=now))

    blink = timedelta(microseconds=1)
    assert (produced(M5, minute(5) - blink), produced(M5, minute(5)), produced(M5, minute(10))) == (0, 1, 2)
    assert (produced(M5, minute(12) - blink), produced(M5, minute(12))) == (2, 3)
    assert (produced(D1, minute(12) - blink), produced(D1, minute(12))) == (0, 1)


def test_no_rows_make_no_bars() -> None:
    session = Session(date(2026, 11, 18), OPEN, minute(390))
    outside = frame([(minute(-1), 1, 1, 1, 1, 1), (minute(390), 1, 1, 1, 1, 1)])
    for minutes, sessions in ((empty_candles(), [session]), (outside, [session]), (outside, [])):
        for timeframe in (M5, D1):
            bars = resample(minutes, timeframe=timeframe, sessions=sessions, now=LATER)
            pd.testing.assert_frame_equal(bars, empty_candles())


def test_minutes_of_the_midday_break_do_not_count_but_an_hour_that_reaches_out_of_it_does() -> None:
    [session] = get_calendar("XHKG").sessions(date(2026, 11, 18), date(2026, 11, 18))
    # Hong Kong trades 01:30 to 04:00 and 05:00 to 08:00 UTC.
    every = [datetime(2026, 11, 18, 1, 30, tzinfo=UTC) + timedelta(minutes=n) for n in range(390)]
    minutes = frame([(ts, 1, 1, 1, 1, 1) for ts in every])
    hours = resample(minutes, timeframe=H1, sessions=[session], now=LATER)
    assert hours["volume"].tolist() == [60, 60, 30, 30, 60, 60, 30]
    assert hours["ts"].tolist() == pd.DatetimeIndex(session.bar_opens(H1), tz="UTC").tolist()
    day = resample(hours, timeframe=D1, sessions=[session], now=LATER, base=H1)
    assert day["volume"].tolist() == [330]


SYMBOLS = {"DAX": ("DAX", "XETR"), "SPX": ("SPX", "XNYS"), "EUR/USD": ("EUR-USD", "FX"), "XAU/USD": ("XAU-USD", "FX")}


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("through", [None, M5, H1])
def test_session_prices_of_the_real_data(shared_data: Path, symbol: str, through: Timeframe | None) -> None:
    name, calendar = SYMBOLS[symbol]
    with (shared_data / "market" / "answers_sessions.csv").open() as file:
        answers = [row for row in csv.DictReader(file) if row["symbol"] == symbol]
    days = [date.fromisoformat(row["trade_date"]) for row in answers]
    sessions = [session for session in map(get_calendar(calendar).session, days) if session is not None]
    raw = pd.read_csv(shared_data / "market" / f"{name}_1m.csv")
    bars = as_candles(raw.assign(ts=pd.to_datetime(raw["ts"], utc=True)))
    if through is not None:
        bars = resample(bars, timeframe=through, sessions=sessions, now=LATER)
    daily = resample(bars, timeframe=D1, sessions=sessions, now=LATER, base=through or M1)
    assert daily[["open", "high", "low", "close"]].to_numpy().tolist() == [
        [float(row[price]) for price in ("open", "high", "low", "close")] for row in answers
    ]
    assert daily["ts"].tolist() == [datetime.fromisoformat(row["session_open"]) for row in answers]


SESSIONS = [
    Session(date(2026, 11, 18), OPEN, minute(130)),
    Session(date(2026, 11, 19), minute(130), minute(200), break_starts_at=minute(143), break_ends_at=minute(172)),
    Session(date(2026, 11, 20), minute(210), minute(271)),
]
whole = st.integers(1, 50)


@st.composite
def minutes_of(draw: st.DrawFn) -> pd.DataFrame:
    times = sorted(draw(st.sets(st.integers(-5, 280), max_size=60)))
    rows: list[Row] = []
    for n in times:
        low, *middle, high = sorted(draw(st.tuples(whole, whole, whole, whole)))
        volume = draw(st.one_of(st.just(NAN), st.integers(0, 9).map(float)))
        rows.append((minute(n), middle[0], high, low, middle[1], volume))
    return frame(rows)


def plain(minutes: pd.DataFrame, timeframe: Timeframe, now: datetime) -> list[Row]:
    """Resample in plain Python, one row at a time."""
    groups: dict[tuple[datetime, datetime], list[Row]] = defaultdict(list)
    for row in rows_of(minutes):
        for session in SESSIONS:
            pause = session.break_starts_at, session.break_ends_at
            idle = pause[0] is not None and pause[1] is not None and pause[0] <= row[0] < pause[1]
            if session.opens_at <= row[0] < session.closes_at and not idle:
                length = timeframe.length or timedelta(days=1)
                opens = session.opens_at + (row[0] - session.opens_at) // length * length
                groups[opens, min(opens + length, session.closes_at)].append(row)
    bars: list[Row] = []
    for (opens, closes), rows in sorted(groups.items()):
        volumes = [row[5] for row in rows if not math.isnan(row[5])]
        volume = sum(volumes) if volumes else NAN
        if closes <= now:
            highs, lows = [row[2] for row in rows], [row[3] for row in rows]
            bars.append((opens, rows[0][1], max(highs), min(lows), rows[-1][4], volume))
    return bars


coarser = st.sampled_from([M1, M5, M15, H1, D1])
nows = st.sampled_from([*range(-1, 290, 7), 1000]).map(minute)


@settings(max_examples=80)
@given(minutes=minutes_of(), timeframe=coarser, now=nows)
def test_it_does_what_plain_python_does(minutes: pd.DataFrame, timeframe: Timeframe, now: datetime) -> None:
    bars = resample(minutes, timeframe=timeframe, sessions=SESSIONS, now=now)
    pd.testing.assert_frame_equal(bars, frame(plain(minutes, timeframe, now)))
    for session in SESSIONS:
        opens = {ts.to_pydatetime() for ts in bars["ts"] if session.opens_at <= ts < session.closes_at}
        assert opens <= set(pd.DatetimeIndex(session.bar_opens(timeframe), tz="UTC").to_pydatetime())


@settings(max_examples=50)
@given(minutes=minutes_of(), steps=st.sampled_from([(M5, M15), (M5, H1), (M15, H1), (H1, D1), (M15, D1)]), now=nows)
def test_two_steps_are_one(minutes: pd.DataFrame, steps: tuple[Timeframe, Timeframe], now: datetime) -> None:
    middle = resample(minutes, timeframe=steps[0], sessions=SESSIONS, now=now)
    twice = resample(middle, timeframe=steps[1], sessions=SESSIONS, now=now, base=steps[0])
    pd.testing.assert_frame_equal(twice, resample(minutes, timeframe=steps[1], sessions=SESSIONS, now=now))


@settings(max_examples=30)
@given(minutes=minutes_of(), timeframe=coarser, seed=st.integers(0, 2**16))
def test_the_order_of_rows_does_not_matter(minutes: pd.DataFrame, timeframe: Timeframe, seed: int) -> None:
    shuffled = minutes.sample(frac=1, random_state=seed)
    one, other = (resample(rows, timeframe=timeframe, sessions=SESSIONS, now=LATER) for rows in (minutes, shuffled))
    pd.testing.assert_frame_equal(one, other)


@settings(max_examples=30)
@given(minutes=minutes_of(), timeframe=coarser)
def test_resampling_to_its_own_timeframe_changes_nothing(minutes: pd.DataFrame, timeframe: Timeframe) -> None:
    bars = resample(minutes, timeframe=timeframe, sessions=SESSIONS, now=LATER)
    again = resample(bars, timeframe=timeframe, sessions=SESSIONS, now=LATER, base=timeframe)
    pd.testing.assert_frame_equal(again, bars)
