"""Clocks: standing still, running fast, and the same in every process."""

from datetime import UTC, datetime, timedelta

import pytest

from tradematrix_pipelines.clock import FastClock, FrozenClock, SystemClock, format_clock, parse_clock
from tradematrix_pipelines.errors import UsageError

START = datetime(2026, 3, 23, tzinfo=UTC)


def test_unset_is_the_machines_clock() -> None:
    for text in (None, ""):
        clock = parse_clock(text)
        before = datetime.now(UTC)
        assert before <= clock.now() <= before + timedelta(seconds=5)
        assert clock.now().tzinfo is UTC


def test_an_instant_stands_still_and_sleep_returns_at_once() -> None:
    clock = parse_clock("2026-03-23T01:00:00+01:00")
    assert clock.now() == START
    clock.sleep(3600)
    assert clock.now() == START


def test_a_speed_runs_from_the_start() -> None:
    machine = FrozenClock(datetime(2026, 11, 24, 12, tzinfo=UTC))
    clock = parse_clock("2026-03-23T00:00:00Z*1200", machine=machine)
    assert clock == FastClock(start=START, speed=1200, origin=machine.instant)
    running = FastClock(start=START, speed=3600, origin=SystemClock().now() - timedelta(seconds=10))
    assert START + timedelta(hours=10) <= running.now() <= START + timedelta(hours=15)


@pytest.mark.parametrize("text", ["2026-03-23T00:00:00Z", "2026-03-23T00:00:00Z*1200", "2026-03-23T00:00:00Z*0.5"])
def test_another_process_gets_the_same_clock(text: str) -> None:
    clock = parse_clock(text)
    assert parse_clock(format_clock(clock)) == clock


def test_the_machines_clock_is_handed_on_as_nothing() -> None:
    assert format_clock(SystemClock()) == ""


@pytest.mark.parametrize(
    "text", ["noon", "2026-03-23", "2026-03-23T00:00:00", "2026-03-23T00:00:00Z*", "2026-03-23T00:00:00Z*-3",
             "2026-03-23T00:00:00Z*0", "2026-03-23T00:00:00Z*2@noon"],
)  # fmt: skip
def test_anything_else_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(UsageError, match="give an instant with its zone"):
        parse_clock(text)
