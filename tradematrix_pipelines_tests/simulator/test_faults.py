"""Each switch does what it says, and only to the symbols it names. Seen over HTTP."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.simulator import Simulator, fault_help, prices
from tradematrix_pipelines.simulator.app import _only_loopback
from tradematrix_pipelines.simulator.faults import Every, Faults, parse_faults
from tradematrix_pipelines.simulator.meter import Meter
from tradematrix_pipelines.simulator.refusals import Refusal
from tradematrix_pipelines.vendors.credits import PLANS, Plan

Simulate = Callable[..., Simulator]
HEADERS = {"Authorization": "apikey x"}


def get(url: str, path: str = "/time_series", **params: str) -> httpx.Response:
    return httpx.get(url + path, params=params, headers=HEADERS, verify=False)  # no TLS here, and none to set up


def rows(url: str, symbol: str = "EUR/USD", interval: str = "1min", **params: str) -> list[dict[str, str]]:
    """Ask for a Thursday's hour by default, oldest first."""
    window = {"start_date": "2026-03-19T10:00:00", "end_date": "2026-03-19T10:59:00", "timezone": "UTC", "order": "asc"}
    values: list[dict[str, str]] = get(url, symbol=symbol, interval=interval, **(window | params)).json()["values"]
    return values


def test_every_switch_has_a_line_of_help() -> None:
    assert set(fault_help()) == set(Faults.__dataclass_fields__)
    assert all(len(line) > 10 for line in fault_help().values())


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("ghosts", "ghosts", True),
        ("forming=off", "forming", False),
        ("missing=0.25", "missing", 0.25),
        ("slow=2", "slow", 2.0),
        ("broken", "broken", Every(1, 1)),
        ("cut=2/5", "cut", Every(2, 5)),
        ("since=2021-03-01", "since", date(2021, 3, 1)),
    ],
)
def test_reading_a_switch(text: str, name: str, value: object) -> None:
    assert getattr(parse_faults([text]).of("EUR/USD"), name) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "magic",
        "ghosts=maybe",
        "missing",
        "missing=-1",
        "cut=1",
        "cut=1/0",
        "scale=0",
        "Ghosts",
        "slow=x@A",
        "since=May",
    ],
)
def test_invalid_switches(text: str) -> None:
    with pytest.raises(UsageError):
        parse_faults([text])


def test_switches_hold_for_the_symbols_they_name_and_later_ones_win() -> None:
    plan = parse_faults(["missing=0.1", "missing=0.5@EUR/USD,NDX", "gated@NDX"])
    assert [plan.of(name).missing for name in ("", "DJI", "EUR/USD", "NDX")] == [0.1, 0.1, 0.5, 0.5]
    assert [plan.of(name).gated for name in ("DJI", "NDX")] == [False, True]


def test_every_hits_the_first_of_each_round() -> None:
    assert [Every(2, 5).hits(call) for call in range(7)] == [True, True, False, False, False, True, True]
    assert not any(Every(0, 1).hits(call) for call in range(3))


def test_forming_off_serves_closed_bars_only(simulate: Simulate) -> None:
    # The clock stands at 15:00:30 UTC on 20 March, 11:00:30 in New York.
    for interval, forming, closed in (
        ("1min", "2026-03-20 15:00:00", "2026-03-20 14:59:00"),
        ("15min", "2026-03-20 15:00:00", "2026-03-20 14:45:00"),
        ("1h", "2026-03-20 14:30:00", "2026-03-20 13:30:00"),
        ("1day", "2026-03-20", "2026-03-19"),
    ):
        asked = {"symbol": "DJI", "interval": interval, "timezone": "UTC"}
        assert get(simulate().url, **asked).json()["values"][0]["datetime"] == forming
        assert get(simulate(faults=["forming=off"]).url, **asked).json()["values"][0]["datetime"] == closed


def test_the_last_bar_of_a_session_is_closed_with_it(simulate: Simulate) -> None:
    url = simulate(faults=["forming=off"]).url
    day = rows(url, "GDAXI", "1h", start_date="2026-03-19T08:00:00", end_date="2026-03-19T23:00:00")
    assert day[-1]["datetime"] == "2026-03-19 16:00:00"  # half an hour long


def test_a_short_last_bar_is_closed_when_its_session_is(simulate: Simulate) -> None:
    clock = FrozenClock(datetime(2026, 3, 19, 16, 30, 1, tzinfo=UTC))
    url = simulate(faults=["forming=off"], clock=clock).url
    assert get(url, symbol="GDAXI", interval="1h", timezone="UTC").json()["values"][0]["datetime"].endswith("16:00:00")


def test_history_begins_where_it_is_said_to(simulate: Simulate) -> None:
    url = simulate(faults=["since=2026-03-18@EUR/USD"]).url
    stamps = [row["datetime"] for row in rows(url, start_date="2026-03-16", end_date="2026-03-18T00:00:00")]
    assert stamps[0] == "2026-03-17 21:00:00", "that session's open, at 17:00 in New York"
    days = [row["datetime"] for row in rows(url, interval="1day", start_date="2026-03-16", end_date="2026-03-20")]
    assert days == ["2026-03-18", "2026-03-19"]
    asked = {"symbol": "EUR/USD", "interval": "1min", "timezone": "UTC"}
    assert get(url, "/earliest_timestamp", **asked).json()["datetime"] == "2026-03-17 21:00:00"
    assert len(rows(url, "GBP/USD", start_date="2026-03-16T10:00:00", end_date="2026-03-16T10:59:00")) == 60


def test_ghosts_trade_through_the_weekend(simulate: Simulate) -> None:
    window = {"start_date": "2026-03-14T00:00:00", "end_date": "2026-03-15T20:59:00", "interval": "15min"}
    assert get(simulate().url, symbol="EUR/USD", **window).json()["message"].startswith("No data is available")
    url = simulate(faults=["ghosts"]).url
    saturday = [row for row in rows(url, **window) if row["datetime"].startswith("2026-03-14")]
    assert len(saturday) == 96
    assert any(row["high"] != row["low"] for row in saturday)
    days = [row["datetime"] for row in rows(url, interval="1day", start_date="2026-03-13", end_date="2026-03-17")]
    assert days == ["2026-03-13", "2026-03-14", "2026-03-15", "2026-03-16"]


def test_ghosts_give_way_to_the_real_session_when_clocks_turn(simulate: Simulate) -> None:
    # On 8 March New York springs forward: trading starts at 21:00 UTC, a day's length before the ghost would end.
    stamps = [
        row["datetime"]
        for row in rows(
            simulate(faults=["ghosts"]).url, start_date="2026-03-08T20:00:00", end_date="2026-03-08T22:59:00"
        )
    ]
    assert stamps == sorted(set(stamps))
    assert len(stamps) == 180


def test_missing_minutes_are_absent_and_always_the_same(simulate: Simulate) -> None:
    whole = rows(simulate().url, end_date="2026-03-19T19:59:00")
    url = simulate(faults=["missing=0.2@EUR/USD"]).url
    remaining = rows(url, end_date="2026-03-19T19:59:00")
    assert 0.7 * len(whole) < len(remaining) < 0.9 * len(whole)
    assert all(row in whole for row in remaining)
    assert rows(url, end_date="2026-03-19T19:59:00") == remaining
    assert len(rows(url, "GBP/USD")) == 60


def test_duplicates_differ(simulate: Simulate) -> None:
    got = rows(simulate(faults=["duplicates=0.3"]).url)
    by_stamp: dict[str, list[str]] = {}
    for row in got:
        by_stamp.setdefault(row["datetime"], []).append(row["close"])
    assert len(by_stamp) == 60
    doubled = [closes for closes in by_stamp.values() if len(closes) == 2]
    assert 8 < len(doubled) < 30
    assert any(first != second for first, second in doubled)


def test_a_revision_changes_one_minute_of_a_session(simulate: Simulate) -> None:
    # The session of 19 March runs from 21:00 the evening before: its middle is 09:00.
    window = {"start_date": "2026-03-19T08:30:00", "end_date": "2026-03-19T09:29:00"}
    before, after = rows(simulate().url, **window), rows(simulate(faults=["revised=0.01"]).url, **window)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    ((old, new),) = changed
    assert new["datetime"] == "2026-03-19 09:00:00"
    assert float(new["close"]) == pytest.approx(float(old["close"]) * 1.01, abs=1e-5)
    assert new["high"] >= new["close"]


def test_blanks_are_empty_texts(simulate: Simulate) -> None:
    closes = [row["close"] for row in rows(simulate(faults=["blanks=0.5"]).url)]
    assert 15 < closes.count("") < 45


def test_scale_divides_prices_and_not_volumes(simulate: Simulate) -> None:
    window = {"start_date": "2026-03-19T14:00:00", "end_date": "2026-03-19T14:00:00"}
    (before,), (after,) = (rows(simulate(faults=faults).url, "DJI", **window) for faults in ((), ("scale=10000",)))
    assert float(after["high"]) == pytest.approx(float(before["high"]) / 10_000, abs=1e-5)
    assert after["volume"] == before["volume"]


def test_newest_first_whatever_was_asked_for(simulate: Simulate) -> None:
    stamps = [row["datetime"] for row in rows(simulate(faults=["newest_first"]).url)]
    assert stamps == sorted(stamps, reverse=True)


def test_the_cut_keeps_the_newest_by_default(simulate: Simulate) -> None:
    for faults, kept in (((), "2026-03-19 10:55:00"), (("keep_oldest",), "2026-03-19 10:00:00")):
        assert rows(simulate(faults=faults).url, outputsize="5")[0]["datetime"] == kept


def test_the_end_is_included_by_default(simulate: Simulate) -> None:
    assert len(rows(simulate().url)) == 60
    assert len(rows(simulate(faults=["exclusive_end"]).url)) == 59


def test_errors_with_real_texts_and_statuses(simulate: Simulate, recorded: Callable[[str], Any]) -> None:
    texts = recorded("errors_real")
    asked = {"symbol": "NDX", "interval": "1h"}
    for faults, status, name in (
        (["gated"], 404, "plan_gated_http404"),
        (["free_plan"], 404, "plan_gated_http404"),
        (["unknown"], 404, "bad_symbol_http404"),
        (["unknown", "errors_as_200"], 200, "bad_symbol_http404"),
    ):
        answer = get(simulate(faults=faults).url, **asked)
        assert (answer.status_code, answer.json()) == (status, texts[name])
    empty = get(simulate().url, start_date="2026-03-21", end_date="2026-03-22", **asked)
    assert (empty.status_code, empty.json()) == (400, texts["empty_window_http400"])
    no_key = httpx.get(f"{simulate().url}/quote", params=asked)
    assert (no_key.status_code, no_key.json()) == (401, texts["bad_key_http401"])


def test_the_free_plan_serves_what_it_did(simulate: Simulate) -> None:
    url = simulate(faults=["free_plan"]).url
    served = {name: get(url, "/price", symbol=name).status_code for name in ("EUR/USD", "XAU/USD", "XAG/USD", "SPX")}
    assert served == {"EUR/USD": 200, "XAU/USD": 200, "XAG/USD": 404, "SPX": 404}


def test_the_etf_answers_to_dax(simulate: Simulate) -> None:
    meta = get(simulate().url, symbol="DAX", interval="1h").json()["meta"]
    assert (meta["type"], meta["exchange"], meta["currency"]) == ("ETF", "NASDAQ", "USD")
    assert get(simulate(faults=["etf_dax=off"]).url, symbol="DAX", interval="1h").status_code == 404


def test_a_batch_costs_each_symbol_and_fails_in_parts(simulate: Simulate) -> None:
    simulator = simulate(faults=["batch_errors@NDX"])
    answer = get(simulator.url, symbol="DJI,NDX", interval="1h")
    assert answer.headers["is_batch"] == "true"
    assert answer.json()["DJI"]["status"] == "ok"
    assert answer.json()["NDX"]["message"].startswith("**symbol** not found: NDX.")
    assert simulator.counts.credits == 2
    assert get(simulator.url, symbol="NDX", interval="1h").json()["status"] == "ok"


def test_one_symbol_that_breaks_a_call_breaks_it_for_all(simulate: Simulate) -> None:
    url = simulate(faults=["broken@NDX"]).url
    assert get(url, symbol="DJI,NDX", interval="1h").status_code >= 500
    assert get(url, symbol="NDX,DJI", interval="1h").status_code >= 500
    assert get(url, symbol="DJI,SPX", interval="1h").status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("interval", "3min"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc/passwd"),
        ("start_date", "yesterday"),
        ("outputsize", "0"),
        ("outputsize", "5001"),
    ],
)
def test_parameters_of_a_wrong_form(simulate: Simulate, name: str, value: str) -> None:
    answer = get(simulate().url, **({"symbol": "DJI", "interval": "1h"} | {name: value}))
    assert (answer.status_code, answer.json()["status"]) == (400, "error")
    assert f"**{name}**" in answer.json()["message"]


def test_usage_includes_the_day_on_a_plan_with_a_days_limit(simulate: Simulate) -> None:
    url = simulate(plan=PLANS["basic"]).url
    get(url, "/price", symbol="DJI,NDX")
    usage = get(url, "/api_usage")
    assert {key: usage.json()[key] for key in ("current_usage", "plan_limit", "daily_usage", "plan_daily_limit")} == {
        "current_usage": 3,
        "plan_limit": 8,
        "daily_usage": 3,
        "plan_daily_limit": 800,
    }
    assert (usage.headers["api-credits-used"], usage.headers["api-credits-left"]) == ("3", "5")
    assert usage.json()["timestamp"] == "2026-03-20 15:00:30"


def test_faults_are_changed_and_counters_read_while_it_runs(simulate: Simulate) -> None:
    url = simulate().url
    assert len(rows(url)) == 60
    changed = httpx.post(f"{url}/_control/faults", json={"faults": ["keep_oldest", "gated@NDX"]})
    assert changed.status_code == 200
    assert get(url, symbol="NDX", interval="1h").status_code == 404
    assert httpx.get(f"{url}/_control/stats").json() == {"calls": 2, "credits": 2, "limited": 0}
    for wrong in ({"faults": ["magic"]}, {"faults": 5}, {}, []):
        assert httpx.post(f"{url}/_control/faults", json=wrong).status_code == 400
    assert get(url, symbol="NDX", interval="1h").status_code == 404, "an invalid change has no effect"


def test_bursts_begin_anew_when_faults_are_set(simulate: Simulate) -> None:
    simulator = simulate()
    for _ in range(2):
        simulator.set_faults("broken=1/3")
        assert [get(simulator.url, "/price", symbol="DJI").status_code >= 500 for _ in range(2)] == [True, False]


def test_no_more_is_made_than_is_answered(simulate: Simulate) -> None:
    before = prices._session.cache_info()
    asked = {"symbol": "NZD/USD", "interval": "1h", "start_date": "2021-01-04", "outputsize": "100"}
    assert len(get(simulate().url, **asked).json()["values"]) == 100
    after = prices._session.cache_info()
    assert (after.hits + after.misses) - (before.hits + before.misses) < 40, "of about 1,300 sessions since then"


def test_an_instant_may_name_its_zone(simulate: Simulate) -> None:
    window = {"start_date": "2026-03-19T11:00:00+01:00", "end_date": "2026-03-19T10:04:00Z"}
    assert [row["datetime"][-8:] for row in rows(simulate().url, timezone="America/New_York", **window)] == [
        f"06:0{minute}:00" for minute in range(5)
    ]


def test_the_days_credits_come_back_at_midnight_utc() -> None:
    meter = Meter(Plan(per_minute=None, per_day=2))
    evening, midnight = datetime(2026, 3, 20, 23, 59, 59, tzinfo=UTC), datetime(2026, 3, 21, tzinfo=UTC)
    meter.charge(2, evening)
    with pytest.raises(Refusal, match="for the day"):
        meter.charge(1, evening)
    meter.charge(2, midnight)
    assert meter.usage(midnight)["daily_usage"] == 2


def test_the_control_endpoints_answer_to_loopback_only() -> None:
    def request(host: str) -> Request:
        return Request({"type": "http", "client": (host, 5000)})

    _only_loopback(request("127.0.0.1"))
    _only_loopback(request("::1"))
    with pytest.raises(HTTPException):
        _only_loopback(request("192.0.2.7"))


def test_slow_answers_take_their_time(simulate: Simulate) -> None:
    assert get(simulate(faults=["slow=0.2"]).url, "/price", symbol="DJI").elapsed.total_seconds() > 0.2


def test_a_clock_before_all_history_has_no_data(simulate: Simulate) -> None:
    url = simulate(clock=FrozenClock(datetime(1999, 12, 1, tzinfo=UTC))).url
    assert get(url, symbol="DJI", interval="1day").json()["code"] == 400
