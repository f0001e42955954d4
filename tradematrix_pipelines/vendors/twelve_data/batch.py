"""One call for several symbols: which fit together, and its answer, an object keyed by symbol. Pure.

Each part of an answer is judged alone, so that one symbol's error does not affect the others.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

from tradematrix_pipelines.vendors.errors import MalformedAnswer, VendorError
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data.outcomes import Outcome, judge, to_error
from tradematrix_pipelines.vendors.twelve_data.pages import Page, bars_in, read_page
from tradematrix_pipelines.vendors.twelve_data.query import MAX_BARS, MAX_SYMBOLS, joint_window, vendor_symbol


def fitting(requests: Sequence[CandleRequest]) -> Sequence[CandleRequest]:
    """Return the first of ``requests``, sorted by their start, that one window serves without being cut.

    One bar more than those of the window is asked for.
    """
    together = [
        count
        for count in range(1, min(len(requests), MAX_SYMBOLS) + 1)
        if count == 1 or bars_in(joint_window(requests[:count])) < MAX_BARS
    ]
    return requests[: together[-1]]


def read_batch(
    requests: Sequence[CandleRequest], body: object | None, *, now: datetime
) -> dict[str, Page | VendorError]:
    """Return each symbol's page, or its error, by :attr:`Symbol.name`.

    A single symbol's answer is not keyed by symbol.

    Args:
        body: the decoded body; ``None`` for an empty window, which only a single symbol's answer can be.

    Raises:
        MalformedAnswer: the body is not an object.
    """
    if body is None and len(requests) == 1:
        return {requests[0].symbol.name: read_page(requests[0], None)}
    if not isinstance(body, dict):
        raise MalformedAnswer("the answer for several symbols is not an object keyed by symbol")
    parts = {vendor_symbol(requests[0].symbol): body} if len(requests) == 1 and "meta" in body else body
    return {request.symbol.name: _part(request, parts, now) for request in requests}


def _part(request: CandleRequest, parts: Mapping[str, object], now: datetime) -> Page | VendorError:
    name = vendor_symbol(request.symbol)
    if name not in parts:
        return MalformedAnswer(f"the answer has no part for {name}")
    verdict = judge(HTTPStatus.OK, {}, parts[name])
    if verdict.outcome not in {Outcome.OK, Outcome.EMPTY}:
        return to_error(verdict, what=f"{name} {request.timeframe}", now=now)
    try:
        return read_page(request, parts[name] if verdict.outcome is Outcome.OK else None)
    except VendorError as error:
        return error
