"""HTTP around the service: keys, credits, broken answers, and the control endpoints of the simulator itself.

``POST /_control/faults`` with ``{"faults": ["missing=0.1@EUR/USD"]}`` replaces all faults; ``GET /_control/stats``
returns the counts of calls. Both answer to loopback only, and cost nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from http import HTTPStatus
from ipaddress import ip_address

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.simulator.faults import Every, Faults, parse_faults
from tradematrix_pipelines.simulator.meter import Meter
from tradematrix_pipelines.simulator.query import read_symbols
from tradematrix_pipelines.simulator.refusals import Refusal, bad_key
from tradematrix_pipelines.simulator.service import Service
from tradematrix_pipelines.simulator.wire import Json

_SCHEME = "apikey "
_BROKEN = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)
_PAGE = "<!DOCTYPE html><html><head><title>Just a moment…</title></head><body>Checking your browser</body></html>"


class Front:
    """The HTTP side of one simulated vendor. Used by one thread, the server's event loop."""

    def __init__(self, *, service: Service, meter: Meter, clock: Clock, key: str | None) -> None:
        self._service = service
        self._meter = meter
        self._clock = clock
        self._key = key
        self._seen: dict[str, int] = {}

    def routes(self) -> list[Route]:
        """Return the routes of all endpoints."""
        paths = [*self._service.per_symbol, "/symbol_search", "/api_usage"]
        return [
            *(Route(path, self.handle, methods=["GET"]) for path in paths),
            Route("/_control/faults", self.receive_faults, methods=["POST"]),
            Route("/_control/stats", self.show_stats, methods=["GET"]),
        ]

    async def handle(self, request: Request) -> Response:
        """Answer a call of the vendor's protocol, or break it as the faults require."""
        self._meter.counts.calls += 1
        params = dict(request.query_params)
        faults = self._service.faults.of_call(params.get("symbol", "").split(","))
        await asyncio.sleep(faults.slow)
        if self._hits("broken", faults.broken):
            status = _BROKEN[self._meter.counts.calls % len(_BROKEN)]
            return PlainTextResponse(status.phrase, status)
        status, body = self._answer(request, params)
        if self._hits("html", faults.html):
            return HTMLResponse(_PAGE)
        return self._send(HTTPStatus.OK if faults.errors_as_200 else status, body, params, faults)

    def set_faults(self, texts: Iterable[str]) -> None:
        """Replace all faults; ``n`` of every ``m`` calls are counted from here on.

        Raises:
            UsageError: a text names no fault.
        """
        self._service.faults = parse_faults(texts)
        self._seen = {}

    async def receive_faults(self, request: Request) -> Response:
        """Replace the faults by those of the body."""
        _only_loopback(request)
        try:
            self.set_faults((await request.json())["faults"])
        except (UsageError, ValueError, KeyError, TypeError) as error:
            return JSONResponse({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        return JSONResponse({"faults": "set"})

    async def show_stats(self, request: Request) -> Response:
        """Return the counts of calls."""
        _only_loopback(request)
        return JSONResponse(self._meter.counts.as_json())

    def _answer(self, request: Request, params: Mapping[str, str]) -> tuple[HTTPStatus, Json]:
        now, path = self._clock.now(), request.url.path
        try:
            self._check_key(request)
            single = path not in self._service.per_symbol
            self._meter.charge(1 if single else len(read_symbols(params)), now)
            if path == "/api_usage":
                return HTTPStatus.OK, self._meter.usage(now)
            if path == "/symbol_search":
                return HTTPStatus.OK, self._service.search(params)
            return HTTPStatus.OK, self._service.answer(path, params, now)
        except Refusal as refusal:
            return refusal.code, refusal.body()

    def _send(self, status: HTTPStatus, body: Json, params: Mapping[str, str], faults: Faults) -> Response:
        headers = self._meter.headers(self._clock.now())
        if "," in params.get("symbol", ""):
            headers["Is_batch"] = "true"
        payload = json.dumps(body).encode()
        if self._hits("cut", faults.cut):
            # Half of the payload with the content length of all of it: the server has to close the connection.
            headers["content-length"] = str(len(payload))
            return StreamingResponse(_half(payload), status, headers, "application/json")
        return Response(payload, status, headers, "application/json")

    def _check_key(self, request: Request) -> None:
        header = request.headers.get("authorization", "")
        given = header.removeprefix(_SCHEME) if header.startswith(_SCHEME) else request.query_params.get("apikey", "")
        if not given or (self._key is not None and given != self._key):
            raise bad_key()

    def _hits(self, fault: str, every: Every) -> bool:
        """Whether the fault hits this call; only calls that it could hit are counted."""
        if not every.n:
            return False
        number = self._seen.get(fault, 0)
        self._seen[fault] = number + 1
        return every.hits(number)


def make_app(front: Front) -> Starlette:
    """Return the ASGI application."""
    return Starlette(routes=front.routes())


async def _half(payload: bytes) -> AsyncIterator[bytes]:
    yield payload[: len(payload) // 2]


def _only_loopback(request: Request) -> None:
    if request.client is None or not ip_address(request.client.host).is_loopback:
        raise HTTPException(HTTPStatus.FORBIDDEN)
