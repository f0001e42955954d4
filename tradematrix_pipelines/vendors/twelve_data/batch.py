"""One ``/time_series`` answer for several symbols: an object keyed by symbol, each part judged alone. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

from tradematrix_pipelines.vendors.errors import MalformedAnswer, VendorError
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data.outcomes import Outcome, judge, to_error
from tradematrix_pipelines.vendors.twelve_data.pages import Page, read_page
from tradematrix_pipelines.vendors.twelve_data.query import vendor_symbol


def read_batch(
    requests: Sequence[CandleRequest], body: object | None, *, now: datetime
) -> dict[str, Page | VendorError]:
    """Return each symbol's page, or its error, by :attr:`Symbol.name`.

    A single symbol's answer is not keyed by symbol.

    Raises:
        MalformedAnswer: the body is not an object.
    """
    if body is None:
        return {request.symbol.name: read_page(request, None) for request in requests}
    if not isinstance(body, dict):
        raise MalformedAnswer(f"a batch is an object, not {type(body).__name__}")
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
