"""The simulator as a running server: in a thread of this process, or in the foreground until a signal.

Here: sockets, threads, signals. Not here: what is answered (``app``).
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from tradematrix_pipelines.clock import Clock, SystemClock
from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.simulator.app import Front, make_app
from tradematrix_pipelines.simulator.faults import parse_faults
from tradematrix_pipelines.simulator.market import PriceSource
from tradematrix_pipelines.simulator.meter import Counts, Meter
from tradematrix_pipelines.simulator.prices import SyntheticPrices
from tradematrix_pipelines.simulator.recorded import RecordedPrices
from tradematrix_pipelines.simulator.service import Service
from tradematrix_pipelines.vendors.credits import UNLIMITED, Plan

LOOPBACK = "127.0.0.1"
_START_SECONDS = 10.0
"""Seconds that starting and stopping may take."""


class Simulator:
    """A server that speaks Twelve Data's protocol, running in a daemon thread while the context lasts.

    Args:
        host: address to listen on.
        port: port to listen on; 0 = any free one.
        plan: limits that apply to calls.
        clock: the time in the simulated market; ``None`` = the machine's.
        faults: switches, e.g. ``["missing=0.1@EUR/USD"]`` (``faults.parse_faults``).
        key: the only valid key; ``None`` = any.
        files_dir: folder of one-minute files to serve; ``None`` = synthetic prices.
    """

    def __init__(
        self,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        plan: Plan = UNLIMITED,
        clock: Clock | None = None,
        faults: Iterable[str] = (),
        key: str | None = None,
        files_dir: Path | None = None,
    ) -> None:
        source: PriceSource = SyntheticPrices() if files_dir is None else RecordedPrices(files_dir)
        self._address = (host, port)
        self._meter = Meter(plan)
        service = Service(source, parse_faults(faults))
        self._front = Front(service=service, meter=self._meter, clock=clock or SystemClock(), key=key)
        self._server: uvicorn.Server | None = None
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Address of the running server."""
        if self._socket is None:
            msg = "the simulator is not running"
            raise RuntimeError(msg)
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def counts(self) -> Counts:
        """Counts of the calls so far."""
        return self._meter.counts

    def set_faults(self, *texts: str) -> None:
        """Replace all faults, for the calls to come.

        Raises:
            UsageError: a text names no fault.
        """
        self._front.set_faults(texts)

    def start(self) -> Self:
        """Begin to listen, and return when calls are answered.

        Raises:
            UsageError: the address is taken or not this machine's.
        """
        self._socket = _listen(*self._address)
        server = self._server = uvicorn.Server(_config(self._front))
        self._thread = threading.Thread(target=server.run, args=([self._socket],), name="simulator", daemon=True)
        self._thread.start()
        pause = threading.Event()
        for _ in range(int(_START_SECONDS * 100)):
            if server.started:
                return self
            pause.wait(0.01)
        raise TradeMatrixError(f"the simulator did not start within {_START_SECONDS:.0f} seconds: try again")

    def stop(self) -> None:
        """Close the server and its connections. Stopping twice is not an error."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_START_SECONDS)
        if self._socket is not None:
            self._socket.close()
        self._server = self._thread = self._socket = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve_simulator(
    *,
    host: str = LOOPBACK,
    port: int = 0,
    plan: Plan = UNLIMITED,
    clock: Clock | None = None,
    faults: Iterable[str] = (),
    key: str | None = None,
    files_dir: Path | None = None,
    on_ready: Callable[[str], None],
) -> None:
    """Run a simulator until SIGINT, SIGTERM or SIGHUP. Call it from the main thread, which alone receives signals.

    Args:
        on_ready: called with the server's address once it answers. The rest is :class:`Simulator`'s.

    Raises:
        UsageError: a fault or the address is wrong.
    """
    simulator = Simulator(host=host, port=port, plan=plan, clock=clock, faults=faults, key=key, files_dir=files_dir)
    with _stop_signals() as asked_to_stop, simulator:
        on_ready(simulator.url)
        asked_to_stop.wait()


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Yield an event that these signals set, and restore the handlers afterwards."""
    asked_to_stop = threading.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        numbers.append(signal.SIGHUP)
    before = [signal.signal(number, lambda *_: asked_to_stop.set()) for number in numbers]
    try:
        yield asked_to_stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _config(front: Front) -> uvicorn.Config:
    return uvicorn.Config(
        make_app(front),
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="critical",  # answers cut on purpose would fill the log with errors
        timeout_keep_alive=60,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(f"can't listen on {host} port {port} ({error}): choose another address or port") from None
    return listener
