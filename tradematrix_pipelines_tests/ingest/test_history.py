"""What lies before a vendor's history is not asked for. Over real HTTP, calls counted by the simulator."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.ingest.history import WORTH_ASKING, History
from tradematrix_pipelines.ingest.pricing import price_symbol
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.vendors.credits import BACKFILL, CLOSE
from tradematrix_pipelines.vendors.errors import VendorFault
from tradematrix_pipelines.vendors.protocol import Vendor
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.twelve_data import TwelveData
from tradematrix_pipelines_tests.vendor_fixtures import Notebook

NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)
DAX, _, _, EUR, _ = DEFAULT_SYMBOLS
M1, D1 = Timeframe.M1, Timeframe.D1
OCTOBER = (date(2026, 10, 5), date(2026, 11, 20))
"""35 sessions of Xetra: 17,850 minutes, four calls."""


@dataclass
class Desk:
    """A vendor on a simulator, and what is known of its history."""

    simulator: Simulator
    vendor: Vendor
    ledger: Notebook
    kept: list[tuple[str, Timeframe, datetime]] = field(default_factory=list)

    def history(self, symbol: Symbol = DAX, *, oldest: date | None = None, known: bool = True) -> History:
        starts = {(vendor, timeframe): start for vendor, timeframe, start in self.kept} if known else {}
        stored = {} if oldest is None else {M1: oldest}
        return History(symbol=symbol, starts=starts, oldest=stored, keep=lambda *answer: self.kept.append(answer))

    def bring_in(
        self,
        *timeframes: Timeframe,
        symbol: Symbol = DAX,
        window: tuple[date, date] = OCTOBER,
        history: History | None = None,
        purpose: str = BACKFILL,
        more: Sequence[Vendor] = (),
    ) -> dict[tuple[Timeframe, date], Coverage]:
        """Fetch the sessions of a window; return their coverage."""
        calendar = get_calendar(symbol.calendar)
        wanted = Wanted(
            symbol=symbol, dates=dict.fromkeys(timeframes, days(symbol, window)), stored={},
            read=lambda timeframe, start, end: empty_candles(), history=history or self.history(symbol),
        )  # fmt: skip
        groups = ingest([self.vendor, *more], wanted, calendar=calendar, now=NOW, purpose=purpose)
        coverage = [coverage for group in groups for batch in group for coverage in batch.coverage]
        return {(one.timeframe, one.trade_date): one for one in coverage}

    def priced(self, *timeframes: Timeframe, window: tuple[date, date] = OCTOBER) -> tuple[int, int]:
        """Return the calls for bars that a backfill of the DAX costs, and those that ask where a series starts."""
        prices = price_symbol(
            self.vendor, DAX, dates=dict.fromkeys(timeframes, days(DAX, window)), stored={},
            calendar=get_calendar("XETR"), now=NOW, history=self.history(),
        )  # fmt: skip
        assert sum(price.credits for price in prices) == sum(price.calls + price.lookups for price in prices)
        return sum(price.calls for price in prices), sum(price.lookups for price in prices)


def days(symbol: Symbol, window: tuple[date, date]) -> frozenset[date]:
    return frozenset(session.trade_date for session in get_calendar(symbol.calendar).sessions(*window))


@pytest.fixture
def desk() -> Iterator[Desk]:
    ledger, clock = Notebook(), FrozenClock(NOW)
    with Simulator(clock=clock) as simulator:
        quick = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.01, jitter=0.0)
        vendor = TwelveData(base_url=simulator.url, key="any", ledger=ledger, clock=clock, retry_policy=quick)
        yield Desk(simulator, vendor, ledger)
        vendor.close()


def test_windows_before_the_start_are_not_asked_for(desk: Desk) -> None:
    desk.simulator.set_faults("since=2026-11-09@GDAXI")
    coverage = desk.bring_in(M1)
    before = {day for _, day in coverage if day < date(2026, 11, 9)}
    assert len(before) == 25
    assert {coverage[M1, day].status for day in before} == {Status.FAILED}
    assert {coverage[M1, day].reason() for day in before} == {"twelve_data has no 1m bars of DAX before 2026-11-09"}
    assert not any(coverage[M1, day].transient for day in before)
    assert {one.status for (_, day), one in coverage.items() if day not in before} == {Status.COMPLETE}
    # One question, and ten sessions in two windows; without it there are four windows.
    assert desk.simulator.counts.calls == 1 + 2
    assert {booked.purpose for booked in desk.ledger.reserved} == {BACKFILL}, "the live share is left alone"


def test_a_vendor_is_asked_once(desk: Desk) -> None:
    desk.simulator.set_faults("since=2026-11-09@GDAXI")
    desk.bring_in(M1, window=(date(2026, 10, 5), date(2026, 10, 30)))
    assert desk.simulator.counts.calls == 1, "nothing of it is in its history"
    assert desk.kept == [("twelve_data", M1, datetime(2026, 11, 9, 8, tzinfo=UTC))]
    coverage = desk.bring_in(M1, window=(date(2026, 10, 5), date(2026, 10, 30)))
    assert {one.reason() for one in coverage.values()} == {"twelve_data has no 1m bars of DAX before 2026-11-09"}
    assert desk.simulator.counts.calls == 1
    desk.bring_in(M1, window=(date(2026, 11, 6), date(2026, 11, 6)))
    assert desk.simulator.counts.calls == 1, "what is known holds for few sessions, too"
    desk.bring_in(M1, window=(date(2026, 11, 9), date(2026, 11, 20)))
    assert desk.simulator.counts.calls == 1 + 2, "two windows, and no question"


def test_each_series_has_its_own_start(desk: Desk) -> None:
    # The simulator's minutes start in 2020, its days in 2000: these cost a question and a call.
    coverage = desk.bring_in(D1, window=(date(2019, 12, 2), date(2019, 12, 30)))
    assert {one.status for one in coverage.values()} == {Status.COMPLETE}
    assert desk.kept == [("twelve_data", D1, datetime(2000, 1, 3, tzinfo=UTC))]
    assert desk.simulator.counts.calls == 2


def test_days_before_the_start_say_so(desk: Desk) -> None:
    desk.simulator.set_faults("since=2026-11-09@GDAXI")
    coverage = desk.bring_in(D1)
    assert "twelve_data has no 1d bars of DAX before 2026-11-09" in coverage[D1, date(2026, 11, 6)].reason()
    assert coverage[D1, date(2026, 11, 9)].status is Status.COMPLETE
    calls = desk.simulator.counts.calls
    desk.bring_in(D1)
    assert desk.simulator.counts.calls == calls + 1, "the days that there are"


def test_days_that_come_from_finer_bars_say_which_are_not_there(desk: Desk) -> None:
    desk.simulator.set_faults("since=2026-11-09@EUR/USD")
    coverage = desk.bring_in(D1, symbol=EUR)
    assert "twelve_data has no 1h bars of EUR/USD before" in coverage[D1, date(2026, 11, 6)].reason()
    assert coverage[D1, date(2026, 11, 10)].status is Status.COMPLETE


def test_the_plan_counts_the_question_and_then_the_windows_that_are_left(desk: Desk) -> None:
    desk.simulator.set_faults("since=2026-11-09@GDAXI")
    assert desk.priced(M1) == (4, 1)
    assert desk.simulator.counts.calls == 0
    desk.bring_in(M1)
    assert desk.priced(M1) == (2, 0)
    assert desk.priced(M1, window=(date(2026, 10, 5), date(2026, 10, 30))) == (0, 0)


def test_a_few_sessions_are_not_worth_the_question(desk: Desk) -> None:
    window = (date(2026, 11, 9), date(2026, 11, 19))
    assert len(days(DAX, window)) == WORTH_ASKING - 1
    desk.bring_in(M1, window=window)
    assert desk.simulator.counts.calls == 1
    assert desk.priced(M1, window=window) == (1, 0)


def test_sessions_newer_than_those_stored_are_in_the_history(desk: Desk) -> None:
    desk.bring_in(M1, history=desk.history(oldest=date(2026, 10, 16)))
    assert desk.simulator.counts.calls == 4, "nine sessions are older"
    desk.bring_in(M1, history=desk.history(oldest=date(2026, 10, 19)))
    assert desk.simulator.counts.calls == 4 + 1 + 4


def test_only_a_backfill_asks(desk: Desk) -> None:
    desk.bring_in(M1, purpose=CLOSE)
    assert desk.simulator.counts.calls == 4


def test_what_the_vendor_can_not_say_bounds_nothing(desk: Desk) -> None:
    class Silent(TwelveData):
        def earliest(self, symbol: Symbol, timeframe: Timeframe, *, purpose: str) -> datetime:
            raise VendorFault(f"no answer for {symbol.name} {timeframe} {purpose}")

    desk.vendor = Silent(base_url=desk.simulator.url, key="any", ledger=desk.ledger, clock=FrozenClock(NOW))
    coverage = desk.bring_in(M1)
    desk.vendor.close()
    assert {one.status for one in coverage.values()} == {Status.COMPLETE}
    assert desk.kept == []


def test_a_refused_symbol_is_refused_once(desk: Desk) -> None:
    desk.simulator.set_faults("gated")
    coverage = desk.bring_in(*Timeframe)
    assert {one.status for one in coverage.values()} == {Status.FAILED}
    assert desk.simulator.counts.calls == 1


def test_another_vendor_serves_what_lies_before(desk: Desk) -> None:
    desk.simulator.set_faults("since=2026-11-09@GDAXI")
    with Simulator(clock=FrozenClock(NOW)) as deeper:
        second = TwelveData(base_url=deeper.url, key="any", ledger=Notebook(), clock=FrozenClock(NOW), name="second")
        dax = Symbol(
            name="DAX", calendar="XETR", instrument=DAX.instrument, tick_size=0.5, currency="EUR", exchange="XETR",
            vendor_symbols={"twelve_data": "GDAXI"},
        )  # fmt: skip
        coverage = desk.bring_in(M1, symbol=dax, more=[second])
        second.close()
    sources = {day: one.source for (_, day), one in coverage.items()}
    assert sources[date(2026, 11, 6)] == "second"
    assert sources[date(2026, 11, 9)] == "twelve_data"
