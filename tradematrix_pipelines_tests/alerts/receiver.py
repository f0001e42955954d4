"""A service on loopback that takes alerts, refuses them, or takes its time. Its URL is full of secrets."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRETS = ("hush-user", "hush-password", "hush-path", "127.0.0.1")
"""What is in a receiver's URL and must be nowhere else."""


@dataclass
class Receiver:
    """What arrived, and what to answer."""

    port: int = 0
    status: int = 200
    seconds: float = 0
    messages: list[dict[str, str]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        user, password, path, host = SECRETS
        return f"json://{user}:{password}@{host}:{self.port}/{path}"

    @property
    def titles(self) -> list[str]:
        return [each["title"] for each in self.messages]


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.arrived.set()
            time.sleep(found.seconds)
            if found.status == 200:
                found.messages.append(content)
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield found
        server.shutdown()
        thread.join()
