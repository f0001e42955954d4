"""Server-sent events: one poller looks for changes, all clients get them.

Here: when one looks, and who gets what. Not here: what has changed (``storage.changes``), or what an event's data are
(``shapes``).

A client that reads too slowly loses its events and gets ``hello`` instead, as after a new connection: what it shows may
be outdated, and it asks again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import anyio.to_thread

from tradematrix_pipelines.board.quotes import quotes_of
from tradematrix_pipelines.board.shapes import CoverageChange, Hello, IncidentChange, Quote, Shape
from tradematrix_pipelines.board.source import Source, Unavailable
from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.levels.pivots import Method
from tradematrix_pipelines.storage.changes import changed_keys, coverage_marks, incident_marks, price_marks
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols

MOST_CLIENTS = 100
_COVERAGE_LOOKS = 3
"""Every third look is at the coverage, too: that one reads more."""
_WAITING = 64

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How often the feed does what, in seconds: it looks, looks again after a failure, tells clients that it lives."""

    look_seconds: float = 1.0
    failure_seconds: float = 5.0
    heartbeat_seconds: float = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """What is compared from one look to the next."""

    prices: Mapping[str, datetime]
    incidents: tuple[int, int]
    coverage: Mapping[str, tuple[object, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one look brought."""

    marks: Marks
    quotes: list[Quote] = field(default_factory=list)


class Feed:
    """The events of one process. Its methods are called in one event loop."""

    def __init__(self, source: Source, *, clock: Clock, method: Method, pace: Pace) -> None:
        self._source, self._clock, self._method, self._pace = source, clock, method, pace
        self._clients: set[asyncio.Queue[str | None]] = set()
        self._somebody = asyncio.Event()
        self._ended = False
        self._poller: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, as long as there are clients."""
        self._poller = asyncio.create_task(self._poll(), name="board events")

    def end(self) -> None:
        """End all streams, and take no more."""
        self._ended = True
        if self._poller is not None:
            self._poller.cancel()
        for queue in self._clients:
            _clear(queue)
            queue.put_nowait(None)

    @property
    def is_full(self) -> bool:
        """Whether no more clients are taken."""
        return self._ended or len(self._clients) >= MOST_CLIENTS

    async def stream(self) -> AsyncIterator[str]:
        """Yield a client's events as they are written to it, until it leaves or the process ends."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(_WAITING)
        queue.put_nowait(None if self._ended else self._hello())
        self._clients.add(queue)
        self._somebody.set()
        try:
            yield "retry: 3000\n\n"
            while True:
                try:
                    async with asyncio.timeout(self._pace.heartbeat_seconds):
                        text = await queue.get()
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if text is None:
                    return
                yield text
        finally:
            self._clients.discard(queue)
            if not self._clients:
                self._somebody.clear()

    def _hello(self) -> str:
        return _event("hello", Hello(now=self._clock.now()))

    async def _poll(self) -> None:
        before: Marks | None = None
        looks = 0
        while True:
            if not self._somebody.is_set():
                before = None
                await self._somebody.wait()
            try:
                work = _look(before, coverage=looks % _COVERAGE_LOOKS == 0, method=self._method)
                look = await anyio.to_thread.run_sync(self._source.read, work, abandon_on_cancel=True)
            except Unavailable as error:
                _logger.warning("no events for the moment: %s", error)
                await asyncio.sleep(self._pace.failure_seconds)
                continue
            if before is not None:
                for text in _texts(before, look):
                    self._publish(text)
            before, looks = look.marks, looks + 1
            await asyncio.sleep(self._pace.look_seconds)

    def _publish(self, text: str) -> None:
        for queue in self._clients:
            try:
                queue.put_nowait(text)
            except asyncio.QueueFull:
                _clear(queue)
                queue.put_nowait(self._hello())


def _look(before: Marks | None, *, coverage: bool, method: Method) -> Callable[[Database], Look]:
    def look(database: Database) -> Look:
        engine = database.engine
        marks = Marks(
            prices=price_marks(engine),
            incidents=incident_marks(engine),
            coverage=coverage_marks(engine) if coverage or before is None else before.coverage,
        )
        names = [] if before is None else changed_keys(before.prices, marks.prices)
        if not names:
            return Look(marks=marks)
        symbols = [symbol for symbol in read_symbols(engine) if symbol.name in names]
        return Look(marks=marks, quotes=quotes_of(database, symbols, method=method))

    return look


def _texts(before: Marks, look: Look) -> list[str]:
    texts = [_event("quote", quote) for quote in look.quotes]
    covered = changed_keys(before.coverage, look.marks.coverage)
    if covered:
        texts.append(_event("coverage", CoverageChange(symbols=covered)))
    if before.incidents != look.marks.incidents:
        texts.append(_event("incident", IncidentChange(open=look.marks.incidents[0])))
    return texts


def _event(name: str, data: Shape) -> str:
    return f"event: {name}\ndata: {data.model_dump_json()}\n\n"


def _clear(queue: "asyncio.Queue[str | None]") -> None:
    while not queue.empty():
        queue.get_nowait()
