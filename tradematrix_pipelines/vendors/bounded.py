"""HTTP with bounds: a call ends within its deadline, and an answer uses a bounded amount of memory.

httpx has a timeout for each read, so that an answer of one byte a second never ends, and it decodes a body whatever its
unpacked size. Here the whole call, headers included, has a deadline, and the body is unpacked chunk by chunk. The calls
run in an event loop of their own, where a call can be cancelled wherever it hangs.

Here: one request and its answer. Not here: its cost and its meaning (an adapter's ``transport``), retries
(``retrying``).
"""

import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock

import anyio
import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

_CONNECTIONS = httpx.Limits(max_connections=16, max_keepalive_connections=16, keepalive_expiry=60)
_OF_THE_BODY = {"content-encoding", "content-length", "transfer-encoding"}
"""Headers that are about the body as it was sent, not as it is unpacked."""
_GZIP = 16 + zlib.MAX_WBITS


class TooLarge(httpx.TransportError):
    """The body is larger than an answer may be."""


class TooSlow(httpx.TimeoutException):
    """The answer was not complete by the deadline."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What a call may take.

    Attributes:
        timeout: seconds without a byte.
        deadline: seconds from the beginning to the last byte.
        max_bytes: bytes of the body, as it is sent and unpacked.
    """

    timeout: float
    deadline: float
    max_bytes: int


class BoundedClient:
    """Connections to one server. Safe to use from several threads; the first call starts its event loop."""

    def __init__(self, base_url: httpx.URL, *, headers: Mapping[str, str], trust_env: bool) -> None:
        """``trust_env``: whether the proxies that the environment names are used."""
        self.base_url = base_url
        # Only gzip is requested and unpacked: a server could nest encodings.
        self._headers = {**headers, "Accept-Encoding": "gzip"}
        self._trust_env = trust_env
        self._stack, self._lock = ExitStack(), Lock()
        self._opened: tuple[BlockingPortal, httpx.AsyncClient] | None = None
        self._closed = False

    def get(self, path: str, params: Mapping[str, str], bounds: Bounds) -> httpx.Response:
        """Send a GET and return the response, whatever its status, with its body unpacked.

        Raises:
            httpx.RequestError: there is no answer, or none within ``bounds``.
        """
        portal, client = self._open()
        future = portal.start_task_soon(_get, client, path, params, bounds)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Close the connections and end the event loop."""
        with self._lock:
            self._opened, self._closed = None, True
            self._stack.close()

    def _open(self) -> tuple[BlockingPortal, httpx.AsyncClient]:
        with self._lock:
            if self._closed:
                msg = "this client has been closed"
                raise RuntimeError(msg)
            if self._opened is None:
                portal = self._stack.enter_context(start_blocking_portal())
                client = httpx.AsyncClient(
                    base_url=self.base_url,
                    headers=self._headers,
                    limits=_CONNECTIONS,
                    verify=self.base_url.scheme
                    == "https",  # setting up TLS takes 25 ms, which plain HTTP does not need
                    trust_env=self._trust_env,
                )
                self._stack.callback(portal.call, client.aclose)
                self._opened = portal, client
            return self._opened


async def _get(client: httpx.AsyncClient, path: str, params: Mapping[str, str], bounds: Bounds) -> httpx.Response:
    try:
        with anyio.fail_after(bounds.deadline):
            async with client.stream("GET", path, params=dict(params), timeout=bounds.timeout) as response:
                content = await _read(response, bounds.max_bytes)
                headers = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_THE_BODY]
                return httpx.Response(response.status_code, headers=headers, content=content)
    except TimeoutError:
        raise TooSlow(f"not complete after {bounds.deadline:g} s") from None


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", ""}:
        raise httpx.DecodingError(f"the answer is encoded as {encoding[:40]!r}, which was not asked for")
    unpacker = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    content, received = bytearray(), 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        try:
            # One byte more than allowed, to detect a body that is too large.
            content += chunk if unpacker is None else unpacker.decompress(chunk, max_bytes + 1 - len(content))
        except zlib.error as error:
            raise httpx.DecodingError(f"the answer can't be unpacked: {error}") from None
        if max(received, len(content)) > max_bytes:
            raise TooLarge(f"more than {max_bytes:,} bytes")
    if unpacker is not None and received and not unpacker.eof:
        raise httpx.DecodingError("the packed answer is truncated")
    return bytes(content)
