"""What an answer means, as a table: each error body at its own status and inside HTTP 200, and other bodies."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tradematrix_pipelines.vendors import errors
from tradematrix_pipelines.vendors.twelve_data.outcomes import Outcome, Verdict, judge, open_answer, read_json, to_error

NOW = datetime(2026, 11, 20, 13, 5, 12, tzinfo=UTC)

ERRORS = {
    "empty_window_http400": (400, Outcome.EMPTY),
    "plan_gated_http404": (404, Outcome.NOT_IN_PLAN),
    "bad_symbol_http404": (404, Outcome.BAD_SYMBOL),
    "minute_credits_http429": (429, Outcome.MINUTE_LIMIT),
    "day_credits_http429": (429, Outcome.DAY_LIMIT),
    "bad_key_http401": (401, Outcome.BAD_KEY),
    "endpoint_plan_http403": (403, Outcome.NOT_IN_PLAN),
}


def test_the_table_has_every_error(either: Callable[[str], Any]) -> None:
    assert set(ERRORS) == set(either("errors"))


@pytest.mark.parametrize("as_http_200", [False, True], ids=["real status", "inside 200"])
@pytest.mark.parametrize("name", ERRORS)
def test_errors(either: Callable[[str], Any], name: str, as_http_200: bool) -> None:
    status, outcome = ERRORS[name]
    verdict = judge(200 if as_http_200 else status, {}, either("errors")[name])
    assert verdict.outcome is outcome


@pytest.mark.parametrize("prefix", ["time_series_NDX", "time_series_EURUSD", "time_series_multi_forex"])
def test_answers_are_good(golden: Callable[[str], Any], prefix: str) -> None:
    assert judge(200, {}, golden(prefix)) == Verdict(Outcome.OK)


@pytest.mark.parametrize(
    "prefix", ["time_series_AAPL", "time_series_DJI", "time_series_EURUSD", "time_series_multi_forex"]
)
def test_recorded_answers_are_good(recorded: Callable[[str], Any], prefix: str) -> None:
    assert judge(200, {}, recorded(prefix)) == Verdict(Outcome.OK)


def test_parts_of_a_batch(either: Callable[[str], Any]) -> None:
    batch = either("time_series_multi_GET_partial_error")
    outcomes = {name: judge(200, {}, part).outcome for name, part in batch.items()}
    assert outcomes.pop("INVALID") is Outcome.BAD_SYMBOL
    assert list(outcomes.values()) == [Outcome.OK]


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"price": "1.16"}', Outcome.OK),
        (200, b'{"status": "ok", "values": []}', Outcome.EMPTY),
        (200, b"<html>One moment</html>", Outcome.MALFORMED),
        (403, b"<html>Forbidden</html>", Outcome.MALFORMED),
        (200, b'{"values": [{"open": "1.1', Outcome.MALFORMED),
        (200, b"", Outcome.MALFORMED),
        (200, b"null", Outcome.MALFORMED),
        (200, b"17", Outcome.MALFORMED),
        (200, b'"ok"', Outcome.MALFORMED),
        (200, b"\xff\xfe", Outcome.MALFORMED),
        (200, b"[" * 100_000, Outcome.MALFORMED),
        (302, b"", Outcome.MALFORMED),
        (500, b"Internal Server Error", Outcome.FAULT),
        (502, b"<html>Bad gateway</html>", Outcome.FAULT),
        (200, b'{"code": 500, "message": "oops", "status": "error"}', Outcome.FAULT),
        (503, b'{"status": "ok", "values": []}', Outcome.FAULT),
        (408, b"{}", Outcome.FAULT),
        (429, b"slow down", Outcome.MINUTE_LIMIT),
        (429, b'{"message": "too many"}', Outcome.MINUTE_LIMIT),
        (401, b'{"code": 401, "message": "no", "status": "error"}', Outcome.BAD_KEY),
        (403, b'{"code": 403, "message": "no", "status": "error"}', Outcome.NOT_IN_PLAN),
        (404, b'{"code": 404, "message": "no", "status": "error"}', Outcome.BAD_REQUEST),
        (414, b'{"code": 414, "message": "too long", "status": "error"}', Outcome.BAD_REQUEST),
        (400, b'{"code": 400, "message": "**interval** parameter is invalid", "status": "error"}', Outcome.BAD_REQUEST),
        (200, b'{"status": "error"}', Outcome.BAD_REQUEST),
        (200, b'{"code": true, "price": "1.16"}', Outcome.OK),
        (404, b'{"status": "ok", "values": [1]}', Outcome.BAD_REQUEST),
    ],
)
def test_other_answers(status: int, body: bytes, outcome: Outcome) -> None:
    assert judge(status, {}, read_json(body)).outcome is outcome


def test_a_429_while_the_minute_has_credits_left_is_the_days() -> None:
    body = {"code": 429, "message": "out of credits", "status": "error"}
    assert judge(429, {"api-credits-left": "3"}, body).outcome is Outcome.DAY_LIMIT
    assert judge(429, {"api-credits-left": "0"}, body).outcome is Outcome.MINUTE_LIMIT


@pytest.mark.parametrize(
    ("outcome", "kind", "retryable"),
    [
        (Outcome.BAD_SYMBOL, errors.BadSymbol, False),
        (Outcome.NOT_IN_PLAN, errors.NotInPlan, False),
        (Outcome.BAD_KEY, errors.BadKey, False),
        (Outcome.MINUTE_LIMIT, errors.MinuteLimit, True),
        (Outcome.DAY_LIMIT, errors.DayLimit, False),
        (Outcome.FAULT, errors.VendorFault, True),
        (Outcome.MALFORMED, errors.MalformedAnswer, True),
        (Outcome.BAD_REQUEST, errors.BadRequest, False),
    ],
)
def test_errors_name_what_was_asked_and_what_was_said(
    outcome: Outcome, kind: type[errors.VendorError], retryable: bool
) -> None:
    error = to_error(Verdict(outcome, "the vendor's words"), what="GDAXI 1m", now=NOW)
    assert type(error) is kind
    assert error.retryable is retryable
    assert "GDAXI 1m" in str(error)
    assert "the vendor's words" in str(error)


def test_a_day_limit_says_when_credits_come_back() -> None:
    error = to_error(Verdict(Outcome.DAY_LIMIT), what="GDAXI 1m", now=NOW)
    assert isinstance(error, errors.DayLimit)
    assert error.resumes_at == datetime(2026, 11, 21, tzinfo=UTC)


def test_an_answer_that_repeats_the_key_does_not_spread_it() -> None:
    key = "0123456789abcdef"
    body = json.dumps({"code": 401, "message": f"**apikey** parameter {key} is incorrect", "status": "error"}).encode()
    with pytest.raises(errors.BadKey) as caught:
        open_answer(401, {}, body, what="GDAXI 1m", secret=key, now=NOW)
    assert key not in str(caught.value)
    assert "parameter *** is incorrect" in str(caught.value)


def test_a_long_message_is_cut_after_the_key_is_replaced() -> None:
    key = "0123456789abcdef"
    for length in range(200, 250):
        message = " ".join(["word"] * 60)[:length] + key + " and so on" * 10
        body = json.dumps({"code": 400, "message": message, "status": "error"}).encode()
        with pytest.raises(errors.BadRequest) as caught:
            open_answer(400, {}, body, what="GDAXI 1m", secret=key, now=NOW)
        assert key[:4] not in str(caught.value)
        assert len(str(caught.value)) < 340


def test_an_empty_window_is_no_error(either: Callable[[str], Any]) -> None:
    body = json.dumps(either("errors")["empty_window_http400"]).encode()
    assert open_answer(400, {}, body, what="GDAXI 1m", secret="k" * 8, now=NOW) is None
