"""One call for several symbols: which fit together, and its answer, an object keyed by symbol. Pure.

Each part of an answer is judged alone, so that one symbol's error does not affect the others.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.vendors.errors import MalformedAnswer, VendorError
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data.outcomes import Outcome, judge, to_error
from tradematrix_pipelines.vendors.twelve_data.pages import bars_in
from tradematrix_pipelines.vendors.twelve_data.query import MAX_BARS, MAX_SYMBOLS, joint_window, vendor_symbol

T = TypeVar("T")


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


def read_parts(
    readers: Sequence[tuple[Symbol, Callable[[object | None], T]]], body: object | None, *, about: str, now: datetime
) -> dict[str, T | VendorError]:
    """Return what each symbol's reader makes of its part, or the part's error, by :attr:`Symbol.name`.

    A single symbol's answer is not keyed by symbol.

    Args:
        readers: each takes a decoded part, or ``None`` for an empty window.
        body: the decoded body; ``None`` for an empty window, which only a single symbol's answer can be.
        about: what was asked for of each symbol, as error messages name it, e.g. ``1m``.

    Raises:
        MalformedAnswer: the body is not an object.
    """
    if len(readers) == 1 and (body is None or (isinstance(body, dict) and vendor_symbol(readers[0][0]) not in body)):
        [(symbol, read)] = readers
        return {symbol.name: _read(read, body)}
    if not isinstance(body, dict):
        raise MalformedAnswer("the answer for several symbols is not an object keyed by symbol")
    return {symbol.name: _part(vendor_symbol(symbol), read, body, about=about, now=now) for symbol, read in readers}


def _part(
    name: str, read: Callable[[object | None], T], parts: Mapping[str, object], *, about: str, now: datetime
) -> T | VendorError:
    if name not in parts:
        return MalformedAnswer(f"the answer has no part for {name}")
    verdict = judge(HTTPStatus.OK, {}, parts[name])
    if verdict.outcome not in {Outcome.OK, Outcome.EMPTY}:
        return to_error(verdict, what=f"{name} {about}", now=now)
    return _read(read, parts[name] if verdict.outcome is Outcome.OK else None)


def _read(read: Callable[[object | None], T], part: object | None) -> T | VendorError:
    try:
        return read(part)
    except VendorError as error:
        return error
