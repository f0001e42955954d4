"""Who may ask, and what every answer says to a browser.

Here: methods, host names, the token, headers; before anything else sees a request. Not here: where the token comes from
(``tokens``), or what is answered.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradematrix_pipelines.board.problems import problem
from tradematrix_pipelines.hosts import answers_to

COOKIE = "tradematrix_board"
EVENTS = "/events"
_MONTH = 30 * 24 * 3600
_OPEN_TO_ALL = frozenset({"/healthz", "/readyz"})
# Styles may be inline: the chart's library and the API's page write their own. Scripts may not.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' "
    "data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who may ask.

    Attributes:
        host: the address that is listened on.
        names: host names that it is reached by, besides the loopback's and ``host``.
        token: required where it is given.
    """

    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()
    token: str | None = None

    def answers_to(self, host: str) -> bool:
        """Whether a ``Host`` header is one of ours: another page's name that was pointed here is not."""
        return answers_to(host, host=self.host, names=self.names)

    def knows(self, headers: Headers) -> bool:
        """Whether a request brings the token, or the cookie that stands for it."""
        if self.token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), self.token):
            return True
        return any(_same(value, self.cookie) for value in _cookies(headers))

    @property
    def cookie(self) -> str:
        """The value of the cookie: it follows from the token, and does not show it."""
        return hmac.new((self.token or "").encode(), b"tradematrix board", hashlib.sha256).hexdigest()


class Guard:
    """Lets through what may be asked, and adds the headers to every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, with_headers)
            return
        # The server itself leaves the body out; for the application a HEAD is a GET.
        await self._app({**scope, "method": "GET"}, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        if not self._access.answers_to(headers.get("host", "")):
            return problem(400, "this name is not the board's: add it to TRADEMATRIX_BOARD_HOSTS, if it should be")
        if method not in {"GET", "HEAD"} or (method == "HEAD" and path == EVENTS):
            return problem(405, "the board only reads: use GET", {"Allow": "GET" if path == EVENTS else "GET, HEAD"})
        if path in _OPEN_TO_ALL or self._access.token is None:
            return None
        if path == "/":
            given = QueryParams(scope["query_string"]).get("token")
            if given is not None and _same(given, self._access.token):
                return self._welcome()
        if self._access.knows(headers):
            return None
        how = "send `Authorization: Bearer TOKEN`, or open /?token=TOKEN once in a browser"
        return problem(401, f"a token is required: {how}", {"WWW-Authenticate": "Bearer"})

    def _welcome(self) -> Response:
        """Return the response that keeps the token out of the address and its history."""
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(COOKIE, self._access.cookie, max_age=_MONTH, path="/", httponly=True, samesite="strict")
        return response


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode())


def _cookies(headers: Headers) -> Iterable[str]:
    for header in headers.getlist("cookie"):
        try:
            morsel = SimpleCookie(header).get(COOKIE)
        except CookieError:
            continue
        if morsel is not None:
            yield morsel.value
