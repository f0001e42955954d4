"""Which vendor serves a session that the preferred one can't, and when none may. Two simulators over real HTTP."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pytest

from tradematrix_pipelines.candles.coverage import Coverage
from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.vendors.credits import NoLedger, parse_plan
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.twelve_data import TwelveData

NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)
DAYS = [date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)]
QUICK = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.01, jitter=0.0)
DAX, NDX, DJI, EUR, XAG = (
    replace(
        symbol,
        vendor_symbols={vendor: symbol.symbol_at("twelve_data") for vendor in ("first", "second", "twelve_data")},
    )
    for symbol in DEFAULT_SYMBOLS
)


class SmallCalls(TwelveData):
    """The client, with windows of 1,500 bars: about a session of FX each."""

    max_bars = 1_500


@dataclass
class Desk:
    """Two vendors, each on a simulator of its own."""

    simulators: tuple[Simulator, Simulator]
    vendors: tuple[TwelveData, TwelveData]

    def bring_in(
        self,
        symbol: Symbol,
        timeframes: tuple[Timeframe, ...] = (Timeframe.M1,),
        *,
        protected: Mapping[date, frozenset[str]] | None = None,
        now: datetime = NOW,
    ) -> list[SeriesBatch]:
        wanted = Wanted(
            symbol=symbol,
            dates=dict.fromkeys(timeframes, frozenset(DAYS)),
            stored={},
            read=lambda timeframe, start, end: empty_candles(),
            protected=protected or {},
        )
        groups = ingest(self.vendors, wanted, calendar=get_calendar(symbol.calendar), now=now)
        return [batch for batches in groups for batch in batches]

    @property
    def calls(self) -> tuple[int, int]:
        return (self.simulators[0].counts.calls, self.simulators[1].counts.calls)


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    plan = parse_plan(getattr(request, "param", "unlimited"))
    with ExitStack() as stack:
        clock = FrozenClock(NOW)
        simulators = (
            stack.enter_context(Simulator(clock=clock, plan=plan)),
            stack.enter_context(Simulator(clock=clock)),
        )
        vendors = tuple(
            SmallCalls(base_url=simulator.url, key="any", ledger=NoLedger(), clock=clock, name=name, retry_policy=QUICK)
            for name, simulator in zip(("first", "second"), simulators, strict=True)
        )
        for vendor in vendors:
            stack.callback(vendor.close)
        yield Desk(simulators, (vendors[0], vendors[1]))


def coverage_of(batches: list[SeriesBatch], timeframe: Timeframe = Timeframe.M1) -> dict[date, Coverage]:
    return {
        coverage.trade_date: coverage
        for batch in batches
        if batch.timeframe is timeframe
        for coverage in batch.coverage
    }


def test_the_second_is_not_asked_while_the_first_serves(desk: Desk) -> None:
    by_day = coverage_of(desk.bring_in(EUR))
    assert {coverage.source for coverage in by_day.values()} == {"first"}
    assert desk.calls[1] == 0


@pytest.mark.parametrize("fault", ["gated", "unknown", "broken", "html"])
def test_what_the_first_refuses_the_second_serves(desk: Desk, fault: str) -> None:
    desk.simulators[0].set_faults(fault)
    batches = desk.bring_in(EUR, tuple(Timeframe))
    assert {(f.status.value, f.source, f.error) for b in batches for f in b.coverage} == {("complete", "second", None)}
    assert {batch.source for batch in batches if len(batch.candles)} == {"second"}


def test_a_refused_symbol_costs_the_first_one_call_for_all_timeframes(desk: Desk) -> None:
    desk.simulators[0].set_faults("gated")
    desk.bring_in(NDX, tuple(Timeframe))
    assert desk.calls[0] == 1


def test_bars_of_another_session_do_not_count_as_outside_an_empty_one(desk: Desk) -> None:
    for simulator in desk.simulators:
        simulator.set_faults("since=2026-11-19@GDAXI")
    by_day = coverage_of(desk.bring_in(DAX))  # the first answer is about two sessions, and has bars of one
    assert [(one.status.value, one.received, one.outside) for one in by_day.values()] == [
        ("complete", 510, 0), ("complete", 510, 0), ("missing", 0, 0),
    ]  # fmt: skip


def test_only_the_failed_sessions_go_to_the_second(desk: Desk) -> None:
    desk.simulators[0].set_faults("broken=2/4")  # both attempts of the first and of the third window
    by_day = coverage_of(desk.bring_in(EUR))
    assert {coverage.status.value for coverage in by_day.values()} == {"complete"}
    sources = [by_day[day].source for day in DAYS]
    assert "first" in sources
    assert "second" in sources


@pytest.mark.parametrize("desk", ["100/1"], indirect=True)
def test_the_days_limit_of_the_first_is_no_end_while_there_is_a_second(desk: Desk) -> None:
    by_day = coverage_of(desk.bring_in(EUR))
    assert {coverage.status.value for coverage in by_day.values()} == {"complete"}
    assert by_day[DAYS[-1]].source == "second"
    assert desk.calls[0] == 2


def test_another_instrument_is_no_reason_to_ask_the_second(desk: Desk) -> None:
    desk.simulators[0].set_faults("scale=10000")
    batches = desk.bring_in(DAX, tuple(Timeframe))
    assert desk.calls == (1, 0)
    assert not any(len(batch.candles) for batch in batches)
    assert {coverage.status.value for batch in batches for coverage in batch.coverage} == {"failed"}


def test_another_instrument_from_the_second_is_not_stored(desk: Desk) -> None:
    desk.simulators[0].set_faults("gated")
    desk.simulators[1].set_faults("scale=10000")
    batches = desk.bring_in(DAX)
    assert not any(len(batch.candles) for batch in batches)
    [error] = {coverage.error for coverage in coverage_of(batches).values()}
    assert error is not None
    assert error.startswith("first: ")
    assert "; second: " in error


@pytest.mark.parametrize("desk", ["100/1"], indirect=True)
def test_where_both_fail_the_reset_of_the_days_credits_is_remembered(desk: Desk) -> None:
    desk.simulators[1].set_faults("broken")
    by_day = coverage_of(desk.bring_in(EUR))
    assert by_day[DAYS[-1]].retry_at == datetime(2026, 11, 21, tzinfo=UTC)
    assert "midnight" in (by_day[DAYS[-1]].error or "") or "00:00" in (by_day[DAYS[-1]].error or "")


def test_a_session_that_the_first_has_no_bar_of_goes_to_the_second(desk: Desk) -> None:
    desk.simulators[0].set_faults("missing=1")
    batches = desk.bring_in(EUR, tuple(Timeframe))
    assert {(f.status.value, f.source, f.error) for b in batches for f in b.coverage} == {("complete", "second", None)}


def test_a_partial_session_stays_with_the_first(desk: Desk) -> None:
    desk.simulators[0].set_faults("missing=0.5")
    by_day = coverage_of(desk.bring_in(DAX))
    assert {(coverage.status.value, coverage.source) for coverage in by_day.values()} == {("partial", "first")}
    assert desk.calls[1] == 0


def test_without_a_bar_of_either_the_session_is_missing_by_the_first(desk: Desk) -> None:
    for simulator in desk.simulators:
        simulator.set_faults("missing=1")
    by_day = coverage_of(desk.bring_in(EUR))
    assert {day: (c.status.value, c.source, c.error) for day, c in by_day.items()} == dict.fromkeys(
        DAYS, ("missing", "first", None)
    )
    assert desk.calls[1] > 0


def test_an_open_session_without_a_bar_may_only_be_late(desk: Desk) -> None:
    desk.simulators[0].set_faults("missing=1")
    by_day = coverage_of(desk.bring_in(DAX, now=datetime(2026, 11, 20, 10, tzinfo=UTC)))
    assert {day: coverage.source for day, coverage in by_day.items()} == {
        DAYS[0]: "second", DAYS[1]: "second", DAYS[2]: "first",
    }  # fmt: skip
    assert by_day[DAYS[2]].status.value == "missing"


@pytest.mark.parametrize("desk", ["100/1"], indirect=True)
def test_an_empty_answer_of_the_second_does_not_hide_why_the_first_failed(desk: Desk) -> None:
    desk.simulators[1].set_faults("missing=1")
    coverage = coverage_of(desk.bring_in(EUR))[DAYS[-1]]
    assert (coverage.status.value, coverage.retry_at) == ("failed", datetime(2026, 11, 21, tzinfo=UTC))
    assert "second has no bar of the session" in (coverage.error or "")


def test_an_empty_answer_of_the_second_does_not_hide_the_failure_of_an_open_session(desk: Desk) -> None:
    desk.simulators[0].set_faults("gated")
    desk.simulators[1].set_faults("missing=1")
    by_day = coverage_of(desk.bring_in(DAX, now=datetime(2026, 11, 20, 10, tzinfo=UTC)))
    assert {coverage.status.value for coverage in by_day.values()} == {"failed"}


def test_the_log_says_who_is_asked_and_why(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    desk.simulators[0].set_faults("gated")
    desk.bring_in(NDX)
    [line] = [record.getMessage() for record in caplog.records if "failover" in record.name]
    assert line.startswith("NDX 1m: second is asked for 3 sessions from 2026-11-18 on: ")
    assert "plan" in line


def test_a_protected_session_of_the_first_is_not_replaced_by_the_second(desk: Desk) -> None:
    desk.simulators[0].set_faults("broken")
    protected = {DAYS[0]: frozenset({"first"}), DAYS[1]: frozenset({"second"})}
    batches = desk.bring_in(EUR, tuple(Timeframe), protected=protected)
    for timeframe in Timeframe:
        by_day = coverage_of(batches, timeframe)
        assert [by_day[day].status.value for day in DAYS] == ["failed", "complete", "complete"]
    opens = get_calendar("FX").sessions(DAYS[0], DAYS[0])[0]
    stored = [ts for batch in batches for ts in batch.candles["ts"] if opens.opens_at <= ts < opens.closes_at]
    assert stored == []


def test_only_the_first_replaces_sessions_of_a_former_vendor(desk: Desk) -> None:
    protected = dict.fromkeys(DAYS, frozenset({"files"}))
    assert {coverage.source for coverage in coverage_of(desk.bring_in(EUR, protected=protected)).values()} == {"first"}
    desk.simulators[0].set_faults("gated")
    assert {coverage.status.value for coverage in coverage_of(desk.bring_in(EUR, protected=protected)).values()} == {
        "failed"
    }
