"""The board's answers are what the tables hold, to the last digit; what is wrong is said; the how-to is right."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tradematrix_pipelines_tests.board.served import Served

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "read-over-http.md").read_text()
PIVOTS = ("pp", "r1", "r2", "r3", "r4", "r5", "s1", "s2", "s3", "s4", "s5")
DAILY = ("y_open", "y_high", "y_low", "y_close", "prev_week_high", "prev_week_low", "atr_14")
OF_DAX = "JOIN market_symbols AS s ON s.id = symbol_id WHERE s.symbol = 'DAX'"


def written(moment: datetime) -> str:
    """Return an instant as the board writes it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def test_symbols(served: Served) -> None:
    stored = served.rows("SELECT * FROM market_symbols WHERE active ORDER BY id")
    symbols = served.get("symbols")["symbols"]
    for name in ("symbol", "alias", "instrument", "calendar", "timezone", "exchange", "currency", "tick_size"):
        assert [symbol[name] for symbol in symbols] == [row[name] for row in stored], name
    assert {symbol["symbol"]: symbol["digits"] for symbol in symbols} == {
        "DAX": 2, "NDX": 3, "DJI": 1, "EUR/USD": 5, "XAG/USD": 3,
    }  # fmt: skip


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "1h", "1d"])
def test_stored_candles(served: Served, timeframe: str) -> None:
    answer = served.get(
        "candles", symbol="eurusd", timeframe=timeframe, first="2026-11-19", last="2026-11-20", limit=10_000
    )
    stored = served.rows(
        """SELECT o.* FROM ohlc AS o JOIN market_symbols AS s ON s.id = o.symbol_id
        WHERE s.symbol = 'EUR/USD' AND timeframe = %s AND ts >= '2026-11-18 22:00Z' AND ts < '2026-11-20 22:00Z'
        ORDER BY ts""",
        timeframe,
    )
    assert len(stored) == {"1m": 2880, "5m": 576, "15m": 192, "1h": 48, "1d": 2}[timeframe]
    assert [candle["ts"] for candle in answer["candles"]] == [written(row["ts"]) for row in stored]
    for name in ("open", "high", "low", "close", "volume", "source"):
        assert [candle[name] for candle in answer["candles"]] == [row[name] for row in stored], name
    assert {candle["trade_date"] for candle in answer["candles"]} == {"2026-11-19", "2026-11-20"}
    assert (answer["symbol"], answer["digits"], answer["incomplete"]) == ("EUR/USD", 5, [])


def test_older_candles_are_there_to_the_first_one_and_each_comes_once(served: Served) -> None:
    stored = served.rows(f"SELECT ts FROM ohlc {OF_DAX} AND timeframe = '15m' ORDER BY ts")
    seen: list[str] = []
    end: dict[str, str] = {}
    while True:
        answer = served.get("candles", symbol="DAX", timeframe="15m", limit=100, **end)
        seen = [candle["ts"] for candle in answer["candles"]] + seen
        if answer["next_to"] is None:
            break
        end = {"last": answer["next_to"]}
    assert seen == [written(row["ts"]) for row in stored]


def test_nothing_is_stored_so_far_back(served: Served) -> None:
    for end in ("2024-05-07T10:00Z", "2024-05-07"):
        answer = served.get("candles", symbol="DAX", timeframe="1h", last=end)
        assert (answer["candles"], answer["next_to"]) == ([], None)
    assert served.get("candles", symbol="NDX", timeframe="1h")["candles"] == []
    assert served.get("candles", symbol="DAX", timeframe="1h", first="2099-01-01")["candles"] == []


def test_an_end_that_is_to_come_is_now(served: Served) -> None:
    newest = served.get("candles", symbol="DAX", timeframe="1h", limit=3)
    assert len(newest["candles"]) == 3
    assert served.get("candles", symbol="DAX", timeframe="1h", limit=3, last="2099-01-01") == newest


def test_made_candles_and_incomplete_sessions(served: Served) -> None:
    [week] = served.get("candles", symbol="DAX", timeframe="1w", first="2026-11-16", last="2026-11-20")["candles"]
    [row] = served.rows(
        f"SELECT max(high) AS high, min(low) AS low FROM ohlc {OF_DAX} AND timeframe = '1d' AND ts >= '2026-11-16'"
    )
    assert (week["high"], week["low"], week["trade_date"]) == (row["high"], row["low"], "2026-11-16")
    minutes = served.get("candles", symbol="DAX", timeframe="1m", first="2026-11-17", last="2026-11-17")
    [incomplete] = minutes["incomplete"]
    assert incomplete["trade_date"] == "2026-11-17"
    assert "501 of 510 bars" in incomplete["reason"]


@pytest.mark.parametrize("day", [None, "2026-11-20"])
def test_levels(served: Served, day: str | None) -> None:
    answer = served.get("levels", symbol="DAX", **({} if day is None else {"date": day}))
    trade_date = day or "2026-11-23"
    assert answer["trade_date"] == trade_date
    daily = served.rows(f"SELECT * FROM levels_daily {OF_DAX} AND trade_date = %s", trade_date)
    pivots = served.rows(f"SELECT * FROM pivot_levels {OF_DAX} AND trade_date = %s", trade_date)
    assert answer["daily"] == {name: daily[0][name] for name in DAILY}
    assert answer["from_session"] == str(daily[0]["y_trade_date"])
    assert (answer["verdict"], answer["computed_at"]) == ("accepted", written(daily[0]["computed_at"]))
    assert len(pivots) == 5
    assert answer["pivots"] == {
        row["method"]: {name: row[name] for name in PIVOTS if row[name] is not None} for row in pivots
    }
    absent = served.get("levels", symbol="DAX", date="2026-11-21")
    assert (absent["daily"], absent["pivots"], absent["verdict"]) == ({}, {}, None)
    assert "Saturday" in absent["unavailable_reason"]


def test_the_level_book(served: Served) -> None:
    answer = served.get("level-book", symbol="dax", date="2026-11-20")
    stored = served.rows(f"SELECT levels.* FROM levels {OF_DAX} AND trade_date = '2026-11-20'")
    assert len(answer["levels"]) == len(stored) > 50
    by_key = {(level["kind"], level["name"]): level for level in answer["levels"]}
    for row in stored:
        level = by_key[row["kind"], row["name"]]
        for name in ("price", "unit", "timeframe", "verdict"):
            assert level[name] == row[name]
        assert (level["known_at"], level["published_at"]) == (written(row["known_at"]), written(row["published_at"]))
        assert (level["first_date"], level["last_date"]) == (str(row["first_date"]), str(row["last_date"]))


def test_touches(served: Served) -> None:
    [row] = served.rows(f"SELECT level_touches.* FROM level_touches {OF_DAX}")
    [touch] = served.get("touches", symbol="DAX", date="2026-11-20")["touches"]
    assert (touch["level"], touch["level_price"], touch["price"]) == ("y_high", row["level_price"], row["price"])
    assert (touch["at"], touch["notified_at"]) == ("2026-11-20T10:01:00Z", "2026-11-20T10:02:00Z")
    assert served.get("touches", symbol="DAX", date="2026-11-19")["touches"] == []


def test_quotes(served: Served) -> None:
    quotes = {quote["symbol"]: quote for quote in served.get("quotes")["quotes"]}
    assert list(quotes) == ["DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"]
    dax, [row] = quotes["DAX"], served.rows(f"SELECT current_prices.* FROM current_prices {OF_DAX}")
    for name in ("price", "change", "change_percent", "session_high", "session_low", "source"):
        assert dax[name] == row[name], name
    assert (dax["at"], dax["trade_date"], dax["provenance"]) == ("2026-11-20T16:30:00Z", "2026-11-20", "simulated")
    levels = served.get("levels", symbol="DAX")
    prices = {name: price for name, price in levels["daily"].items() if name != "atr_14"}
    prices |= {f"classic {name}": price for name, price in levels["pivots"]["classic"].items()}
    above = {name: price for name, price in prices.items() if price is not None and price >= dax["price"]}
    below = {name: price for name, price in prices.items() if price is not None and price < dax["price"]}
    assert dax["above"]["price"] == prices[dax["above"]["name"]] == min(above.values())
    assert dax["below"]["price"] == prices[dax["below"]["name"]] == max(below.values())
    assert dax["below"]["distance"] == max(below.values()) - dax["price"] < 0
    assert dax["levels_date"] == dax["market"]["trade_date"] == "2026-11-23"
    assert (dax["market"]["open"], dax["market"]["next_opening"]) == (False, "2026-11-23T08:00:00Z")
    assert dax["freshness"] == {"fresh": True, "reason": None}
    assert dax["last_session"]["trade_date"] == "2026-11-20"
    assert (dax["last_session"]["status"], dax["last_session"]["verdict"]) == ("complete", "accepted")
    # Without live pulls: the newest stored minute.
    euro, [minute] = quotes["EUR/USD"], served.rows(
        """SELECT close FROM ohlc JOIN market_symbols AS s ON s.id = symbol_id
        WHERE s.symbol = 'EUR/USD' AND timeframe = '1m' ORDER BY ts DESC LIMIT 1"""
    )  # fmt: skip
    assert (euro["price"], euro["session_high"], euro["at"]) == (minute["close"], None, "2026-11-20T22:00:00Z")
    assert euro["change"] == euro["price"] - euro["previous_close"]
    empty = quotes["NDX"]
    assert (empty["price"], empty["change"], empty["above"], empty["provenance"]) == (None, None, None, None)
    assert served.get("quotes", symbol="dax")["quotes"] == [dax]


def test_coverage(served: Served) -> None:
    answer = served.get("coverage", symbol="DAX", first="2026-11-06", last="2026-11-24")
    days = {day["trade_date"]: day for day in answer["days"]}
    assert len(days) == 13  # weekdays
    assert {name: day["status"] for name, day in days.items()} == {
        "2026-11-06": "unfetched", "2026-11-09": "unfetched", "2026-11-10": "complete", "2026-11-11": "complete",
        "2026-11-12": "complete", "2026-11-13": "complete", "2026-11-16": "complete", "2026-11-17": "partial",
        "2026-11-18": "complete", "2026-11-19": "complete", "2026-11-20": "complete", "2026-11-23": "upcoming",
        "2026-11-24": "upcoming",
    }  # fmt: skip
    assert [name for name, day in days.items() if not day["ok"]] == ["2026-11-17", "2026-11-18"]
    gap = days["2026-11-17"]
    assert "501 of 510 bars" in gap["reason"]
    assert gap["command"] == "tradematrix backfill DAX --from 2026-11-17 --to 2026-11-17"
    assert gap["dagster_path"] == "/assets/ohlc_1m?view=partitions&partition=2026-11-17%7CDAX"
    doubt = days["2026-11-18"]
    assert (doubt["verdict"], doubt["command"]) == ("doubtful", "tradematrix accept DAX 2026-11-18 --reason …")
    assert "a spike" in doubt["reason"]
    assert doubt["findings"][-1] == {
        "timeframe": "1m", "kind": "wick", "severity": "doubt", "message": "a spike of 7.5", "value": 7.5,
        "threshold": 6.0, "at": "2026-11-18T09:00:00Z",
    }  # fmt: skip
    stored = served.rows(f"SELECT session_coverage.* FROM session_coverage {OF_DAX} ORDER BY trade_date, timeframe")
    series = [(name, one) for name, day in days.items() for one in day["timeframes"]]
    assert len(series) == len(stored) == 45
    for row, (name, one) in zip(stored, series, strict=True):
        assert (str(row["trade_date"]), row["timeframe"]) == (name, one["timeframe"])
        for column in ("status", "final", "expected", "received", "rejected", "longest_gap", "source", "verdict"):
            assert one[column] == row[column], (name, column)
    holiday = served.get("coverage", symbol="DAX", first="2026-12-25", last="2026-12-25")["days"]
    assert [(day["status"], day["ok"], day["reason"]) for day in holiday] == [
        ("closed", True, "no session: a holiday of XETR")
    ]


def test_incidents(served: Served) -> None:
    [opened] = served.get("incidents")["incidents"]
    assert (opened["key"], opened["kind"], opened["message"]) == ("stale|DAX", "stale_market", "DAX has no bar")
    assert (opened["opened_at"], opened["closed_at"], opened["notified"]) == ("2026-11-20T09:00:00Z", None, True)
    both = served.get("incidents", open=False)["incidents"]
    assert [incident["key"] for incident in both] == ["stale|DAX", "stale|NDX"]
    assert (both[1]["closed_at"], both[1]["notified"]) == ("2026-11-19T16:00:00Z", False)


def test_credits(served: Served) -> None:
    [vendor] = served.get("credits")["vendors"]
    assert (vendor["vendor"], vendor["per_minute"], vendor["per_day"]) == ("twelve_data", 8, 800)
    assert (vendor["day_used"], vendor["day_left"]) == (12, 788)
    assert vendor["by_purpose"] == {"live": 5, "backfill": 7}
    assert vendor["resets_at"] == "2026-11-21T00:00:00Z"
    assert len(vendor["hours"]) == 24
    spent = {hour["hour"]: hour["by_purpose"] for hour in vendor["hours"] if hour["total"]}
    assert spent == {"2026-11-20T09:00:00Z": {"live": 5}, "2026-11-20T17:00:00Z": {"backfill": 7}}
    budgets = {budget["purpose"]: (budget["per_minute"], budget["per_day"]) for budget in vendor["budgets"]}
    assert (budgets["live"], budgets["backfill"]) == ((8, 800), (6, 600))


def test_upcoming(served: Served) -> None:
    answer = served.get("upcoming")
    events = [(event["at"], event["kind"], event["symbol"]) for event in answer["events"]]
    assert events == sorted(events, key=lambda event: event[0])
    assert ("2026-11-21T00:00:00Z", "credits_reset", None) in events
    assert ("2026-11-21T06:55:00Z", "deadline", None) in events
    assert ("2026-11-23T08:00:00Z", "open", "DAX") in events
    assert ("2026-11-23T16:30:00Z", "close", "DAX") in events
    # Five minutes after its first attempt.
    assert ("2026-11-20T23:05:00Z", "fetch", "DAX") in events


def test_sessions_and_status(served: Served) -> None:
    answer = served.get("sessions", symbol="EUR/USD", first="2026-11-19", last="2026-11-22")
    assert [(one["trade_date"], one["opens_at"], one["closes_at"]) for one in answer["sessions"]] == [
        ("2026-11-19", "2026-11-18T22:00:00Z", "2026-11-19T22:00:00Z"),
        ("2026-11-20", "2026-11-19T22:00:00Z", "2026-11-20T22:00:00Z"),
    ]
    status = served.get("status")
    assert (status["now"], status["clock"], status["vendor"]) == ("2026-11-20T23:00:00Z", "trial", "twelve_data")
    assert (status["symbols"], status["open_incidents"], status["provenance"]) == (5, 1, "simulated")
    assert (status["newest_price_at"], status["dagster_url"]) == ("2026-11-20T22:00:00Z", "http://127.0.0.1:3000")


@pytest.mark.parametrize(
    ("path", "params", "status", "says"),
    [
        ("levels", {"symbol": "DX"}, 404, "unknown symbol 'DX': did you mean NDX? There are DAX, NDX"),
        ("levels", {}, 422, "symbol: field required"),
        ("levels", {"symbol": "DAX", "dat": "2026-11-20"}, 422, "did you mean date?"),
        ("levels", {"symbol": "DAX", "date": "20261120"}, 422, "date: string should match pattern"),
        ("levels", {"symbol": "DAX", "date": "2026-02-30"}, 422, "date='2026-02-30' is no time"),
        ("levels", {"symbol": "DAX", "date": "0001-01-01"}, 422, "beyond every calendar"),
        ("candles", {"symbol": "DAX", "timeframe": "7d"}, 422, "there is no timeframe '7d'"),
        ("candles", {"symbol": "DAX", "timeframe": "1m", "limit": 10_001}, 422, "less than or equal to 10000"),
        ("candles", {"symbol": "DAX", "timeframe": "1m", "first": "2026-11-20T08:00"}, 422, "has no zone"),
        (
            "candles",
            {"symbol": "DAX", "timeframe": "1m", "first": "0001-01-01T00:00+14:00"},
            422,
            "beyond every calendar",
        ),
        (
            "candles",
            {"symbol": "DAX", "timeframe": "1m", "first": "2026-11-20", "last": "2026-11-19"},
            422,
            "from=2026-11-20 is after to=2026-11-19: swap them",
        ),
        ("coverage", {"symbol": "DAX", "first": "2020-01-01", "last": "2026-11-19"}, 422, "longer than 400 days"),
        ("sessions", {"symbol": "DAX", "first": "2026-11-20", "last": "2026-11-19"}, 422, "swap them"),
        ("nothing", {}, 404, "/docs lists what there is"),
    ],
)
def test_what_is_wrong_is_said(served: Served, path: str, params: dict[str, object], status: int, says: str) -> None:
    answer = served.ask(path, **params)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], says in problem["detail"]) == (status, True), problem["detail"]


def test_a_trade_date_is_a_date_of_the_calendar(served: Served) -> None:
    one = served.get("candles", symbol="EUR/USD", timeframe="1h", first="2026-11-20", last="2026-11-20")["candles"]
    assert date.fromisoformat(one[0]["trade_date"]) == date(2026, 11, 20)
    assert (one[0]["ts"], one[-1]["ts"]) == ("2026-11-19T22:00:00Z", "2026-11-20T21:00:00Z")


def test_the_pages_python_runs(served: Served) -> None:
    [block] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block.replace("http://127.0.0.1:3001", served.url), names)
    [row] = served.rows(
        "SELECT l.* FROM levels_daily AS l JOIN market_symbols AS s ON s.id = symbol_id "
        "WHERE s.symbol = 'DAX' AND trade_date = '2026-11-20'"
    )
    assert names["levels"]["daily"]["y_high"] == row["y_high"]
    assert len(names["closes"]) == 6
    names["board"].close()


def test_the_page_and_the_module_list_the_addresses_that_there_are(served: Served) -> None:
    described = served.ask("../../openapi.json").json()["paths"]
    there = {path.removeprefix("/api/v1/") for path in described if path.startswith("/api/v1/")}
    assert set(re.findall(r"^\| `([a-z-]+)", PAGE, re.MULTILINE)) == there
    module = (ROOT / "tradematrix_pipelines" / "board" / "app.py").read_text()
    assert set(re.findall(r"^``GET /api/v1/([a-z-]+)", module, re.MULTILINE)) == there


def test_each_address_says_in_a_line_what_it_is_for(served: Served) -> None:
    for path, operations in served.ask("../../openapi.json").json()["paths"].items():
        assert "\n" not in operations["get"]["summary"], path
        assert len(operations["get"]["summary"]) > 15, path


def test_morning_pages_are_listed_and_each_is_served_as_it_is_stored(served: Served) -> None:
    assert served.get("reports") == {"reports": []}
    html = "<!doctype html><title>Grüße</title>"
    with served.connect() as connection:
        for day in ("2026-11-19", "2026-11-20"):
            connection.execute("INSERT INTO morning_reports VALUES (%s, %s, '2026-11-20 06:58Z')", (day, html))
    listed = served.get("reports")["reports"]
    assert [report["trade_date"] for report in listed] == ["2026-11-20", "2026-11-19"]
    newest = listed[0]
    assert (newest["written_at"], newest["size"]) == ("2026-11-20T06:58:00Z", len(html.encode()))
    page = httpx.get(f"{served.url}{newest['path']}")
    assert (page.status_code, page.headers["content-type"], page.text) == (200, "text/html; charset=utf-8", html)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';"), "nothing in it is run"
    absent, wrong = (httpx.get(f"{served.url}/reports/{day}") for day in ("2026-11-18", "yesterday"))
    assert (absent.status_code, wrong.status_code) == (404, 422)
    assert absent.json()["detail"].startswith("there is no morning page of 2026-11-18: `tradematrix report --date")
