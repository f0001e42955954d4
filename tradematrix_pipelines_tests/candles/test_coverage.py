"""Coverage: by hand, the real sessions, and against a minute-by-minute count in plain Python."""

import csv
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradematrix_pipelines.candles.coverage import Coverage, Status, closed_day, kept_beside, supersedes
from tradematrix_pipelines.candles.covering import cover, cover_many
from tradematrix_pipelines.candles.frame import TS_DTYPE, as_candles, instants
from tradematrix_pipelines.candles.resample import resample
from tradematrix_pipelines.candles.screen import screen
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Instants, Session
from tradematrix_pipelines.markets.timeframes import Timeframe

M1, M5, M15, H1, D1 = (Timeframe(name) for name in ("1m", "5m", "15m", "1h", "1d"))
OPEN = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def minute(n: float) -> datetime:
    return OPEN + timedelta(minutes=n)


DAY = Session(date(2026, 11, 18), OPEN, minute(390))


def series(*moments: datetime | None) -> "pd.Series[pd.Timestamp]":
    return pd.Series(moments, dtype=TS_DTYPE)


def at(*minutes: int) -> Instants:
    return instants(series(*(minute(n) for n in minutes)))


def judge(
    opens: Instants,
    timeframe: Timeframe = M1,
    *,
    session: Session = DAY,
    now: datetime = LATER,
    tolerance: int | None = None,
) -> Coverage:
    return cover(opens, timeframe=timeframe, session=session, now=now, gap_tolerance=tolerance)


def verdict(coverage: Coverage) -> tuple[Status, int, int, int]:
    return coverage.status, coverage.received, coverage.expected, coverage.longest_gap


@pytest.mark.parametrize(("timeframe", "bars"), [(M1, 390), (M5, 78), (M15, 26), (H1, 7), (D1, 1)])
def test_a_whole_session_is_complete(timeframe: Timeframe, bars: int) -> None:
    coverage = judge(DAY.bar_opens(timeframe), timeframe)
    assert verdict(coverage) == (Status.COMPLETE, bars, bars, 0)
    assert coverage.final
    assert coverage.ok
    assert (coverage.opens_at, coverage.closes_at, coverage.trade_date) == (OPEN, minute(390), date(2026, 11, 18))
    assert (coverage.timeframe, coverage.rejected, coverage.outside) == (timeframe, 0, 0)


def test_without_a_tolerance_every_bar_is_expected() -> None:
    coverage = judge(at(*range(100), *range(101, 390)))
    assert verdict(coverage) == (Status.PARTIAL, 389, 390, 1)
    assert not coverage.ok


@pytest.mark.parametrize(
    ("there", "gap"),
    [
        ([*range(10, 390)], 10),
        ([*range(380)], 10),
        ([*range(100), *range(110, 390)], 10),
        ([*range(100), *range(107, 200), *range(210, 390)], 10),
        ([0], 389),
    ],
)
def test_the_longest_gap_is_taken_at_both_ends_and_between(there: list[int], gap: int) -> None:
    assert judge(at(*there)).longest_gap == gap
    assert judge(at(*there), tolerance=gap).status is Status.COMPLETE
    assert judge(at(*there), tolerance=gap - 1).status is Status.PARTIAL


def test_a_gap_of_coarser_bars_is_in_minutes_too() -> None:
    hours = DAY.bar_opens(H1)
    assert judge(np.delete(hours, 3), H1, tolerance=75).status is Status.COMPLETE
    assert judge(np.delete(hours, 3), H1, tolerance=59).status is Status.PARTIAL
    assert judge(np.delete(hours, [3, 4]), H1, tolerance=75).longest_gap == 120
    # The seventh hour lasts 30 minutes.
    assert judge(hours[:-1], H1).longest_gap == 30
    assert judge(np.delete(DAY.bar_opens(M5), 7), M5).longest_gap == 5


def test_nothing_is_missing_whatever_the_tolerance() -> None:
    for tolerance in (None, 15, 10_000):
        coverage = judge(at(), tolerance=tolerance)
        assert verdict(coverage) == (Status.MISSING, 0, 390, 390)


def test_a_daily_bar_is_there_or_not() -> None:
    for tolerance in (None, 15, 10_000):
        assert judge(at(0), D1, tolerance=tolerance).status is Status.COMPLETE
        assert judge(at(), D1, tolerance=tolerance).status is Status.MISSING
        # One that is there before the session has closed can't be its daily bar.
        assert judge(at(0), D1, tolerance=tolerance, now=minute(389)).status is Status.PARTIAL


def test_a_running_session_is_judged_by_the_bars_that_have_closed() -> None:
    running = judge(at(*range(100)), now=minute(100.5))
    assert verdict(running) == (Status.COMPLETE, 100, 100, 0)
    assert not running.final
    assert judge(at(*range(100)), now=minute(101)).status is Status.PARTIAL
    # The hour that is forming is no gap, however old it is.
    assert verdict(judge(at(0), H1, now=minute(119), tolerance=15)) == (Status.COMPLETE, 1, 1, 0)
    assert verdict(judge(at(0), H1, now=minute(120), tolerance=15)) == (Status.PARTIAL, 1, 2, 60)
    assert judge(at(), D1, now=minute(389)).expected == 0


def test_a_session_is_final_from_its_close_on() -> None:
    assert not judge(at(*range(389)), now=minute(390) - timedelta(microseconds=1)).final
    assert judge(at(*range(390)), now=minute(390)).final


def test_before_the_first_bar_has_closed_nothing_is_expected() -> None:
    for now in (minute(-1000), minute(0), minute(0.9)):
        coverage = judge(at(), now=now)
        assert verdict(coverage) == (Status.MISSING, 0, 0, 0)
        assert not coverage.final
        assert coverage.reason() == "nothing is expected yet: the session's first bar has not closed"


def test_the_midday_break_is_no_gap() -> None:
    [session] = get_calendar("XHKG").sessions(date(2026, 11, 18), date(2026, 11, 18))
    bars = session.bar_opens(M1)
    assert verdict(judge(bars, session=session)) == (Status.COMPLETE, 330, 330, 0)
    # The last two minutes before the break and the first three after it.
    assert judge(np.delete(bars, range(148, 153)), session=session).longest_gap == 5
    hours = session.bar_opens(H1)
    assert verdict(judge(hours, H1, session=session)) == (Status.COMPLETE, 7, 7, 0)


def test_a_closed_day() -> None:
    coverage = closed_day(date(2026, 12, 25), M5)
    assert (coverage.status, coverage.expected, coverage.received, coverage.final) == (Status.CLOSED, 0, 0, True)
    assert coverage.ok
    assert coverage.reason() == "the market is closed on this day"


def test_reasons() -> None:
    partial = judge(at(*range(100)))
    assert partial.reason() == "100 of 390 bars, longest gap 290 minutes"
    assert replace(partial, rejected=1071).reason() == "100 of 390 bars, longest gap 290 minutes, 1,071 rejected"
    assert judge(at()).reason() == "0 of 390 bars"
    assert judge(at(*range(9)), now=minute(10)).reason() == "9 of 10 bars, longest gap 1 minute so far"
    failed = replace(partial, status=Status.FAILED, error="HTTP 500")
    assert failed.reason() == "HTTP 500"
    assert not failed.ok
    assert replace(failed, error=None).reason() == "the last attempt failed"


def of(status: Status, received: int, source: str = "files", *, final: bool = True) -> Coverage:
    """Return the coverage of DAY, of which 390 bars are expected once it has closed, and 100 while it runs."""
    return Coverage(
        timeframe=M1,
        trade_date=DAY.trade_date,
        status=status,
        final=final,
        expected=390 if final else 100,
        received=received,
        source=source,
        error="HTTP 500" if status is Status.FAILED else None,
        retry_at=minute(500) if status is Status.FAILED else None,
        transient=status is Status.FAILED,
    )


COMPLETE, PARTIAL, MISSING = of(Status.COMPLETE, 390), of(Status.PARTIAL, 200), of(Status.MISSING, 0)
FAILED, CLOSED = of(Status.FAILED, 0), closed_day(DAY.trade_date, M1)
RUNNING = of(Status.COMPLETE, 100, final=False)


@pytest.mark.parametrize(
    ("coverage", "ok", "settled"),
    [
        (COMPLETE, True, True),
        (CLOSED, True, True),
        (RUNNING, True, False),
        (PARTIAL, False, False),
        (MISSING, False, False),
        (FAILED, False, False),
    ],
)
def test_what_is_settled(coverage: Coverage, *, ok: bool, settled: bool) -> None:
    assert (coverage.ok, coverage.is_settled) == (ok, settled)


@pytest.mark.parametrize(
    ("answer", "stored", "replaces"),
    [
        pytest.param(FAILED, None, True, id="nothing is stored"),
        pytest.param(FAILED, MISSING, True, id="no bar is stored"),
        pytest.param(FAILED, PARTIAL, False, id="a failure replaces no bars"),
        pytest.param(MISSING, PARTIAL, False, id="nor does an answer without a bar, of the same vendor"),
        pytest.param(CLOSED, COMPLETE, True, id="the calendar knows better"),
        pytest.param(of(Status.PARTIAL, 100), PARTIAL, True, id="the vendor revises its own"),
        pytest.param(of(Status.PARTIAL, 100), COMPLETE, True, id="also what was complete"),
        pytest.param(of(Status.PARTIAL, 201, "yahoo"), PARTIAL, True, id="another vendor has more"),
        pytest.param(of(Status.PARTIAL, 200, "yahoo"), PARTIAL, False, id="or only as many"),
        pytest.param(of(Status.PARTIAL, 199, "yahoo"), PARTIAL, False, id="or fewer"),
        pytest.param(of(Status.COMPLETE, 390, "yahoo"), PARTIAL, True, id="another vendor has all"),
        pytest.param(of(Status.COMPLETE, 190, "yahoo"), PARTIAL, True, id="all that its tolerance requires"),
        pytest.param(of(Status.PARTIAL, 395, "yahoo"), COMPLETE, False, id="more than complete and final"),
        pytest.param(of(Status.PARTIAL, 120, "yahoo"), RUNNING, True, id="more than complete so far"),
    ],
)
def test_what_replaces_what_is_stored(answer: Coverage, stored: Coverage | None, *, replaces: bool) -> None:
    assert supersedes(answer, stored) is replaces


def test_a_complete_session_stays_as_it_is_beside_a_failure() -> None:
    stored = replace(COMPLETE, retry_at=minute(400), transient=False)
    assert kept_beside(stored, FAILED) == replace(COMPLETE, error="HTTP 500", transient=True)
    assert kept_beside(stored, FAILED).retry_at is None, "nothing is to come, so nothing is asked again"


def test_an_incomplete_session_is_asked_for_again_when_the_failure_says_so() -> None:
    assert kept_beside(PARTIAL, FAILED) == replace(PARTIAL, error="HTTP 500", retry_at=minute(500), transient=True)
    assert kept_beside(replace(PARTIAL, transient=True), MISSING) == replace(
        PARTIAL, error="files has less: 0 of 390 bars"
    )


def test_a_session_that_closed_since_is_no_longer_complete() -> None:
    kept = kept_beside(RUNNING, FAILED)
    assert (kept.status, kept.final, kept.expected, kept.received) == (Status.PARTIAL, True, 390, 100)
    still = kept_beside(RUNNING, replace(FAILED, final=False, expected=110))
    assert (still.status, still.final, still.expected) == (Status.COMPLETE, False, 110)
    known = kept_beside(replace(PARTIAL, expected=390), replace(FAILED, final=False, expected=0))
    assert (known.status, known.final, known.expected) == (Status.PARTIAL, True, 390)


def test_bars_from_before_a_failure_make_the_session_partial() -> None:
    assert kept_beside(replace(FAILED, received=200), FAILED).status is Status.PARTIAL


def test_the_reason_names_an_attempt_that_brought_nothing_better() -> None:
    kept = kept_beside(PARTIAL, of(Status.PARTIAL, 100, "yahoo"))
    assert kept.reason() == (
        "200 of 390 bars; the last attempt brought nothing better: yahoo has less: 100 of 390 bars"
    )
    assert replace(PARTIAL, longest_gap=2).reason() == "200 of 390 bars, longest gap 2 minutes"
    assert replace(PARTIAL, longest_gap=2000).reason() == "200 of 390 bars, longest gap 2,000 minutes"
    assert replace(PARTIAL, received=1_000, expected=1_380).reason() == "1,000 of 1,380 bars"


def answers(shared_data: Path, symbol: str) -> dict[date, tuple[int, int]]:
    with (shared_data / "market" / "answers_sessions.csv").open() as file:
        return {
            date.fromisoformat(row["trade_date"]): (int(row["bars"]), int(row["bars_expected"]))
            for row in csv.DictReader(file)
            if row["symbol"] == symbol
        }


def real(shared_data: Path, name: str, calendar: str, tolerance: int | None) -> dict[date, Coverage]:
    raw = pd.read_csv(shared_data / "market" / f"{name}_1m.csv")
    rows = as_candles(raw.assign(ts=pd.to_datetime(raw["ts"], utc=True)))
    dates = rows["ts"].dt.date
    sessions = get_calendar(calendar).sessions(dates.min(), dates.max() + timedelta(days=1))
    candles = screen(rows, timeframe=M1, sessions=sessions, now=LATER).candles
    coverages = cover_many(
        candles["ts"], timeframe=M1, sessions=sessions, now=LATER, gap_tolerance=tolerance, raw=rows["ts"]
    )
    assert sum(coverage.outside for coverage in coverages) == len(rows) - len(candles)
    return {coverage.trade_date: coverage for coverage in coverages if coverage.received}


@pytest.mark.parametrize(("name", "calendar"), [("DAX", "XETR"), ("SPX", "XNYS")])
def test_real_index_sessions_are_complete(shared_data: Path, name: str, calendar: str) -> None:
    by_day = real(shared_data, name, calendar, None)
    assert {day: (coverage.received, coverage.expected) for day, coverage in by_day.items()} == answers(
        shared_data, name
    )
    assert {coverage.status for coverage in by_day.values()} == {Status.COMPLETE}
    assert {coverage.longest_gap for coverage in by_day.values()} == {0}


# Days on which the files begin or end: the first bars of 2014-05-01 and 2018-04-03 are three hours into their
# sessions (00:00 UTC); the last days end at 24:00 UTC, three hours into the sessions of the next trade date.
INCOMPLETE = {
    "EUR/USD": {date(2014, 5, 1): 180, date(2014, 5, 16): 1260, date(2018, 4, 3): 180, date(2018, 4, 5): 1260},
    "XAU/USD": {date(2014, 5, 1): 180, date(2014, 5, 16): 1260},
}


@pytest.mark.parametrize(("symbol", "tolerance", "longest"), [("EUR/USD", 15, 5), ("XAU/USD", 75, 60)])
def test_real_fx_sessions_are_complete_but_for_the_ends_of_the_files(
    shared_data: Path, symbol: str, tolerance: int, longest: int
) -> None:
    by_day = real(shared_data, symbol.replace("/", "-"), "FX", tolerance)
    for day, (bars, expected) in answers(shared_data, symbol).items():
        assert (by_day[day].received, by_day[day].expected) == (bars, expected)
    incomplete = {day: coverage.longest_gap for day, coverage in by_day.items() if coverage.status is Status.PARTIAL}
    assert incomplete == INCOMPLETE[symbol]
    whole = [coverage for coverage in by_day.values() if coverage.trade_date not in incomplete]
    assert {coverage.status for coverage in whole} == {Status.COMPLETE}
    assert max(coverage.longest_gap for coverage in whole) == longest


def test_the_real_metal_misses_an_hour_a_week_and_is_complete(shared_data: Path) -> None:
    raw = pd.read_csv(shared_data / "market" / "XAU-USD_1m.csv")
    rows = as_candles(raw.assign(ts=pd.to_datetime(raw["ts"], utc=True)))
    sessions = get_calendar("FX").sessions(date(2014, 5, 5), date(2014, 5, 9))
    hours = resample(rows, timeframe=H1, sessions=sessions, now=LATER)
    coverages = cover_many(hours["ts"], timeframe=H1, sessions=sessions, now=LATER, gap_tolerance=75)
    # Monday's session opens at 17:00 in New York, and gold an hour later.
    assert [(coverage.received, coverage.longest_gap) for coverage in coverages] == [(23, 60), *[(24, 0)] * 4]
    assert all(coverage.ok for coverage in coverages)


def test_what_was_rejected_and_what_lay_outside_is_counted_with_its_session() -> None:
    sessions = get_calendar("XNYS").sessions(date(2026, 11, 18), date(2026, 11, 19))
    later = sessions[1].opens_at
    rejected = series(None, minute(3), minute(3), later, minute(395))
    raw = series(
        None,
        minute(-1),
        minute(0),
        minute(391),
        minute(395),
        later,
        later - timedelta(hours=1),
        later + timedelta(days=3),
    )
    first, second = cover_many(
        series(minute(0), later),
        timeframe=M1,
        sessions=sessions,
        now=LATER,
        gap_tolerance=None,
        rejected=rejected,
        raw=raw,
        source="files",
    )
    assert (first.received, first.rejected, first.outside, first.source) == (1, 2, 3, "files")
    assert (second.received, second.rejected, second.outside) == (1, 1, 2)


def test_a_session_of_which_nothing_was_rejected_has_none() -> None:
    sessions = get_calendar("XNYS").sessions(date(2026, 11, 18), date(2026, 11, 19))
    first, second = cover_many(
        series(),
        timeframe=M1,
        sessions=sessions,
        now=LATER,
        gap_tolerance=None,
        rejected=series(minute(3)),
        raw=series(minute(-1)),
    )
    assert (first.rejected, first.outside) == (1, 1)
    assert (second.rejected, second.outside) == (0, 0)


def test_rejected_days_are_counted_by_date() -> None:
    sessions = get_calendar("XETR").sessions(date(2026, 11, 18), date(2026, 11, 19))
    midnights = series(*(datetime(2026, 11, day, tzinfo=UTC) for day in (18, 19, 19, 21)))
    first, second = cover_many(
        series(),
        timeframe=D1,
        sessions=sessions,
        now=LATER,
        gap_tolerance=None,
        rejected=midnights,
        raw=midnights,
    )
    assert (first.rejected, first.outside) == (1, 0)
    assert (second.rejected, second.outside) == (2, 1)


def test_no_sessions_have_no_coverage() -> None:
    times = series(minute(0))
    assert not cover_many(times, timeframe=M1, sessions=[], now=LATER, gap_tolerance=None, rejected=times, raw=times)


SESSIONS = [
    Session(date(2026, 11, 18), OPEN, minute(23)),
    Session(date(2026, 11, 19), minute(23), minute(60), break_starts_at=minute(34), break_ends_at=minute(41)),
    Session(date(2026, 11, 20), minute(70), minute(71)),
]


def plain(there: set[int], session: Session, length: int, now: int) -> tuple[int, int, int]:
    """Judge one session minute by minute; a bar that the close cuts short counts its minutes up to there."""
    opens, closes = (int((moment - OPEN).total_seconds()) // 60 for moment in (session.opens_at, session.closes_at))
    pause: set[int] = set()
    if session.break_starts_at and session.break_ends_at:
        pause = set(range(34, 41))
    bars = {n: set(range(n, min(n + length, closes))) for n in range(opens, closes, length)}
    bars = {n: minutes for n, minutes in bars.items() if not set(range(n, n + length)) <= pause}
    expected = {n: minutes for n, minutes in bars.items() if max(minutes) + 1 <= now}
    received = {n: minutes for n, minutes in expected.items() if n in there}
    end = max((max(minutes) + 1 for minutes in expected.values()), default=opens)
    covered = set().union(*received.values())
    longest = run = 0
    for n in range(opens, end):
        if n in pause and n not in covered:
            continue
        run = 0 if n in covered else run + 1
        longest = max(longest, run)
    return len(received), len(expected), longest


@settings(max_examples=150)
@given(
    there=st.sets(st.integers(0, 71)),
    timeframe=st.sampled_from([M1, M5, M15]),
    now=st.integers(-2, 80),
    tolerance=st.one_of(st.none(), st.integers(0, 40)),
)
def test_it_counts_as_plain_python_does(there: set[int], timeframe: Timeframe, now: int, tolerance: int | None) -> None:
    length = timeframe.minutes or 0
    moment = minute(now)
    stored = [
        open_
        for session in SESSIONS
        for open_ in session.bar_opens(timeframe)
        if (open_ - at(0)[0]) // np.timedelta64(1, "m") in there
        and min(open_ + np.timedelta64(length, "m"), np.datetime64(session.closes_at.replace(tzinfo=None)))
        <= np.datetime64(moment.replace(tzinfo=None))
    ]
    ts = pd.Series(np.array(stored, dtype="datetime64[us]")).dt.tz_localize("UTC")
    coverages = cover_many(ts, timeframe=timeframe, sessions=SESSIONS, now=moment, gap_tolerance=tolerance)
    for session, coverage in zip(SESSIONS, coverages, strict=True):
        received, expected, longest = plain(there, session, length, now)
        assert (coverage.received, coverage.expected, coverage.longest_gap) == (received, expected, longest)
        complete = received == expected if tolerance is None else longest <= tolerance
        wanted = Status.MISSING if not received else Status.COMPLETE if complete else Status.PARTIAL
        assert coverage.status is wanted
        assert coverage.final == (moment >= session.closes_at)


EARLY = replace(DAY, may_open_at=minute(60), may_close_at=minute(300))
"""A day on which the market may open an hour later, and close an hour and a half earlier."""


@pytest.mark.parametrize(
    ("there", "tolerance", "expected"),
    [
        pytest.param((60, 300), None, (Status.COMPLETE, 240, 240, 0), id="only the certain hours"),
        pytest.param((0, 390), None, (Status.COMPLETE, 390, 390, 0), id="all of it"),
        pytest.param((30, 310), None, (Status.COMPLETE, 280, 280, 0), id="a part of the others"),
        pytest.param((61, 300), None, (Status.PARTIAL, 239, 240, 1), id="the first certain minute is missing"),
        pytest.param((60, 299), None, (Status.PARTIAL, 239, 240, 1), id="the last certain minute is missing"),
        pytest.param((75, 290), 15, (Status.COMPLETE, 215, 240, 15), id="within the tolerance"),
        pytest.param((76, 300), 15, (Status.PARTIAL, 224, 240, 16), id="late beyond the tolerance"),
        pytest.param((0, 284), 15, (Status.PARTIAL, 284, 300, 16), id="closed too early"),
        pytest.param((0, 0), 15, (Status.MISSING, 0, 240, 240), id="no bar at all"),
    ],
)
def test_uncertain_hours_are_not_required(
    there: tuple[int, int], tolerance: int | None, expected: tuple[Status, int, int, int]
) -> None:
    assert verdict(judge(at(*range(*there)), session=EARLY, tolerance=tolerance)) == expected


def test_a_gap_in_uncertain_hours_is_none() -> None:
    halted = at(*range(60, 310), *range(380, 390))
    assert verdict(judge(halted, session=EARLY, tolerance=15)) == (Status.COMPLETE, 260, 260, 0)


def test_bars_that_the_certain_hours_cut_are_required() -> None:
    [*hours] = EARLY.bar_opens(H1)
    assert verdict(judge(np.array(hours[1:5]), H1, session=EARLY)) == (Status.COMPLETE, 4, 4, 0)
    assert verdict(judge(np.array(hours[2:5]), H1, session=EARLY)) == (Status.PARTIAL, 3, 4, 60)


def test_a_day_that_may_be_closed_was_closed_when_no_bar_came() -> None:
    holiday = replace(DAY, may_be_closed=True)
    assert judge(at(), session=holiday).status is Status.CLOSED
    assert judge(at(), session=holiday).final
    assert judge(at(), D1, session=holiday).status is Status.CLOSED
    assert judge(at(), session=holiday, now=minute(389)).status is Status.MISSING
    assert verdict(judge(at(*range(100)), session=holiday)) == (Status.PARTIAL, 100, 390, 290)


def test_a_pruned_session_is_replaced_by_nothing_less_than_it_was() -> None:
    pruned = replace(COMPLETE, pruned_at=LATER)
    assert pruned.is_settled
    assert not supersedes(PARTIAL, pruned)
    assert not supersedes(replace(PARTIAL, source=pruned.source), pruned)
    assert not supersedes(FAILED, pruned)
    assert supersedes(COMPLETE, pruned)
    assert supersedes(replace(COMPLETE, source="another"), pruned)
    incomplete = replace(PARTIAL, pruned_at=LATER)
    assert incomplete.is_settled, "nothing is fetched again by itself"
    assert supersedes(PARTIAL, incomplete)
    assert not supersedes(MISSING, incomplete)
    assert kept_beside(pruned, FAILED).is_pruned
    assert "pruned on 2027-01-01, it was complete with 390 bars" in pruned.reason()
