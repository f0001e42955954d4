"""What follows from the judgement while sessions are brought in: quarantine, the next vendor, the second look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import numpy as np
import pandas as pd
import pytest

from tradematrix_pipelines.candles.coverage import Coverage, Status, Verdict
from tradematrix_pipelines.candles.frame import as_candles, empty_candles
from tradematrix_pipelines.candles.screen import Reason
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.judging import Past, Record
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Kind, Severity
from tradematrix_pipelines.vendors.errors import VendorFault
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest

DAX, _, _, EUR, _ = (replace(symbol, id=number) for number, symbol in enumerate(DEFAULT_SYMBOLS, 1))
M1, H1, D1 = Timeframe.M1, Timeframe.H1, Timeframe.D1
NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)
LAST = date(2026, 11, 20)
DAYS = [date(2026, 11, 16) + timedelta(days=n) for n in range(5)]


def minutes(symbol: Symbol, first: date, last: date) -> pd.DataFrame:
    """Seeded minutes of whole sessions, around 1,000."""
    frames = []
    for session in get_calendar(symbol.calendar).sessions(first, last):
        rng = np.random.default_rng(session.trade_date.toordinal())
        ts = pd.date_range(session.opens_at, session.closes_at, freq="1min", inclusive="left")
        steps = rng.normal(0, 0.4, len(ts))
        close = 11_000 + np.cumsum(steps - steps.mean())
        open_ = np.concatenate([[11_000], close[:-1]])
        high, low = np.maximum(open_, close) + rng.uniform(0, 0.3, len(ts)), np.minimum(open_, close) - 0.2
        prices = pd.DataFrame({"open": open_, "high": high, "low": low, "close": close}).round(2)
        frames.append(prices.assign(ts=ts))
    return as_candles(pd.concat(frames, ignore_index=True))


@dataclass
class Books:
    """A vendor that has these bars, and counts its calls. A vendor of the tests: no adapter of the project."""

    name: str
    bars: Mapping[Timeframe, pd.DataFrame]
    calls: int = 0
    max_bars: int = 10_000
    max_bars_at_once: int = 10_000
    error: VendorFault | None = None

    def fetch(self, request: CandleRequest) -> CandleAnswer:
        self.calls += 1
        if self.error is not None:
            raise self.error
        rows = self.bars[request.timeframe]
        inside = (rows["ts"] >= request.start) & (rows["ts"] < request.end)
        return CandleAnswer(candles=rows[inside].reset_index(drop=True), source=self.name, credits=1)

    def unavailable_reason(self, symbol: Symbol, timeframe: Timeframe, trade_date: date) -> str | None:
        return None if timeframe in self.bars else f"has no {timeframe} bars"

    def close(self) -> None:
        """Nothing to close."""


def scaled(bars: pd.DataFrame, day: date, factor: float, *, columns: Sequence[str] = ()) -> pd.DataFrame:
    changed = bars.copy()
    rows = changed["ts"].dt.date == day
    for name in columns or ("open", "high", "low", "close"):
        changed.loc[rows, name] *= factor
    return changed


def spiked(bars: pd.DataFrame, day: date, factor: float = 1.03) -> pd.DataFrame:
    changed = bars.copy()
    changed.loc[changed["ts"] == pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=12), "high"] *= factor
    return changed


def bring_in(
    vendors: Sequence[Books],
    symbol: Symbol = DAX,
    timeframes: Sequence[Timeframe] = (M1,),
    *,
    days: Sequence[date] = DAYS,
    doubtful: Mapping[Timeframe, set[date]] | None = None,
    record: Record | None = None,
    stored: Mapping[Timeframe, Mapping[date, Coverage]] | None = None,
    read: pd.DataFrame | None = None,
) -> list[SeriesBatch]:
    wanted = Wanted(
        symbol=symbol,
        dates=dict.fromkeys(timeframes, frozenset(days)),
        stored=stored or {},
        read=lambda *_: empty_candles() if read is None else read,
        doubtful=doubtful or {},
        record=record or Record(),
    )
    groups = ingest(vendors, wanted, calendar=get_calendar(symbol.calendar), now=NOW)
    return [batch for batches in groups for batch in batches]


def coverage_of(batches: Sequence[SeriesBatch], timeframe: Timeframe = M1) -> dict[date, Coverage]:
    own = [batch for batch in batches if batch.timeframe is timeframe]
    return {coverage.trade_date: coverage for batch in own for coverage in batch.coverage}


@pytest.fixture(scope="module")
def sound() -> pd.DataFrame:
    return minutes(DAX, DAYS[0], LAST)


def test_sound_sessions_are_accepted_each_with_its_summary(sound: pd.DataFrame) -> None:
    batches = bring_in([Books("first", {M1: sound})])
    assert {row.verdict for row in coverage_of(batches).values()} == {Verdict.ACCEPTED}
    assert {row.doubt for row in coverage_of(batches).values()} == {None}
    assert {day for batch in batches for day in batch.judgements} == set(DAYS)


def test_a_refused_session_is_quarantined_whole_and_the_next_vendor_serves_it(sound: pd.DataFrame) -> None:
    first, second = Books("first", {M1: scaled(sound, LAST, 10)}), Books("second", {M1: sound})
    batches = bring_in([first, second])
    [quarantined] = [batch for batch in batches if len(batch.rejected)]
    assert (quarantined.source, len(quarantined.rejected), len(quarantined.candles)) == ("first", 510, 0)
    assert set(quarantined.rejected["reason"]) == {str(Reason.REFUSED)}
    assert quarantined.judgements[LAST].verdict is Verdict.REFUSED
    by_day = coverage_of(batches)
    assert {day: row.source for day, row in by_day.items()} == dict.fromkeys(DAYS[:-1], "first") | {LAST: "second"}
    assert {row.verdict for row in by_day.values()} == {Verdict.ACCEPTED}
    assert (first.calls, second.calls) == (1, 1), "the first is not asked for it again"


def test_without_another_vendor_a_refused_session_fails_and_says_why(sound: pd.DataFrame) -> None:
    batches = bring_in([Books("first", {M1: scaled(sound, LAST, 10)})])
    row = coverage_of(batches)[LAST]
    assert (row.status, row.verdict, row.received) == (Status.FAILED, Verdict.REFUSED, 0)
    assert (row.error or "").startswith("first's bars of 2026-11-20 can't be true: scale: all prices are a factor of")
    assert not any(LAST in set(batch.candles["ts"].dt.date) for batch in batches)


def test_where_every_vendor_is_refused_both_are_named(sound: pd.DataFrame) -> None:
    wrong = {M1: scaled(sound, LAST, 10)}
    row = coverage_of(bring_in([Books("first", wrong), Books("second", wrong)]))[LAST]
    assert (row.status, row.verdict) == (Status.FAILED, Verdict.REFUSED)
    assert "first: first's bars" in (row.error or "")
    assert "second: second's bars" in (row.error or "")


def test_coarser_bars_of_a_doubtful_session_are_doubtful_too(sound: pd.DataFrame) -> None:
    batches = bring_in([Books("first", {M1: spiked(sound, LAST)})], timeframes=(M1, H1))
    for timeframe in (M1, H1):
        by_day = coverage_of(batches, timeframe)
        assert {day for day, row in by_day.items() if row.verdict is Verdict.DOUBTFUL} == {LAST}
        assert (by_day[LAST].doubt or "").startswith("wick: ")
        assert by_day[LAST].reason().startswith("doubtful: wick: ")


def test_a_session_of_one_vendor_alone_stays_doubtful_when_looked_at_twice(sound: pd.DataFrame) -> None:
    vendor = Books("first", {M1: spiked(sound, LAST)})
    batches = bring_in([vendor], days=[LAST], doubtful={M1: {LAST}})
    assert coverage_of(batches)[LAST].verdict is Verdict.DOUBTFUL
    assert vendor.calls == 1


def test_what_two_vendors_agree_on_is_accepted_with_its_findings(sound: pd.DataFrame) -> None:
    both = {M1: spiked(sound, LAST)}
    first, second = Books("first", both), Books("second", both)
    batches = bring_in([first, second], days=[LAST], doubtful={M1: {LAST}}, timeframes=(M1, H1))
    assert [coverage_of(batches, timeframe)[LAST].verdict for timeframe in (M1, H1)] == [Verdict.ACCEPTED] * 2
    assert coverage_of(batches)[LAST].source == "first"
    [judgement] = [batch.judgements[LAST] for batch in batches if batch.judgements]
    kinds = {finding.kind: finding.severity for finding in judgement.findings}
    assert kinds[Kind.WICK] is Severity.DOUBT
    assert kinds[Kind.SECOND_LOOK] is Severity.NOTE
    assert (first.calls, second.calls) == (1, 1)


def test_what_another_vendor_contradicts_stays_doubtful(sound: pd.DataFrame) -> None:
    first, second = Books("first", {M1: spiked(sound, LAST)}), Books("second", {M1: sound})
    batches = bring_in([first, second], days=[LAST], doubtful={M1: {LAST}})
    assert coverage_of(batches)[LAST].verdict is Verdict.DOUBTFUL
    [judgement] = [batch.judgements[LAST] for batch in batches if batch.judgements]
    assert "second contradicts" in judgement.findings[-1].message


def test_a_vendor_that_fails_settles_nothing(sound: pd.DataFrame) -> None:
    second = Books("second", {M1: sound}, error=VendorFault("down"))
    batches = bring_in([Books("first", {M1: spiked(sound, LAST)}), second], days=[LAST], doubtful={M1: {LAST}})
    assert coverage_of(batches)[LAST].verdict is Verdict.DOUBTFUL


def test_a_first_look_asks_nobody_else(sound: pd.DataFrame) -> None:
    second = Books("second", {M1: sound})
    batches = bring_in([Books("first", {M1: spiked(sound, LAST)}), second])
    assert coverage_of(batches)[LAST].verdict is Verdict.DOUBTFUL
    assert second.calls == 0


def days_of(bars: pd.DataFrame) -> pd.DataFrame:
    grouped = bars.groupby(bars["ts"].dt.date)
    days = grouped.agg(open=("open", "first"), high=("high", "max"), low=("low", "min"), close=("close", "last"))
    return as_candles(days.reset_index().assign(ts=lambda frame: pd.to_datetime(frame["ts"], utc=True)))


def test_an_official_day_that_its_minutes_contradict_is_doubtful(sound: pd.DataFrame) -> None:
    official = scaled(days_of(sound), LAST, 1.015, columns=["high"])
    batches = bring_in([Books("first", {M1: sound, D1: official})], timeframes=(M1, D1))
    assert {row.verdict for row in coverage_of(batches).values()} == {Verdict.ACCEPTED}
    by_day = coverage_of(batches, D1)
    assert {day for day, row in by_day.items() if row.verdict is Verdict.DOUBTFUL} == {LAST}
    assert (by_day[LAST].doubt or "").startswith("official_day: high by the official day")


def test_an_official_day_that_is_stored_is_judged_again_by_minutes_that_come_later(sound: pd.DataFrame) -> None:
    official = scaled(days_of(sound), LAST, 1.015, columns=["high"])
    [alone] = [b for b in bring_in([Books("first", {D1: official})], timeframes=(D1,), days=[LAST]) if len(b.candles)]
    assert alone.coverage[0].verdict is Verdict.ACCEPTED, "nothing contradicts it"
    vendor = Books("first", {M1: sound, D1: official})
    batches = bring_in([vendor], days=[LAST], stored={D1: {LAST: alone.coverage[0]}}, read=alone.candles)
    assert coverage_of(batches)[LAST].verdict is Verdict.ACCEPTED
    assert coverage_of(batches, D1)[LAST].verdict is Verdict.DOUBTFUL
    assert vendor.calls == 1


def remembered(past: Past, first: date, last: date) -> Past:
    return {key: value for key, value in past.items() if first <= key[1] <= last}


def test_sessions_are_judged_by_those_stored_before(sound: pd.DataFrame) -> None:
    before = minutes(DAX, date(2026, 10, 26), date(2026, 11, 13))
    sessions = get_calendar("XETR").sessions(date(2026, 10, 26), date(2026, 11, 13))
    first = bring_in([Books("first", {M1: before})], days=[session.trade_date for session in sessions])
    past = {
        (M1, day): (judgement.summary, judgement.verdict)
        for batch in first
        for day, judgement in batch.judgements.items()
    }
    wrong = Books("first", {M1: scaled(sound, DAYS[0], 10)})
    cold = bring_in([wrong], days=DAYS[:1])
    assert coverage_of(cold)[DAYS[0]].verdict is Verdict.ACCEPTED, "nothing is known of the scale"
    assert all(judgement.cold for batch in cold for judgement in batch.judgements.values())
    warm = bring_in([wrong], days=DAYS[:1], record=Record(read=partial(remembered, past)))
    assert coverage_of(warm)[DAYS[0]].verdict is Verdict.REFUSED
    assert not any(judgement.cold for batch in warm for judgement in batch.judgements.values())


def test_what_a_person_has_accepted_is_accepted_while_its_prices_stay(sound: pd.DataFrame) -> None:
    vendor = Books("first", {M1: spiked(sound, LAST)})
    [judgement] = [b.judgements[LAST] for b in bring_in([vendor], days=[LAST]) if b.judgements]
    own = judgement.summary
    prices = own.open, own.high, own.low, own.close
    again = bring_in([vendor], days=[LAST], record=Record(accepted={(M1, LAST): prices}))
    assert coverage_of(again)[LAST].verdict is Verdict.ACCEPTED
    vendor.bars = {M1: spiked(sound, LAST, 1.04)}
    other = bring_in([vendor], days=[LAST], record=Record(accepted={(M1, LAST): prices}))
    assert coverage_of(other)[LAST].verdict is Verdict.DOUBTFUL


def test_a_series_whose_stamps_are_all_off_is_refused_and_the_shift_named() -> None:
    late = minutes(EUR, date(2026, 11, 2), LAST)
    late["ts"] += pd.Timedelta(hours=2)
    days = [session.trade_date for session in get_calendar("FX").sessions(date(2026, 11, 2), LAST)]
    pair = replace(EUR, price_range=None)
    by_day = coverage_of(bring_in([Books("first", {M1: late}, max_bars=1_000_000)], pair, days=days))
    assert {row.status for row in by_day.values()} == {Status.FAILED, Status.PARTIAL}
    fits = "the bars fit 2 hours earlier: 2 of 2 pauses of the market"
    assert all(fits in row.reason() for row in by_day.values())


def test_incomplete_sessions_say_that_all_stamps_are_off(sound: pd.DataFrame) -> None:
    late = sound.assign(ts=sound["ts"] + pd.Timedelta(hours=1))
    by_day = coverage_of(bring_in([Books("first", {M1: late})]))
    assert {row.status for row in by_day.values()} == {Status.PARTIAL}
    assert {row.doubt for row in by_day.values()} == {"the bars fit one hour earlier: 4 of 4 pauses of the market"}
    assert by_day[LAST].reason() == (
        "450 of 510 bars, longest gap 60 minutes; the bars fit one hour earlier: 4 of 4 pauses of the market"
    )
