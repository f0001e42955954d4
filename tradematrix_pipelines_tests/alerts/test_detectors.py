"""Incidents, as tables of the state that they are detected in."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tradematrix_pipelines.alerts.detectors import (
    find_doubtful,
    find_exhausted,
    find_low_credits,
    find_missing_levels,
    find_stale_markets,
)
from tradematrix_pipelines.automation.backlog import backlog
from tradematrix_pipelines.automation.pulls import CreditState
from tradematrix_pipelines.candles.coverage import Coverage, Status, StoredCoverage, Verdict
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import PLANS, UNLIMITED, Plan

BY_NAME = {symbol.name: symbol for symbol in DEFAULT_SYMBOLS}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "stored", "missing"),
    [
        ("2026-11-21 06:54", {"DAX": "2026-11-23"}, set()),  # New York's and FX's are due at 07:55
        ("2026-11-21 06:55", {"DAX": "2026-11-23"}, {"NDX", "DJI", "EUR/USD", "XAG/USD"}),
        ("2026-11-21 06:55", dict.fromkeys(BY_NAME, "2026-11-23"), set()),
        ("2026-11-22 12:00", {}, set(BY_NAME)),  # still, on Sunday
        ("2026-11-23 12:00", {}, set(BY_NAME)),  # the session has opened, and still has none
        ("2026-11-23 17:00", {}, set(BY_NAME) - {"DAX"}),  # its session is over: nobody needs them now
        ("2026-12-25 12:00", {}, set(BY_NAME)),  # due on Friday morning, for Monday
    ],
)
def test_levels_that_are_not_there_at_a_deadline(now: str, stored: dict[str, str], missing: set[str]) -> None:
    computed = {name: {date.fromisoformat(day)} for name, day in stored.items()}
    incidents = find_missing_levels(DEFAULT_SYMBOLS, computed, utc(now))
    assert {incident.key.split("|")[1] for incident in incidents} == missing
    assert all("tradematrix retry" in incident.message for incident in incidents)


@pytest.mark.parametrize(
    ("now", "plan", "left", "message"),
    [
        ("2026-11-18 00:00", PLANS["basic"], 800, None),
        ("2026-11-18 23:30", PLANS["basic"], 45, None),  # spent as they are meant to be
        ("2026-11-18 15:00", PLANS["basic"], 180, None),
        ("2026-11-18 15:00", PLANS["basic"], 110, "live pulls come every 30 minutes"),
        ("2026-11-18 15:00", PLANS["basic"], 20, "live pulls stop until then"),
        ("2026-11-18 22:59", PLANS["basic"], 20, "live pulls stop until then"),
        ("2026-11-18 23:00", PLANS["basic"], 20, None),
        ("2026-11-21 12:00", PLANS["basic"], 0, None),  # Saturday: nothing is open until midnight
        ("2026-11-18 15:00", PLANS["grow"], None, None),
        ("2026-11-18 15:00", UNLIMITED, None, None),
    ],
)
def test_credits_that_do_not_last(now: str, plan: Plan, left: int | None, message: str | None) -> None:
    incidents = find_low_credits(DEFAULT_SYMBOLS, CreditState(plan=plan, day_left=left), utc(now))
    assert [incident.message.partition("UTC: ")[2] for incident in incidents] == ([] if message is None else [message])


@pytest.mark.parametrize(
    ("now", "ago", "stale"),
    [
        ("2026-11-18 15:00", 14, set()),
        ("2026-11-18 15:00", 16, {"DAX", "NDX", "DJI"}),
        ("2026-11-18 15:00", 31, {"DAX", "NDX", "DJI", "EUR/USD"}),
        ("2026-11-18 15:00", 91, {"DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"}),
        ("2026-11-18 14:40", 9_000, {"DAX", "EUR/USD", "XAG/USD"}),  # New York has just opened
        ("2026-11-18 03:00", 600, {"EUR/USD", "XAG/USD"}),
        ("2026-11-21 12:00", 9_000, set()),
        ("2026-11-26 15:00", 9_000, {"DAX", "EUR/USD", "XAG/USD"}),  # Thanksgiving
        ("2026-12-25 15:00", 9_000, set()),
    ],
)
def test_open_markets_without_news(now: str, ago: int, stale: set[str]) -> None:
    newest = dict.fromkeys(BY_NAME, utc(now) - timedelta(minutes=ago))
    assert {i.key.split("|")[1] for i in find_stale_markets(DEFAULT_SYMBOLS, newest, utc(now), errors={})} == stale


def test_a_stale_market_says_why_where_that_is_known() -> None:
    now = utc("2026-11-18 15:00")
    errors = {("NDX", now.date()): "NDX is not in your Twelve Data plan", ("DAX", date(2026, 11, 17)): "long ago"}
    messages = {i.key: i.message for i in find_stale_markets(DEFAULT_SYMBOLS, {}, now, errors=errors)}
    assert messages["stale_market|NDX"].endswith(": NDX is not in your Twelve Data plan")
    assert messages["stale_market|DAX"].endswith("2026-11-18 08:00 UTC")


def test_an_exhausted_session_is_one_incident_for_all_its_timeframes() -> None:
    def row(day: int, timeframe: Timeframe, attempts: int) -> StoredCoverage:
        coverage = Coverage(
            timeframe=timeframe, trade_date=date(2026, 11, day), status=Status.FAILED, final=True, expected=1,
            received=0, error="no such symbol", closes_at=utc(f"2026-11-{day} 21:00"),
        )  # fmt: skip
        return StoredCoverage(
            symbol="NDX", coverage=coverage, attempts=attempts, checked_at=utc(f"2026-11-{day} 23:00")
        )

    rows = [row(day, timeframe, 8) for day in (19, 20) for timeframe in (Timeframe.M1, Timeframe.D1)]
    tasks = backlog(BY_NAME["NDX"], [*rows, row(18, Timeframe.M1, 7)], utc("2026-11-21 00:00"))
    assert {incident.key: incident.message for incident in find_exhausted(tasks)} == {
        f"session_exhausted|NDX|{day}": f"NDX {day} (1m, 1d) is exhausted after 8 attempts: no such symbol"
        for day in ("2026-11-19", "2026-11-20")
    }


def test_a_doubtful_session_is_an_incident_once_it_was_looked_at_twice() -> None:
    def row(day: int, timeframe: Timeframe, attempts: int) -> StoredCoverage:
        coverage = Coverage(
            timeframe=timeframe, trade_date=date(2026, 11, day), status=Status.COMPLETE, final=True, expected=1,
            received=1, verdict=Verdict.DOUBTFUL, doubt="wick: far out", closes_at=utc(f"2026-11-{day} 21:00"),
        )  # fmt: skip
        checked_at = utc(f"2026-11-{day} 23:00")
        return StoredCoverage(symbol="NDX", coverage=coverage, attempts=attempts, checked_at=checked_at)

    rows = [row(19, Timeframe.M1, 1), *(row(20, timeframe, 2) for timeframe in (Timeframe.M1, Timeframe.D1))]
    [incident] = find_doubtful(backlog(BY_NAME["NDX"], rows, utc("2026-11-21 00:00")))
    assert incident.key == "session_doubtful|NDX|2026-11-20"
    assert incident.message == (
        "NDX 2026-11-20 is doubtful: wick: far out; accept it, if it is right: tradematrix accept NDX 2026-11-20 "
        "--reason …; until then no levels follow from it"
    )
