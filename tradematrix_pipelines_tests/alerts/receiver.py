"""A service on loopback that accepts alerts, refuses them, or answers late. Its URL is full of secrets."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRETS = ("hush-user", "hush-password", "hush-path", "127.0.0.1")
"""Parts of a receiver's URL that must appear nowhere else."""


@dataclass
class Receiver:
    """What arrived, and what to answer."""

    port: int = 0
    status: int = 200
    seconds: float = 0
    messages: list[dict[str, Any]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        user, password, path, host = SECRETS
        return f"json://{user}:{password}@{host}:{self.port}/{path}"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.messages]


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.arrived.set()
            time.sleep(receiver.seconds)
            if receiver.status == 200:
                receiver.messages.append(content)
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()
