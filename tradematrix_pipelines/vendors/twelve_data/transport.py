"""One call over HTTP: booked in the ledger, sent, judged, and retried where that may help.

Here: the key, the bounds of a call. Not here: the HTTP exchange (``bounded``), the query (``query``), the meaning of
the answer (``outcomes``, ``responses``), when to try again (``retrying``).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import httpx

from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.vendors.bounded import BoundedClient, Bounds, TooLarge
from tradematrix_pipelines.vendors.credits import Ledger, Reservation
from tradematrix_pipelines.vendors.errors import BadKey, MalformedAnswer, MinuteLimit, VendorError, VendorFault
from tradematrix_pipelines.vendors.retrying import RetryPolicy, retrying
from tradematrix_pipelines.vendors.twelve_data.outcomes import open_answer, read_count
from tradematrix_pipelines.vendors.twelve_data.query import MAX_BARS, Params

T = TypeVar("T")

_BYTES_A_BAR = 130
_MARGIN = 10
"""How many times its usual bytes an answer may have."""

SERIES_BOUNDS = Bounds(timeout=30.0, deadline=60.0, max_bytes=_MARGIN * MAX_BARS * _BYTES_A_BAR)
"""What an answer of up to 5,000 bars may take."""

LIVE_BOUNDS = replace(SERIES_BOUNDS, timeout=10.0, deadline=15.0)
"""What a live pull may take: the next one follows within a minute."""

LIVE_ATTEMPTS = 1
"""Attempts of a symbol's own call in a live pull: the call for all symbols was the first, and the next pull is near."""

QUOTE_BOUNDS = Bounds(timeout=10.0, deadline=20.0, max_bytes=1_000_000)
"""What a small answer may take."""


def most_bytes(bars: int) -> int:
    """Return the bytes that an answer of so many bars, for several symbols, may take."""
    return QUOTE_BOUNDS.max_bytes + _MARGIN * bars * _BYTES_A_BAR


_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request, and its terms.

    Attributes:
        about: what is asked for of the symbols, as error messages name it, e.g. ``1m``.
        credits: what the call costs.
        purpose: what the credits are booked under.
        bounds: seconds and bytes that the answer may take.
        attempts: most attempts, where they are fewer than those of the :class:`RetryPolicy`.
    """

    path: str
    params: Params
    about: str
    credits: int = 1
    purpose: str
    bounds: Bounds = QUOTE_BOUNDS
    attempts: int | None = None

    @property
    def what(self) -> str:
        """What is asked for, e.g. ``GDAXI 1m``."""
        return f"{self.params.get('symbol', '')} {self.about}".strip()


class Transport:
    """Sends calls to one server with one key. Safe to use from several threads."""

    def __init__(
        self, *, vendor: str, base_url: str, key: str, ledger: Ledger, clock: Clock, retry_policy: RetryPolicy
    ) -> None:
        address = _parse_address(base_url)
        if not (key.isascii() and key.isprintable() and key):
            raise BadKey(
                "the Twelve Data key is empty or contains characters that no key has: check TWELVE_DATA_API_KEY"
            )
        self._vendor = vendor
        self._key = key
        self._ledger = ledger
        self._clock = clock
        self._retry_policy = retry_policy
        # The key goes into a header, never into the URL: URLs get logged.
        self._http = BoundedClient(
            address,
            headers={"Authorization": f"apikey {key}"},
            trust_env=address.host not in _LOOPBACK,  # a local simulator is never behind a proxy
        )

    def send(self, call: Call, read: Callable[[object | None], T]) -> tuple[T, int]:
        """Send a call until it is answered and the answer can be read, as far as :class:`RetryPolicy` goes.

        Return the value read, and how many requests it took; each of them cost ``call.credits``.

        Args:
            call: what is sent.
            read: makes a value of the decoded body, or of ``None`` for an empty window. What it raises is
                retried like any other error.

        Raises:
            VendorError: that of the last attempt; it says what all attempts cost.
        """
        sent = 0
        most = self._retry_policy.attempts
        attempts = most if call.attempts is None else min(call.attempts, most)
        try:
            for attempt in retrying(replace(self._retry_policy, attempts=attempts), self._clock):
                with attempt:
                    reservation = self._ledger.reserve(vendor=self._vendor, credits=call.credits, purpose=call.purpose)
                    sent += 1
                    return read(self._judge(call, reservation, self._exchange(call, reservation))), sent
        except VendorError as error:
            error.credits = sent * call.credits
            error.redact(self._key)
            raise
        raise AssertionError  # the last attempt returns or raises

    def reserve_some(self, most: int, *, purpose: str) -> Reservation:
        """Book the credits of a call for up to ``most`` symbols: as many as are free, else the next one that is.

        Raises:
            VendorError: none is free in time (``Ledger.reserve``).
        """
        return self._ledger.reserve(vendor=self._vendor, credits=most, purpose=purpose, at_least=1)

    def send_once(self, call: Call, reservation: Reservation, read: Callable[[object | None], T]) -> T:
        """Send a call whose credits are booked, once, and return the value that ``read`` makes of its answer.

        Raises:
            VendorError: there is no answer, or none that can be read.
        """
        try:
            return read(self._judge(call, reservation, self._exchange(call, reservation)))
        except VendorError as error:
            error.credits = reservation.credits
            error.redact(self._key)
            raise

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _exchange(self, call: Call, reservation: Reservation) -> httpx.Response:
        """Send; a booking whose answer never came is settled here."""
        try:
            return self._http.get(call.path, call.params, call.bounds)
        except httpx.RequestError as error:
            self._ledger.settle(reservation, charged=0 if isinstance(error, _NEVER_SENT) else None)
            if isinstance(error, TooLarge | httpx.DecodingError):
                raise MalformedAnswer(f"the answer for {call.what} is not one of Twelve Data's: {error}") from None
            raise VendorFault(
                f"no answer from {self._http.base_url.host} for {call.what} ({type(error).__name__}): "
                "check the connection, or try again later"
            ) from None

    def _judge(self, call: Call, reservation: Reservation, response: httpx.Response) -> object | None:
        """Return the decoded body, or ``None`` for an empty window, and settle the booking by what the answer says."""
        refused = False
        try:
            return open_answer(
                response.status_code,
                response.headers,
                response.content,
                what=call.what,
                secret=self._key,
                now=self._clock.now(),
            )
        except MinuteLimit:
            refused = True
            raise
        finally:
            self._ledger.settle(
                reservation,
                charged=None,  # sources conflict on whether refused and empty calls are free: trust the vendor's count
                used=read_count(response.headers, "api-credits-used"),
                left=read_count(response.headers, "api-credits-left"),
                refused=refused,
            )


def _parse_address(text: str) -> httpx.URL:
    try:
        address = httpx.URL(text)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in {"http", "https"} or not address.host:
        raise UsageError("TRADEMATRIX_TWELVE_DATA_URL is not the address of a server: write one like https://host:port")
    return address
