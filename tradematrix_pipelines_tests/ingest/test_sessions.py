"""From a vendor's answers to whole sessions: over real HTTP from the simulator, and from files."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from tradematrix_pipelines.candles.coverage import Coverage, Status, Verdict
from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.vendors.credits import NoLedger
from tradematrix_pipelines.vendors.files.client import FilesVendor
from tradematrix_pipelines.vendors.protocol import Vendor
from tradematrix_pipelines.vendors.twelve_data import TwelveData
from tradematrix_pipelines_tests.quality.hand_made import walk

DAX, NDX, DJI, EUR, XAG = (replace(symbol, id=number) for number, symbol in enumerate(DEFAULT_SYMBOLS, 1))
M1, D1 = Timeframe.M1, Timeframe.D1


@dataclass
class Ingested:
    """Everything that an ingestion yielded, by timeframe."""

    candles: dict[Timeframe, pd.DataFrame]
    coverage: dict[tuple[Timeframe, date], Coverage]


def bring_in(
    vendor: Vendor,
    symbol: Symbol,
    days: Iterable[date],
    now: datetime,
    *,
    timeframes: Iterable[Timeframe] = Timeframe,
    stored: pd.DataFrame | None = None,
    stored_timeframe: Timeframe = Timeframe.M1,
) -> Ingested:
    days = frozenset(days)
    before = {day: covered_before(day, stored_timeframe) for day in days}
    wanted = Wanted(
        symbol=symbol,
        dates=dict.fromkeys(timeframes, days),
        stored={} if stored is None else {stored_timeframe: before},
        read=lambda timeframe, start, end: (
            empty_candles()
            if stored is None or timeframe is not stored_timeframe
            else stored[stored["ts"].between(start, end)]
        ),
    )
    calendar = get_calendar(symbol.calendar)
    batches = [b for group in ingest([vendor], wanted, calendar=calendar, now=now) for b in group]
    return Ingested(
        candles={t: _joined(b for b in batches if b.timeframe is t) for t in Timeframe},
        coverage={(c.timeframe, c.trade_date): c for b in batches for c in b.coverage},
    )


def covered_before(day: date, timeframe: Timeframe) -> Coverage:
    return Coverage(
        timeframe=timeframe,
        trade_date=day,
        status=Status.COMPLETE,
        final=True,
        expected=1,
        received=1,
        source="twelve_data",
        verdict=Verdict.ACCEPTED,
    )


def _joined(batches: Iterable[SeriesBatch]) -> pd.DataFrame:
    frames = [batch.candles for batch in batches if len(batch.candles)]
    return pd.concat(frames, ignore_index=True) if frames else empty_candles()


def simulated(simulator: Simulator, now: datetime) -> TwelveData:
    return TwelveData(base_url=simulator.url, key="any", ledger=NoLedger(), clock=FrozenClock(now))


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_minute_is_stored_once_it_has_closed_and_not_before() -> None:
    for now, newest, hours in (
        ("2026-11-20T09:31:59", "2026-11-20 09:30", 1),
        ("2026-11-20T09:32:00", "2026-11-20 09:31", 1),
        ("2026-11-20T10:00:00", "2026-11-20 09:59", 2),
    ):
        with Simulator(clock=FrozenClock(instant(now))) as simulator:
            vendor = simulated(simulator, instant(now))
            result = bring_in(vendor, DAX, [date(2026, 11, 20)], instant(now), timeframes=INTRADAY)
            vendor.close()
        assert f"{result.candles[M1]['ts'].iloc[-1]:%Y-%m-%d %H:%M}" == newest
        assert len(result.candles[Timeframe.H1]) == hours
        assert result.coverage[M1, date(2026, 11, 20)].status is Status.COMPLETE
        assert not result.coverage[M1, date(2026, 11, 20)].final


def test_the_daily_bar_waits_for_the_close() -> None:
    for now, days in (("2026-11-20T16:29:59", 0), ("2026-11-20T16:30:00", 1)):
        with Simulator(clock=FrozenClock(instant(now))) as simulator:
            vendor = simulated(simulator, instant(now))
            result = bring_in(vendor, DAX, [date(2026, 11, 20)], instant(now), timeframes=[D1])
            vendor.close()
        assert len(result.candles[D1]) == days


# Opens in UTC, from the exchanges' hours: Xetra 09:00 Berlin, New York 09:30; the EU changed its clocks on 2026-03-29
# and 2026-10-25, the US on 2026-03-08 and 2026-11-01. FX opens at 17:00 New York on the evening before.
@pytest.mark.parametrize(
    ("symbol", "day", "opens", "minutes"),
    [
        (DAX, date(2026, 3, 27), "2026-03-27 08:00", 510),
        (DAX, date(2026, 3, 30), "2026-03-30 07:00", 510),
        (DAX, date(2026, 10, 23), "2026-10-23 07:00", 510),
        (DAX, date(2026, 10, 26), "2026-10-26 08:00", 510),
        (NDX, date(2026, 3, 6), "2026-03-06 14:30", 390),
        (NDX, date(2026, 3, 9), "2026-03-09 13:30", 390),
        (NDX, date(2026, 10, 30), "2026-10-30 13:30", 390),
        (NDX, date(2026, 11, 2), "2026-11-02 14:30", 390),
        (DJI, date(2025, 11, 28), "2025-11-28 14:30", 210),
        (EUR, date(2026, 3, 9), "2026-03-08 21:00", 1440),
        (EUR, date(2026, 11, 2), "2026-11-01 22:00", 1440),
    ],
)
def test_sessions_over_clock_changes_half_days_and_sunday_evenings(
    symbol: Symbol, day: date, opens: str, minutes: int
) -> None:
    now = instant("2026-11-20T23:00:00")
    with Simulator(clock=FrozenClock(now)) as simulator:
        vendor = simulated(simulator, now)
        result = bring_in(vendor, symbol, [day], now)
        vendor.close()
    candles = result.candles[M1]
    assert (f"{candles['ts'].iloc[0]:%Y-%m-%d %H:%M}", len(candles)) == (opens, minutes)
    for timeframe in Timeframe:
        assert result.coverage[timeframe, day].status is Status.COMPLETE
        assert result.coverage[timeframe, day].final
        assert result.candles[timeframe]["ts"].iloc[0] == candles["ts"].iloc[0]
    assert len(result.candles[Timeframe.H1]) == -(-minutes // 60)


def test_a_holiday_is_closed_and_costs_no_call() -> None:
    now = instant("2026-11-20T23:00:00")
    with Simulator(clock=FrozenClock(now)) as simulator:
        vendor = simulated(simulator, now)
        result = bring_in(vendor, DAX, [date(2025, 12, 25), date(2025, 12, 26)], now)
        vendor.close()
        assert simulator.counts.calls == 0
    assert {coverage.status for coverage in result.coverage.values()} == {Status.CLOSED}
    assert len(result.coverage) == 2 * len(Timeframe)


def test_a_month_costs_hardly_more_calls_than_its_bars_need() -> None:
    now = instant("2026-11-20T23:00:00")
    calendar = get_calendar("FX")
    days = [session.trade_date for session in calendar.sessions(date(2026, 10, 1), date(2026, 11, 20))]
    with Simulator(clock=FrozenClock(now)) as simulator:
        vendor = simulated(simulator, now)
        result = bring_in(vendor, EUR, days, now)
        vendor.close()
        bars = len(result.candles[M1])
        assert bars == 1440 * len(days)
        assert simulator.counts.calls == -(-bars // 4_999)
    assert {coverage.status for coverage in result.coverage.values()} == {Status.COMPLETE}


def test_ghost_bars_of_the_weekend_are_dropped_counted_and_cost_no_candle() -> None:
    now = instant("2026-11-20T23:00:00")
    days = [date(2026, 11, 12), date(2026, 11, 13), date(2026, 11, 16), date(2026, 11, 17)]
    with Simulator(clock=FrozenClock(now), faults=["ghosts"]) as simulator:
        vendor = simulated(simulator, now)
        result = bring_in(vendor, EUR, days, now)
        vendor.close()
    candles = result.candles[M1]
    assert len(candles) == 4 * 1440
    assert not candles["ts"].between("2026-11-13T22:00Z", "2026-11-15T21:59Z").any()
    assert sum(result.coverage[M1, day].outside for day in days) > 1000
    assert {coverage.status for coverage in result.coverage.values()} == {Status.COMPLETE}


def test_stored_minutes_serve_the_coarser_timeframes_without_a_call() -> None:
    now, days = instant("2026-11-20T23:00:00"), [date(2026, 11, 19), date(2026, 11, 20)]
    with Simulator(clock=FrozenClock(now)) as simulator:
        vendor = simulated(simulator, now)
        whole = bring_in(vendor, EUR, days, now)
        before = simulator.counts.calls
        again = bring_in(vendor, EUR, days, now, timeframes=[Timeframe.M5, D1], stored=whole.candles[M1])
        vendor.close()
        assert simulator.counts.calls == before
    pd.testing.assert_frame_equal(again.candles[Timeframe.M5], whole.candles[Timeframe.M5])
    pd.testing.assert_frame_equal(again.candles[D1], whole.candles[D1])


def test_where_minutes_are_not_wanted_hours_are_asked_for_themselves() -> None:
    now = instant("2026-11-20T23:00:00")
    days = [s.trade_date for s in get_calendar("FX").sessions(date(2025, 11, 20), date(2026, 11, 20))]
    with Simulator(clock=FrozenClock(now)) as simulator:
        vendor = simulated(simulator, now)
        result = bring_in(vendor, EUR, days, now, timeframes=[Timeframe.H1, D1])
        vendor.close()
        assert simulator.counts.calls == 2, "a year of hours is 6,240 bars: two calls, and the days come from them"
    assert len(result.candles[D1]) == len(days)
    assert {coverage.status for coverage in result.coverage.values()} == {Status.COMPLETE}


def test_incomplete_minutes_of_an_exchange_leave_the_coarse_bars_to_the_vendor() -> None:
    now, day = instant("2026-11-20T23:00:00"), date(2026, 11, 20)
    with Simulator(clock=FrozenClock(now)) as simulator:
        vendor = simulated(simulator, now)
        whole = bring_in(vendor, DAX, [day], now)
        simulator.set_faults("missing=0.1")
        incomplete = bring_in(vendor, DAX, [day], now)
        vendor.close()
    assert incomplete.coverage[M1, day].status is Status.PARTIAL
    for timeframe in (Timeframe.M5, Timeframe.M15, Timeframe.H1, D1):
        assert incomplete.coverage[timeframe, day].status is Status.COMPLETE
        pd.testing.assert_frame_equal(incomplete.candles[timeframe], whole.candles[timeframe])


def test_a_bad_symbol_fails_its_sessions_after_one_call() -> None:
    now = instant("2026-11-20T23:00:00")
    unknown = replace(NDX, name="NOPE", vendor_symbols={})
    with Simulator(clock=FrozenClock(now)) as simulator:
        vendor = simulated(simulator, now)
        result = bring_in(vendor, unknown, [date(2026, 11, day) for day in (16, 17, 18, 19, 20)], now, timeframes=[M1])
        vendor.close()
        assert simulator.counts.calls == 1
    assert {coverage.status for coverage in result.coverage.values()} == {Status.FAILED}
    assert all("NOPE" in (coverage.error or "") for coverage in result.coverage.values())


def test_files_without_a_daily_bar_take_the_sessions_own(tmp_path: Path) -> None:
    rows = walk(bars=510, start=11_000.0)
    minutes = pd.date_range("2019-02-20T08:00Z", periods=510, freq="1min")
    rows.assign(ts=minutes.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(tmp_path / "DAX_1m.csv", index=False)
    now = instant("2026-11-20T23:00:00")
    result = bring_in(FilesVendor(tmp_path), DAX, [date(2019, 2, 20)], now)
    [day] = result.candles[D1].to_dict("records")
    own = (rows["open"].iloc[0], rows["high"].max(), rows["low"].min(), rows["close"].iloc[-1])
    assert (day["open"], day["high"], day["low"], day["close"]) == own
    assert f"{day['ts']:%Y-%m-%d %H:%M}" == "2019-02-20 08:00"


def test_an_official_daily_bar_is_preferred_for_exchange_traded_symbols(tmp_path: Path) -> None:
    (tmp_path / "DAX_1d.csv").write_text("ts,open,high,low,close,volume\n2019-02-20,11001,11500,10900,11400,5\n")
    result = bring_in(FilesVendor(tmp_path), DAX, [date(2019, 2, 20)], instant("2026-11-20T23:00:00"), timeframes=[D1])
    [day] = result.candles[D1].to_dict("records")
    assert (day["high"], day["close"], day["volume"]) == (11_500.0, 11_400.0, 5.0)


def test_minutes_before_there_are_any_cost_no_call() -> None:
    now, day = instant("2026-11-20T23:00:00"), date(2020, 2, 7)
    with Simulator(clock=FrozenClock(now)) as simulator:
        vendor = simulated(simulator, now)
        result = bring_in(vendor, DAX, [day], now, timeframes=[M1])
        assert simulator.counts.calls == 0
        assert result.coverage[M1, day].status is Status.FAILED
        assert result.coverage[M1, day].error == "twelve_data has no minutes before 2020-02-10"
        result = bring_in(vendor, DAX, [day], now)
        vendor.close()
        assert simulator.counts.calls == 4, "the coarser timeframes, one call each"
    assert (result.coverage[M1, day].status, result.coverage[D1, day].status) == (Status.FAILED, Status.COMPLETE)


def test_a_missing_file_of_minutes_is_named_in_the_coverage(tmp_path: Path) -> None:
    day = date(2019, 2, 20)
    result = bring_in(FilesVendor(tmp_path), DAX, [day], instant("2026-11-20T23:00:00"), timeframes=[M1])
    coverage = result.coverage[M1, day]
    assert coverage.status is Status.FAILED
    assert "DAX_1m.csv" in (coverage.error or "")
    assert str(tmp_path) in (coverage.error or "")


NIGHT = datetime(2026, 11, 20, 23, tzinfo=UTC)
DAX_DAY = date(2019, 2, 21)
FINER = [Timeframe.M5, Timeframe.M15, Timeframe.H1]


def real_minutes(shared_data: Path) -> pd.DataFrame:
    """Return real minutes of a DAX CFD, which trades from 00:15 to 20:59 UTC: Xetra's session is 08:00 to 16:30."""
    return pd.read_csv(shared_data / "market" / "DAX_1m.csv", parse_dates=["ts"]).set_index("ts")


def by_the_clock(minutes: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Group minutes by the clock, as exports of brokers do: no bar is cut at any session's close."""
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return minutes.resample(rule).agg(rules).dropna(subset=["open"])


def save(bars: pd.DataFrame, folder: Path, timeframe: Timeframe) -> None:
    stamps = pd.DatetimeIndex(bars.index).strftime("%Y-%m-%dT%H:%M:%SZ")
    bars.assign(ts=stamps).to_csv(folder / f"DAX_{timeframe}.csv", index=False)


RULES = {Timeframe.M1: "1min", Timeframe.M5: "5min", Timeframe.M15: "15min", Timeframe.H1: "1h"}


@pytest.mark.parametrize("finer", [M1, *FINER[:2]])
def test_an_hour_that_reaches_past_the_close_is_refused_and_finer_bars_serve(
    shared_data: Path, tmp_path: Path, finer: Timeframe
) -> None:
    minutes = real_minutes(shared_data)
    for timeframe in (finer, Timeframe.H1):
        save(by_the_clock(minutes, RULES[timeframe]), tmp_path, timeframe)
    result = bring_in(FilesVendor(tmp_path), DAX, [DAX_DAY], NIGHT)
    # answers_sessions.csv: what a separate script computed from the same minutes between 08:00 and 16:30
    [day] = result.candles[D1].to_dict("records")
    assert (day["high"], day["low"], day["close"]) == answer_of(shared_data, DAX_DAY)
    assert result.coverage[Timeframe.H1, DAX_DAY].status is Status.COMPLETE
    assert result.candles[Timeframe.H1]["close"].iloc[-1] == day["close"]


def answer_of(shared_data: Path, day: date) -> tuple[float, float, float]:
    answers = pd.read_csv(shared_data / "market" / "answers_sessions.csv")
    [row] = answers[(answers["symbol"] == "DAX") & (answers["trade_date"] == day.isoformat())].to_dict("records")
    return row["high"], row["low"], row["close"]


def test_where_nothing_finer_is_there_hours_past_the_close_give_no_day(shared_data: Path, tmp_path: Path) -> None:
    save(by_the_clock(real_minutes(shared_data), "1h"), tmp_path, Timeframe.H1)
    result = bring_in(FilesVendor(tmp_path), DAX, [DAX_DAY], NIGHT)
    assert result.candles[D1].empty
    assert (result.coverage[Timeframe.H1, DAX_DAY].status, result.coverage[Timeframe.H1, DAX_DAY].rejected) == (
        Status.PARTIAL, 1,
    )  # fmt: skip
    assert result.coverage[D1, DAX_DAY].status is Status.FAILED
    assert "no finer candles of the session are complete" in (result.coverage[D1, DAX_DAY].error or "")
    assert "1h: 8 of 9 bars" in (result.coverage[D1, DAX_DAY].error or "")


@pytest.mark.parametrize("only", [M1, *FINER[:2]])
def test_every_coarser_timeframe_comes_from_the_only_file_there_is(
    shared_data: Path, tmp_path: Path, only: Timeframe
) -> None:
    save(by_the_clock(real_minutes(shared_data), RULES[only]), tmp_path, only)
    result = bring_in(FilesVendor(tmp_path), DAX, [DAX_DAY], NIGHT)
    for timeframe in Timeframe:
        finer = timeframe.minutes is not None and timeframe.minutes < (only.minutes or 0)
        assert result.coverage[timeframe, DAX_DAY].status is (Status.FAILED if finer else Status.COMPLETE)
    [day] = result.candles[D1].to_dict("records")
    assert (day["high"], day["low"], day["close"]) == answer_of(shared_data, DAX_DAY)


@pytest.mark.parametrize("asked", [*FINER, D1])
def test_a_timeframe_that_is_asked_for_alone_comes_from_finer_ones_too(
    shared_data: Path, tmp_path: Path, asked: Timeframe
) -> None:
    save(by_the_clock(real_minutes(shared_data), "1min"), tmp_path, M1)
    result = bring_in(FilesVendor(tmp_path), DAX, [DAX_DAY], NIGHT, timeframes=[asked])
    assert result.coverage[asked, DAX_DAY].status is Status.COMPLETE
    assert set(result.coverage) == {(asked, DAX_DAY)}, "what only serves is not stored"
    assert all(result.candles[timeframe].empty for timeframe in Timeframe if timeframe is not asked)


@pytest.mark.parametrize("stored", FINER)
def test_any_stored_series_serves_what_is_coarser(shared_data: Path, tmp_path: Path, stored: Timeframe) -> None:
    save(by_the_clock(real_minutes(shared_data), "1min"), tmp_path, M1)
    whole = bring_in(FilesVendor(tmp_path), DAX, [DAX_DAY], NIGHT)
    empty = tmp_path / "empty"
    empty.mkdir()
    result = bring_in(
        FilesVendor(empty), DAX, [DAX_DAY], NIGHT, timeframes=[D1], stored=whole.candles[stored],
        stored_timeframe=stored,
    )  # fmt: skip
    pd.testing.assert_frame_equal(result.candles[D1], whole.candles[D1])


def test_a_file_off_by_a_hundred_is_no_price_of_the_symbol(shared_data: Path, tmp_path: Path) -> None:
    minutes = real_minutes(shared_data)
    prices = ["open", "high", "low", "close"]
    minutes[prices] *= 100
    save(minutes, tmp_path, M1)
    result = bring_in(FilesVendor(tmp_path), DAX, [DAX_DAY], NIGHT)
    assert result.candles[M1].empty
    assert result.candles[D1].empty
    assert result.coverage[M1, DAX_DAY].rejected == 510


@pytest.mark.parametrize("rule", ["5min", "15min"])
def test_bars_of_another_timeframe_count_as_no_minutes_of_a_pair(tmp_path: Path, rule: str) -> None:
    stamps = pd.date_range("2026-11-18T22:00Z", "2026-11-19T21:59Z", freq=rule)
    rows = pd.DataFrame(
        {"ts": stamps.strftime("%Y-%m-%dT%H:%M:%SZ"), "open": 1.1, "high": 1.2, "low": 1.0, "close": 1.1}
    )
    rows.to_csv(tmp_path / "EUR-USD_1m.csv", index=False)
    day = date(2026, 11, 19)
    result = bring_in(FilesVendor(tmp_path), EUR, [day], NIGHT)
    assert result.candles[M1].empty
    assert result.coverage[M1, day].status is Status.MISSING
    assert result.coverage[M1, day].rejected == len(rows)
    assert result.candles[D1].empty
