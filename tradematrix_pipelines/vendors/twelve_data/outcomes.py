"""What an answer means, and so whether it is tried again. Decided here only.

Here, all pure: :func:`judge`, from status, headers and body to a :class:`Verdict`; :func:`to_error`, from there to the
error with its remedy; :func:`open_answer`, which joins the two. Not here: the candles of a good answer (``responses``).

An error body comes with a real HTTP 4xx or inside HTTP 200, and one code stands for several things (404 is a wrong
symbol and a missing entitlement), so the message is checked first, then the body's code, then HTTP's status.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from textwrap import shorten

from tradematrix_pipelines.vendors.credits import day_resets_at
from tradematrix_pipelines.vendors.errors import (
    BadKey,
    BadRequest,
    BadSymbol,
    DayLimit,
    MalformedAnswer,
    MinuteLimit,
    NotInPlan,
    VendorError,
    VendorFault,
)
from tradematrix_pipelines.vendors.text import clean_tree

_LONGEST_MESSAGE = 240
_MOST_DIGITS = 9
_ROWS = frozenset({"values"})


class Outcome(StrEnum):
    """The outcome of a call."""

    OK = "ok"
    EMPTY = "empty"
    BAD_SYMBOL = "bad symbol"
    NOT_IN_PLAN = "not in plan"
    BAD_KEY = "bad key"
    MINUTE_LIMIT = "minute limit"
    DAY_LIMIT = "day limit"
    FAULT = "vendor fault"
    MALFORMED = "malformed"
    BAD_REQUEST = "bad request"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, with the vendor's own words on one line ("" where it said nothing)."""

    outcome: Outcome
    message: str = ""


_BY_MESSAGE = (
    (re.compile(r"API credits for the day", re.IGNORECASE), Outcome.DAY_LIMIT),
    (re.compile(r"API credits for the current minute", re.IGNORECASE), Outcome.MINUTE_LIMIT),
    (re.compile(r"No data is available on the specified dates", re.IGNORECASE), Outcome.EMPTY),
    (re.compile(r"available starting with|not available with your plan", re.IGNORECASE), Outcome.NOT_IN_PLAN),
    (re.compile(r"\*\*apikey\*\* parameter", re.IGNORECASE), Outcome.BAD_KEY),
    (re.compile(r"\*\*symbol\*\*.*(missing or invalid|not found)", re.IGNORECASE), Outcome.BAD_SYMBOL),
)

_BY_CODE: dict[int, Outcome] = {
    HTTPStatus.UNAUTHORIZED: Outcome.BAD_KEY,
    HTTPStatus.FORBIDDEN: Outcome.NOT_IN_PLAN,
    HTTPStatus.REQUEST_TIMEOUT: Outcome.FAULT,
}

_ERRORS: dict[Outcome, tuple[type[VendorError], str]] = {
    Outcome.BAD_SYMBOL: (BadSymbol, "Twelve Data doesn't know {what}: correct the symbol's name at twelve_data"),
    Outcome.NOT_IN_PLAN: (
        NotInPlan,
        "{what} is not in your Twelve Data plan: upgrade it, deactivate the symbol or use another vendor",
    ),
    Outcome.BAD_KEY: (BadKey, "Twelve Data refused the key, asking for {what}: check TWELVE_DATA_API_KEY"),
    Outcome.MINUTE_LIMIT: (MinuteLimit, "out of Twelve Data credits until the next minute, asking for {what}"),
    Outcome.FAULT: (VendorFault, "Twelve Data failed on {what}: try again later"),
    Outcome.MALFORMED: (MalformedAnswer, "Twelve Data's answer for {what} is not what its protocol promises"),
    Outcome.BAD_REQUEST: (BadRequest, "Twelve Data refused {what} for a reason not known here"),
}


def open_answer(
    status: int, headers: Mapping[str, str], content: bytes, *, what: str, secret: str, now: datetime
) -> object | None:
    """Return the decoded body of a good answer, or ``None`` for an empty window.

    Args:
        status: HTTP status.
        headers: HTTP headers, by names in lower case.
        content: the body as it came.
        what: what was asked for, e.g. ``GDAXI 1m``.
        secret: the key; it is replaced by asterisks wherever the vendor repeats it.
        now: the current instant.

    Raises:
        VendorError: the answer can't be used.
    """
    body = _cleaned(read_json(content), secret)
    verdict = judge(status, headers, body)
    match verdict.outcome:
        case Outcome.OK:
            return body
        case Outcome.EMPTY:
            return None
        case outcome:
            raise to_error(Verdict(outcome, verdict.message), what=what, now=now)


def read_json(content: bytes) -> object | None:
    """Return the decoded body, or ``None`` when it is not JSON."""
    try:
        decoded: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return decoded


def read_count(headers: Mapping[str, str], name: str) -> int | None:
    """Return the count of credits in a header; ``None`` where it is missing or not a count."""
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None


def _cleaned(body: object | None, secret: str) -> object | None:
    """Clean all texts but those of the rows: these are only read as numbers and times."""
    try:
        return clean_tree(body, secret=secret, unread=_ROWS)
    except RecursionError:
        return None


def judge(status: int, headers: Mapping[str, str], body: object | None) -> Verdict:
    """Decide what an answer, or one part of a batch, means.

    Args:
        status: HTTP status; 200 for a part of a batch.
        headers: HTTP headers, by names in lower case.
        body: the decoded JSON; ``None`` when it was not JSON.
    """
    if not isinstance(body, dict):
        return Verdict(_of_foreign_body(status, headers, body))
    message = _message(body)
    code = _error_code(status, body)
    if code is None:
        return Verdict(Outcome.EMPTY if body.get("values") == [] else Outcome.OK)
    for pattern, outcome in _BY_MESSAGE:
        if pattern.search(message):
            return Verdict(outcome, message)
    return Verdict(_of_code(code, headers), message)


def to_error(verdict: Verdict, *, what: str, now: datetime) -> VendorError:
    """Return the error of a verdict that is neither ``OK`` nor ``EMPTY``.

    Args:
        what: what was asked for, e.g. ``GDAXI 1m``.
        now: the current instant; the day's credits come back at the next midnight UTC.
    """
    said = f" (it said: {shorten(verdict.message, _LONGEST_MESSAGE)})" if verdict.message else ""
    if verdict.outcome is Outcome.DAY_LIMIT:
        resumes_at = day_resets_at(now)
        return DayLimit(
            f"asking for {what}, out of Twelve Data credits until {resumes_at:%Y-%m-%d %H:%M} UTC: "
            f"wait, or use a bigger plan{said}",
            resumes_at=resumes_at,
        )
    kind, text = _ERRORS[verdict.outcome]
    return kind(text.format(what=what) + said)


def _of_foreign_body(status: int, headers: Mapping[str, str], body: object | None) -> Outcome:
    """Judge a body that Twelve Data's own server would not send: HTML of a proxy, cut JSON, a bare list or number."""
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _of_code(status, headers)
    return Outcome.OK if isinstance(body, list) and status == HTTPStatus.OK else Outcome.MALFORMED


def _of_code(code: int, headers: Mapping[str, str]) -> Outcome:
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        # The header counts the minute: with credits left in it, the day's credits must be spent.
        return Outcome.DAY_LIMIT if read_count(headers, "api-credits-left") else Outcome.MINUTE_LIMIT
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome.FAULT
    return _BY_CODE.get(code, Outcome.BAD_REQUEST)


def _error_code(status: int, body: Mapping[str, object]) -> int | None:
    """Return the code of an error, the body's before HTTP's; ``None`` when the answer is not an error."""
    code = body.get("code")
    if isinstance(code, int) and not isinstance(code, bool) and code >= HTTPStatus.BAD_REQUEST:
        return code
    if status != HTTPStatus.OK:
        return status
    return HTTPStatus.BAD_REQUEST if body.get("status") == "error" else None


def _message(body: Mapping[str, object]) -> str:
    message = body.get("message")
    return message if isinstance(message, str) else ""
