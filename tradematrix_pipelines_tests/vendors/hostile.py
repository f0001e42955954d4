"""A hostile vendor: a server that looks like Twelve Data's and misbehaves in every way.

It speaks HTTP by hand, because no library would send these answers. Each behaviour is a function of the connection.
The simulator is separate: it has the faults of an honest vendor.
"""

import gzip
import json
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import repeat
from types import TracebackType
from typing import Any, Self

KEY = "c0ffee00c0ffee00c0ffee00c0ffee00"
OPENS = datetime(2026, 11, 20, 8, tzinfo=UTC)
"""Xetra's open of a Friday; it has 510 minutes."""

ENOUGH = 20.0
"""Seconds after which an endless behaviour ends, whatever the client does."""

Behaviour = Callable[[socket.socket], None]


def rows(*, scale: float = 1.0, start: int = 0, minutes: int = 510) -> list[dict[str, Any]]:
    """Return sound rows of the DAX, prices times ``scale``: a seeded walk, since bars that repeat are refused."""
    dice, price, walk = random.Random(20), 24_000, []
    for _ in range(start + minutes):
        step = dice.randint(-9, 9)
        above, below = dice.randint(0, 5), dice.randint(0, 5)
        walk.append((price, max(price, price + step) + above, min(price, price + step) - below, price + step))
        price += step
    return [
        {"datetime": f"{OPENS + timedelta(minutes=n):%Y-%m-%d %H:%M:%S}"}
        | {name: str(value * scale) for name, value in zip(("open", "high", "low", "close"), walk[n], strict=True)}
        for n in range(start, start + minutes)
    ]


def good(**changes: Any) -> dict[str, Any]:
    """Return a good answer; ``changes`` replace fields of it, and ``meta`` adds to its meta."""
    meta = {"symbol": "GDAXI", "interval": "1min", "currency": "EUR", "exchange": "XETR", "type": "Index"}
    return {"meta": meta | changes.pop("meta", {}), "values": rows(), "status": "ok"} | changes


def head(*, status: str = "200 OK", length: int | None = None, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def says(body: object, *, status: str = "200 OK", **headers: str) -> Behaviour:
    """Return the behaviour that sends one body and no more."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda peer: peer.sendall(head(status=status, length=len(content), **headers) + content)


def refuses(message: str) -> Behaviour:
    return says({"code": 400, "message": message, "status": "error"}, status="400 Bad Request")


def drips(before: bytes, drops: Iterator[bytes]) -> Behaviour:
    """Return the behaviour that sends ``before`` at once, and then single drops."""

    def behave(peer: socket.socket) -> None:
        peer.sendall(before)
        until = time.monotonic() + ENOUGH
        for drop in drops:
            if time.monotonic() > until:
                return
            peer.sendall(drop)
            time.sleep(0.05)

    return behave


def floods(before: bytes, part: bytes, *, times: int) -> Behaviour:
    """Return the behaviour that sends ``part`` over and over."""

    def behave(peer: socket.socket) -> None:
        peer.sendall(before)
        for _ in range(times):
            peer.sendall(part)

    return behave


def hangs(peer: socket.socket) -> None:
    """Accept the request and never answer."""
    peer.settimeout(ENOUGH)
    peer.recv(1)


def explodes(*, times: int) -> Behaviour:
    """Return the behaviour that sends 400 MB of zeros, compressed again and again."""

    def behave(peer: socket.socket) -> None:
        body = _bomb(400)
        for _ in range(times - 1):
            body = gzip.compress(body)
        says(body, Content_Encoding=", ".join(["gzip"] * times))(peer)

    return behave


@cache
def _bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(megabytes)), packer.flush()])


_TEXT = "a\x00b\ud800c\x1b[2J\x1b]0;owned\x07\u202e[/docs] [bold]d"

BEHAVIOURS: dict[str, Behaviour] = {
    "good": says(good()),
    "hangs": hangs,
    "drips a body": drips(head(length=100_000), repeat(b" ")),
    "drips headers": drips(b"HTTP/1.1 200 OK\r\nX: ", repeat(b"x")),
    "endless headers": floods(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 1000 + b"\r\n", times=100_000),
    "100 MB of JSON": floods(head() + b'{"values": [', b'"%s",' % (b"x" * 65_000), times=1_600),
    "gzip bomb": explodes(times=1),
    "gzip in gzip": explodes(times=2),
    "gzip cut": says(gzip.compress(json.dumps(good()).encode())[:-20], Content_Encoding="gzip"),
    "unknown encoding": says(b"\x00" * 50, Content_Encoding="br"),
    "nested too deeply": says(b'{"meta":' * 50_000),
    "a number of 100,000 digits": says(b'{"status": "ok", "code": ' + b"9" * 100_000 + b"}"),
    "key in the message": refuses(f"the key {KEY} may not do that"),
    "key in parts": refuses(f"the key {KEY[:16]}\x00{KEY[16:]} may not do that"),
    "key in meta": says(good(meta={"symbol": f"GDAXI {KEY}", "type": KEY})),
    "key in a row": says(good(values=[{**rows()[0], "datetime": f"2026-11-20 {KEY[:8]}", "open": KEY}])),
    "text that no database takes": refuses(_TEXT),
    "text that no database takes, in meta": says(good(meta={"exchange": _TEXT, "currency": _TEXT})),
    "a megabyte of text": refuses("x " * 500_000),
    "prices that are true": says(good(values=[{**row, "close": True} for row in rows()])),
    "prices of another scale": says(good(values=rows(scale=100))),
    "half of another scale": says(good(values=rows(minutes=400) + rows(scale=100, start=400, minutes=110))),
    "bars of 15 minutes": says(good(values=rows()[::15], meta={"interval": None})),
    "a million credits used": says(good(), api_credits_used="1000000", api_credits_left="0"),
    "a count of 5,000 digits": says(good(), api_credits_used="9" * 5_000, api_credits_left="9" * 5_000),
}


class Hostile:
    """A server with one behaviour. A context manager that closes all its connections."""

    def __init__(self, behaviour: str) -> None:
        self._behave = BEHAVIOURS[behaviour]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peers: list[socket.socket] = []
        self.calls = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for connection in (self._listener, *self._peers):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self._peers.append(peer)
                threading.Thread(target=self._answer, args=(peer,), daemon=True).start()

    def _answer(self, peer: socket.socket) -> None:
        with suppress(OSError), peer:
            asked = b""
            while b"\r\n\r\n" not in asked:
                part = peer.recv(65_536)
                if not part:
                    return
                asked += part
            self.calls += 1
            self._behave(peer)
