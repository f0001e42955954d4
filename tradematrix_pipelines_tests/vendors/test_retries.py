"""Which errors are retried, how often, and when."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradematrix_pipelines.clock import FastClock, SystemClock
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.vendors.credits import PLANS, Plan
from tradematrix_pipelines.vendors.errors import DayLimit, MalformedAnswer, MinuteLimit, VendorError, VendorFault
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data import TwelveData
from tradematrix_pipelines.vendors.twelve_data.transport import SERIES_BOUNDS

REQUEST = CandleRequest(
    symbol=DEFAULT_SYMBOLS[3],
    timeframe=Timeframe.H1,
    start=datetime(2026, 3, 18, tzinfo=UTC),
    end=datetime(2026, 3, 19, tzinfo=UTC),
)
EMPTY = {"values": [], "status": "ok"}


def a_fast_clock(speed: float) -> FastClock:
    """A clock that stands at 15:00:20 now."""
    return FastClock(start=datetime(2026, 3, 20, 15, 0, 20, tzinfo=UTC), speed=speed, origin=SystemClock().now())


@pytest.mark.parametrize(
    "first",
    [(500, b"oops"), (503, b"<html></html>"), (200, b"<html></html>"), (200, {"code": 500, "status": "error"})],
    ids=["500", "503", "html", "500 inside 200"],
)
def test_transient_errors_are_retried(
    play: Callable[..., Any], connect: Callable[..., TwelveData], ledger: Any, first: tuple[int, object]
) -> None:
    script = play(first, first, (200, EMPTY))
    answer = connect(script.url).fetch(REQUEST)
    assert (answer.calls, answer.credits, len(script.requests)) == (3, 3, 3)
    assert len(ledger.reserved) == len(ledger.settled) == 3, "each attempt is booked"


def test_an_answer_that_can_not_be_read_is_asked_for_again(
    play: Callable[..., Any], connect: Callable[..., TwelveData]
) -> None:
    script = play((200, {"status": "ok"}), (200, EMPTY))
    assert connect(script.url).fetch(REQUEST).calls == 2


def test_attempts_are_bounded(play: Callable[..., Any], connect: Callable[..., TwelveData]) -> None:
    script = play((502, b""))
    with pytest.raises(VendorFault):
        connect(script.url).fetch(REQUEST)
    assert len(script.requests) == 3


def test_nobody_listens(connect: Callable[..., TwelveData], ledger: Any, simulate: Callable[..., Simulator]) -> None:
    simulator = simulate(key=None)
    url = simulator.url
    simulator.stop()
    with pytest.raises(VendorFault, match="check the connection"):
        connect(url).fetch(REQUEST)
    assert ledger.settled == [(0, None, None)] * 3, "a call that never left costs nothing"


def test_an_answer_that_does_not_come_in_time(
    simulate: Callable[..., Simulator], connect: Callable[..., TwelveData], monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds = replace(SERIES_BOUNDS, timeout=0.05)
    monkeypatch.setattr("tradematrix_pipelines.vendors.twelve_data.client.SERIES_BOUNDS", bounds)
    with pytest.raises(VendorFault, match="ReadTimeout"):
        connect(simulate(faults=["slow=0.3"]).url).fetch(REQUEST)


@pytest.mark.parametrize("fault", ["cut", "html", "broken"])
def test_bursts_pass(simulate: Callable[..., Simulator], connect: Callable[..., TwelveData], fault: str) -> None:
    simulator = simulate(faults=[f"{fault}=2/3"])
    assert len(connect(simulator.url).fetch(REQUEST).candles) == 24
    assert simulator.counts.calls == 3


@pytest.mark.parametrize(("fault", "error"), [("cut", VendorFault), ("html", MalformedAnswer), ("broken", VendorFault)])
def test_lasting_errors_fail(
    simulate: Callable[..., Simulator], connect: Callable[..., TwelveData], fault: str, error: type[VendorError]
) -> None:
    with pytest.raises(error):
        connect(simulate(faults=[fault]).url).fetch(REQUEST)


def test_a_minute_limit_waits_for_the_next_minute_of_the_clock(
    play: Callable[..., Any], connect: Callable[..., TwelveData], golden: Callable[[str], Any], ledger: Any
) -> None:
    clock = a_fast_clock(600)
    script = play((429, golden("errors")["minute_credits_http429"]), (200, EMPTY), clock=clock)
    assert connect(script.url, clock=clock).fetch(REQUEST).calls == 2
    assert ledger.refusals == 1
    first, second = (moment for _, _, moment in script.requests)
    assert second >= first.replace(second=0, microsecond=0) + timedelta(minutes=1)
    assert second - first < timedelta(hours=1)


def test_a_day_limit_is_not_tried_again(
    play: Callable[..., Any], connect: Callable[..., TwelveData], golden: Callable[[str], Any]
) -> None:
    script = play((429, golden("errors")["day_credits_http429"]))
    with pytest.raises(DayLimit) as caught:
        connect(script.url).fetch(REQUEST)
    assert caught.value.resumes_at == datetime(2026, 3, 21, tzinfo=UTC)
    assert len(script.requests) == 1


def test_a_small_plan_is_waited_out(simulate: Callable[..., Simulator], connect: Callable[..., TwelveData]) -> None:
    clock = a_fast_clock(60)  # a minute takes a second, in which three calls have ample time
    simulator = simulate(clock=clock, plan=Plan(per_minute=2, per_day=None))
    client = connect(simulator.url, clock=clock)
    answers = [client.fetch(REQUEST) for _ in range(3)]
    assert [len(answer.candles) for answer in answers] == [24, 24, 24]
    assert simulator.counts.limited >= 1
    assert answers[2].calls == simulator.counts.limited + 1


def test_the_simulators_limits(simulate: Callable[..., Simulator], connect: Callable[..., TwelveData]) -> None:
    simulator = simulate(plan=replace(PLANS["basic"], per_minute=2, per_day=7))
    client = connect(simulator.url)
    for _ in range(2):
        client.fetch(REQUEST)
    with pytest.raises(MinuteLimit, match=r"current minute\. 5 API credits were used, with the current limit of 2"):
        client.fetch(REQUEST)
    client.close()
    with pytest.raises(DayLimit, match=r"for the day\. 8 API credits were used, with the current limit being 7"):
        connect(simulator.url).fetch(REQUEST)
