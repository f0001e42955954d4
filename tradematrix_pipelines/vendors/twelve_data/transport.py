"""One call over HTTP: booked in the ledger, sent, judged, and tried again where that may help.

Here: connections, timeouts, the key. Not here: what is asked (``query``), what the answer says (``answer``), when to
try again (``patience``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import httpx

from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.vendors.credits import Ledger
from tradematrix_pipelines.vendors.errors import BadKey, VendorFault
from tradematrix_pipelines.vendors.twelve_data.outcomes import Outcome, Verdict, judge, read_json, to_error
from tradematrix_pipelines.vendors.twelve_data.patience import Patience, patiently
from tradematrix_pipelines.vendors.twelve_data.query import Params

T = TypeVar("T")

SERIES_TIMEOUT = 30.0
"""Seconds that an answer of up to 5,000 bars may take."""

QUOTE_TIMEOUT = 10.0
"""Seconds that a small answer may take."""

_CONNECTIONS = httpx.Limits(max_connections=16, max_keepalive_connections=16, keepalive_expiry=60)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What is sent, and on what terms.

    Attributes:
        what: what is asked for, as error messages name it, e.g. ``GDAXI 1min``.
        credits: what the call costs.
        purpose: what the credits are booked under.
        timeout: seconds that the answer may take.
    """

    path: str
    params: Params
    what: str
    credits: int = 1
    purpose: str
    timeout: float = QUOTE_TIMEOUT


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply(Generic[T]):
    """What an answer was read as, and what it took: requests sent and credits spent, those of failed tries included."""

    value: T
    calls: int
    credits: int


class Transport:
    """Sends calls to one server with one key. Safe to use from several threads."""

    def __init__(
        self, *, vendor: str, base_url: str, key: str, ledger: Ledger, clock: Clock, patience: Patience
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise UsageError(f"{base_url!r} is no address of a server: it begins with https:// or http://")
        if not (key.isascii() and key.isprintable() and key):
            raise BadKey("the Twelve Data key is empty or holds characters that no key has: check TWELVE_DATA_API_KEY")
        self._vendor = vendor
        self._key = key
        self._ledger = ledger
        self._clock = clock
        self._patience = patience
        # The key goes into a header, never into the URL: URLs get logged.
        self._http = httpx.Client(base_url=base_url, headers={"Authorization": f"apikey {key}"}, limits=_CONNECTIONS)

    def send(self, call: Call, read: Callable[[object | None], T]) -> Reply[T]:
        """Send a call until it is answered and the answer can be read, as far as :class:`Patience` goes.

        Args:
            call: what is sent.
            read: makes a value of the decoded body, or of ``None`` for an empty window. It may raise, and what it
                raises is tried again like any other error.

        Raises:
            VendorError: that of the last try.
        """
        for attempt in patiently(self._patience, self._clock):
            with attempt:
                value = read(self._try(call))
                return Reply(value=value, calls=attempt.num, credits=attempt.num * call.credits)
        raise AssertionError  # the last attempt returns or raises

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _try(self, call: Call) -> object | None:
        response = self._exchange(call)
        body = read_json(response.content)
        verdict = judge(response.status_code, response.headers, body)
        match verdict.outcome:
            case Outcome.OK:
                return body
            case Outcome.EMPTY:
                return None
            case _:
                raise to_error(self._without_key(verdict), what=call.what, now=self._clock.now())

    def _exchange(self, call: Call) -> httpx.Response:
        """Book, send, and correct the booking from what came back."""
        reservation = self._ledger.reserve(vendor=self._vendor, credits=call.credits, purpose=call.purpose)
        try:
            response = self._http.get(call.path, params=call.params, timeout=call.timeout)
        except httpx.RequestError as error:
            self._ledger.settle(reservation, charged=0 if isinstance(error, _NEVER_SENT) else None)
            raise VendorFault(
                f"no answer from {self._http.base_url} for {call.what} ({type(error).__name__}): "
                "check the connection, or try again later"
            ) from None
        self._ledger.settle(
            reservation,
            charged=None,  # sources conflict on whether refused and empty calls are free; the vendor's count tells
            used=_count(response.headers, "api-credits-used"),
            left=_count(response.headers, "api-credits-left"),
        )
        return response

    def _without_key(self, verdict: Verdict) -> Verdict:
        return replace(verdict, message=verdict.message.replace(self._key, "***"))


def _count(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else None
