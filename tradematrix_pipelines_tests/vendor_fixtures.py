"""What the vendors' tests share: simulators, clients, a server that plays a script, a ledger that writes down."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tradematrix_pipelines.clock import Clock, FrozenClock
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, InstrumentType, Symbol
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.vendors.credits import Reservation
from tradematrix_pipelines.vendors.retrying import RetryPolicy
from tradematrix_pipelines.vendors.twelve_data import TwelveData

# A Friday on which Xetra, New York and FX all trade, in the weeks when only America has turned its clocks.
NOW = datetime(2026, 3, 20, 15, 0, 30, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"
QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02, jitter=0.0)


@dataclass
class Notebook:
    """A ledger that writes down what it was asked, and grants everything.

    Where fewer credits are enough, it grants what there is ``room`` for, call after call; the last entry repeats.
    """

    room: list[int] = field(default_factory=list)
    reserved: list[Reservation] = field(default_factory=list)
    settled: list[tuple[int | None, int | None, int | None]] = field(default_factory=list)
    refusals: int = 0

    def reserve(
        self,
        *,
        vendor: str,
        credits: int,  # noqa: A002 - the domain's word
        purpose: str,
        at_least: int | None = None,
    ) -> Reservation:
        if at_least is not None and self.room:
            credits = max(at_least, min(credits, self.room[min(len(self.reserved), len(self.room) - 1)]))  # noqa: A001 - the same
        self.reserved.append(Reservation(id=len(self.reserved), vendor=vendor, credits=credits, purpose=purpose))
        return self.reserved[-1]

    def settle(
        self,
        reservation: Reservation,
        *,
        charged: int | None,
        used: int | None = None,
        left: int | None = None,
        refused: bool = False,
    ) -> None:
        assert reservation in self.reserved
        self.settled.append((charged, used, left))
        self.refusals += refused


@dataclass
class Script:
    """A real HTTP server that answers each call with the next entry: status, body, headers; the last one repeats.

    A body is bytes, or a function that makes them from the path that was asked for.
    """

    answers: list[tuple[int, bytes | Callable[[str], bytes], dict[str, str]]]
    clock: Clock
    requests: list[tuple[str, dict[str, str], datetime]] = field(default_factory=list)
    url: str = ""

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        status, body, headers = self.answers[min(len(self.requests), len(self.answers) - 1)]
        body = body(handler.path) if callable(body) else body
        self.requests.append(
            (handler.path, {name.lower(): value for name, value in handler.headers.items()}, self.clock.now())
        )
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def ledger() -> Notebook:
    return Notebook()


@pytest.fixture
def symbols() -> dict[str, Symbol]:
    """The default symbols by name, and the trap: a row that means the index and asks for the ETF."""
    trap = Symbol(
        name="DAX40",
        calendar="XETR",
        instrument=InstrumentType.INDEX,
        tick_size=0.5,
        currency="EUR",
        exchange="XETR",
        vendor_symbols={"twelve_data": "DAX"},
        price_range=(2_000, 200_000),
    )
    return {symbol.name: symbol for symbol in (*DEFAULT_SYMBOLS, trap)}


@pytest.fixture(scope="session")
def standing_simulator() -> Iterator[Simulator]:
    """One simulator for all tests that want nothing but faults: starting and stopping takes a fifth of a second."""
    with Simulator(clock=FrozenClock(NOW)) as simulator:
        yield simulator


@pytest.fixture
def simulate(standing_simulator: Simulator) -> Iterator[Callable[..., Simulator]]:
    """Give simulators with counters at zero, the clock at NOW unless the test says otherwise; all stop after it."""
    with ExitStack() as stack:

        def start(*, faults: tuple[str, ...] = (), **options: Any) -> Simulator:
            if options:
                return stack.enter_context(Simulator(faults=faults, **({"clock": FrozenClock(NOW)} | options)))
            standing_simulator.set_faults(*faults)
            counts = standing_simulator.counts
            counts.calls = counts.credits = counts.limited = 0
            return standing_simulator

        yield start


@pytest.fixture
def connect(ledger: Notebook) -> Iterator[Callable[..., TwelveData]]:
    """Make clients of a URL; all are closed after the test."""
    with ExitStack() as stack:

        def make(url: str, **options: Any) -> TwelveData:
            defaults = {"key": KEY, "ledger": ledger, "clock": FrozenClock(NOW), "retry_policy": QUICK}
            client = TwelveData(base_url=url, **(defaults | options))
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def play() -> Iterator[Callable[..., Script]]:
    """Start servers that play a script; a dict as body is sent as JSON."""
    with ExitStack() as stack:

        def start(*answers: tuple[Any, ...], clock: Clock | None = None) -> Script:
            script = Script([_entry(*answer) for answer in answers], clock or FrozenClock(NOW))

            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                disable_nagle_algorithm = True  # or headers and body, written apart, wait 40 ms for each other

                def do_GET(self) -> None:
                    script.take(self)

                def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                    del format, args

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            script.url = f"http://127.0.0.1:{server.server_address[1]}"
            return script

        yield start


@pytest.fixture
def golden() -> Callable[[str], Any]:
    """Read an answer in the vendor's form that was made for these tests, by the beginning of its file's name."""
    return partial(_read, Path(__file__).parent / "golden" / "twelve_data")


@pytest.fixture
def recorded(shared_data: Path) -> Callable[[str], Any]:
    """Read a recorded answer of the vendor by the beginning of its file's name."""
    return partial(_read, shared_data / "twelvedata")


@pytest.fixture(params=["golden", "recorded"])
def either(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Read an answer that was made for these tests, then the same kind of answer as it was recorded."""
    read: Callable[[str], Any] = request.getfixturevalue(request.param)
    return read


def _read(folder: Path, prefix: str) -> Any:
    (path,) = folder.glob(f"{prefix}*.json")
    return json.loads(path.read_text())


def _entry(
    status: int, body: Any, headers: dict[str, str] | None = None
) -> tuple[int, bytes | Callable[[str], bytes], dict[str, str]]:
    ready = isinstance(body, bytes) or callable(body)
    return status, body if ready else json.dumps(body).encode(), headers or {}
