"""The board's web application.

=======================================================  =====================================================
``GET /``                                                the page: ``static/index.html``; its files under ``/static/``
``GET /docs``, ``GET /openapi.json``                     the API for people and for programs
``GET /healthz``, ``GET /readyz``                        ``Health``, ``Readiness`` (503 where it is not ready)
``GET /metrics``                                         Prometheus' text format (``metrics``)
``GET /events``                                          server-sent events, below
``GET /api/v1/status``                                   ``Status``
``GET /api/v1/symbols``                                  ``Symbols``
``GET /api/v1/quotes[?symbol=]``                         ``Quotes``: of all active symbols, or of one
``GET /api/v1/candles?symbol&timeframe[&from&to&limit]`` ``Candles``: 1m 5m 15m 1h 1d, also 30m, 4h, 1w …
``GET /api/v1/levels?symbol[&date]``                     ``Levels``; without a date of the coming session
``GET /api/v1/level-book?symbol[&date]``                 ``LevelBook``
``GET /api/v1/touches?symbol[&date]``                    ``Touches``
``GET /api/v1/coverage?symbol[&from&to]``                ``CoverageCalendar``; default: the last 90 days
``GET /api/v1/incidents[?open=true]``                    ``Incidents``; with ``open=false`` also those closed lately
``GET /api/v1/credits``                                  ``Credits``
``GET /api/v1/upcoming``                                 ``Upcoming``
``GET /api/v1/reports``                                  ``MorningReports``; each is at ``/reports/<date>``
``GET /api/v1/sessions?symbol[&from&to]``                ``Sessions``; default: the last 7 and the next 7 days
=======================================================  =====================================================

``from`` and ``to`` are trade dates, both included; of candles they may be instants as well, with ``to`` excluded.
Errors are ``Problem``: 404 an unknown symbol, with what may be meant; 422 a wrong parameter; 503 with ``Retry-After``
while the database does not answer; 401 without the token, where one is required.

Events, each with JSON as data: ``hello`` (``Hello``) on each connection, ``quote`` (``Quote``) when a price changes,
``coverage`` (``CoverageChange``) and ``incident`` (``IncidentChange``) when these change. A comment line keeps the
connection alive; a browser connects again by itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib.metadata import version
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp

from tradematrix_pipelines.board import shapes
from tradematrix_pipelines.board.access import EVENTS, Access, Guard
from tradematrix_pipelines.board.candles import Asked, find_candles
from tradematrix_pipelines.board.coverage import find_coverage
from tradematrix_pipelines.board.events import Feed, Pace
from tradematrix_pipelines.board.levels import find_book, find_levels, find_touches
from tradematrix_pipelines.board.metrics import CONTENT_TYPE, find_metrics
from tradematrix_pipelines.board.overview import (
    find_credits,
    find_incidents,
    find_sessions,
    find_status,
    find_upcoming,
)
from tradematrix_pipelines.board.pages import serve_pages
from tradematrix_pipelines.board.parameters import (
    DayText,
    EndText,
    FirstText,
    LastText,
    Limit,
    OptionalSymbol,
    StartText,
    SymbolName,
    TimeframeName,
    days_around,
    known_only,
    moments,
    trade_date,
)
from tradematrix_pipelines.board.problems import answer_with_problems, unavailable
from tradematrix_pipelines.board.quotes import find_quotes
from tradematrix_pipelines.board.readiness import find_readiness, not_in_time
from tradematrix_pipelines.board.reading import Reading
from tradematrix_pipelines.board.reports import find_report_page, find_reports
from tradematrix_pipelines.board.schema import describe, problems
from tradematrix_pipelines.board.source import Source, Unavailable
from tradematrix_pipelines.board.symbols import list_symbols
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.limits import Limits

_ABOUT = """Candles, levels, coverage, incidents and quotes of this installation. It only reads.

Prices are in price units, as they are stored; instants are UTC. `/events` has server-sent events: `hello`, `quote`,
`coverage`, `incident`."""
_SMALLEST_GZIP, _QUICK_GZIP = 1024, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """The application.

    Attributes:
        asgi: what a server serves.
        api: the part of it that has routes.
        reading: what requests wait for.
        feed: the events.
    """

    asgi: ASGIApp
    api: FastAPI
    reading: Reading
    feed: Feed

    def end(self) -> None:
        """End what would keep the server waiting for its connections. Call it in the server's event loop."""
        self.feed.end()
        self.reading.end()


def make_app(
    settings: Settings,
    *,
    access: Access | None = None,
    dagster_url: str | None = None,
    limits: Limits | None = None,
    pace: Pace | None = None,
    metrics_only: bool = False,
) -> Board:
    """Return the board of an installation. Its database is opened when it is first asked for.

    Args:
        access: who may ask; ``None`` = everybody on this machine.
        dagster_url: where Dagster's UI is.
        limits: how long the database is waited for.
        pace: how often changes are looked for.
        metrics_only: whether only ``/metrics``, ``/healthz`` and ``/readyz`` are served.
    """
    source = Source(settings, limits or Limits())
    reading = Reading(source)
    feed = Feed(source, clock=settings.clock, method=settings.pivot_method, pace=pace or Pace())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        if metrics_only:
            yield
            source.close()
            return
        feed.start()
        # Calendars and what reads candles take seconds to load, which nobody's first request has to wait for.
        warming = asyncio.create_task(anyio.to_thread.run_sync(_warm, source, abandon_on_cancel=True))
        yield
        warming.cancel()
        feed.end()
        source.close()

    api = FastAPI(
        title="TradeMatrix",
        version=version("tradematrix-pipelines"),
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    answer_with_problems(api)
    describe(api)
    _serve_probes(api, reading)
    _serve_metrics(api, reading)
    if not metrics_only:
        _serve_all(api, reading, feed, dagster_url)
    zipped = GZipMiddleware(api, minimum_size=_SMALLEST_GZIP, compresslevel=_QUICK_GZIP)
    return Board(asgi=Guard(zipped, access or Access()), api=api, reading=reading, feed=feed)


def _serve_all(api: FastAPI, reading: Reading, feed: Feed, dagster_url: str | None) -> None:
    serve_pages(api)
    _serve_events(api, feed)
    _serve_reports(api, reading)
    router = APIRouter(prefix="/api/v1", dependencies=[Depends(known_only)])
    _serve_markets(router, reading)
    _serve_days(router, reading)
    _serve_overview(router, reading, dagster_url)
    api.include_router(router)


def _warm(source: Source) -> None:
    """Load what answers need, as far as the database answers already."""
    with suppress(Unavailable):
        source.read(lambda database: find_quotes(database, None, method=source.settings.pivot_method))


def _serve_probes(api: FastAPI, reading: Reading) -> None:
    @api.get("/healthz", tags=["probes"], responses=problems())
    async def healthz() -> shapes.Health:
        """Say that the process is alive."""
        return shapes.Health()

    not_ready: dict[int | str, dict[str, Any]] = {
        503: {"model": shapes.Readiness, "description": "it is not; `checks` says why"}
    }

    @api.get("/readyz", tags=["probes"], response_model=shapes.Readiness, responses=problems() | not_ready)
    async def readyz() -> Response:
        """Say whether the database can be reached and is migrated."""
        try:
            readiness = await reading.in_thread(partial(find_readiness, reading.source))
        except Unavailable:
            readiness = not_in_time()
        return Response(readiness.model_dump_json(), 200 if readiness.ready else 503, media_type="application/json")


def _serve_metrics(api: FastAPI, reading: Reading) -> None:
    settings, limits = reading.source.settings, reading.source.limits

    @api.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        body = await reading.read(lambda database: find_metrics(database, settings, limits))
        return Response(body, headers={"Content-Type": CONTENT_TYPE})


def _serve_events(api: FastAPI, feed: Feed) -> None:
    @api.get(EVENTS, include_in_schema=False)
    async def events() -> Response:
        if feed.is_full:
            return unavailable("too many listen to events already: ask again in a few seconds")
        return StreamingResponse(feed.stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _serve_reports(api: FastAPI, reading: Reading) -> None:
    @api.get("/reports/{day}", include_in_schema=False)
    async def report(day: date) -> Response:
        return await reading.read(lambda database: find_report_page(database, day))


def _serve_markets(api: APIRouter, reading: Reading) -> None:
    method = reading.source.settings.pivot_method

    @api.get("/symbols", tags=["markets"], responses=problems())
    async def symbols() -> shapes.Symbols:
        """List the active symbols."""
        return await reading.read(list_symbols)

    @api.get("/quotes", tags=["markets"], responses=problems(named=True))
    async def quotes(symbol: OptionalSymbol = None) -> shapes.Quotes:
        """Show prices, and where they stand."""
        return await reading.read(lambda database: find_quotes(database, symbol, method=method))

    @api.get("/candles", tags=["markets"], responses=problems(named=True), response_model=shapes.Candles)
    async def candles(
        symbol: SymbolName, timeframe: TimeframeName, start: StartText = None, end: EndText = None, limit: Limit = 1000
    ) -> Response:
        """Show the newest candles of a series between two moments, ascending."""
        first, last = moments(start, end)
        asked = Asked(
            symbol=symbol,
            timeframe=timeframe,
            start=first,
            end=last,
            limit=limit,
        )
        return await _written(reading, lambda database: find_candles(database, asked))


def _serve_days(api: APIRouter, reading: Reading) -> None:
    settings = reading.source.settings

    @api.get("/levels", tags=["sessions"], responses=problems(named=True), response_model=shapes.Levels)
    async def levels(symbol: SymbolName, day: DayText = None) -> Response:
        """Show the levels to trade a session with."""
        chosen = trade_date(day, "date")
        return await _written(reading, lambda database: find_levels(database, symbol, chosen))

    @api.get("/level-book", tags=["sessions"], responses=problems(named=True), response_model=shapes.LevelBook)
    async def level_book(symbol: SymbolName, day: DayText = None) -> Response:
        """Show every level of a session, and when it could be known."""
        chosen = trade_date(day, "date")
        return await _written(reading, lambda database: find_book(database, symbol, chosen))

    @api.get("/touches", tags=["sessions"], responses=problems(named=True))
    async def touches(symbol: SymbolName, day: DayText = None) -> shapes.Touches:
        """Show which levels the price has touched in a session, and when first."""
        chosen = trade_date(day, "date")
        return await reading.read(lambda database: find_touches(database, symbol, chosen))

    @api.get("/coverage", tags=["sessions"], responses=problems(named=True), response_model=shapes.CoverageCalendar)
    async def coverage(symbol: SymbolName, first: FirstText = None, last: LastText = None) -> Response:
        """Show which days are complete, what is amiss with the others, and what remedies it."""
        between = days_around(settings.clock.now(), first, last, before=90, after=7)
        return await _written(reading, lambda database: find_coverage(database, settings, symbol, between))

    @api.get("/sessions", tags=["sessions"], responses=problems(named=True))
    async def sessions(symbol: SymbolName, first: FirstText = None, last: LastText = None) -> shapes.Sessions:
        """Show a symbol's trading hours."""
        between = days_around(settings.clock.now(), first, last, before=7, after=7)
        return await reading.read(lambda database: find_sessions(database, symbol, between))


def _serve_overview(api: APIRouter, reading: Reading, dagster_url: str | None) -> None:
    settings = reading.source.settings

    @api.get("/status", tags=["installation"], responses=problems())
    async def status() -> shapes.Status:
        """Show what this installation is."""
        return await reading.read(lambda database: find_status(database, settings, dagster_url=dagster_url))

    @api.get("/incidents", tags=["installation"], responses=problems())
    async def incidents(*, open: bool = True) -> shapes.Incidents:  # noqa: A002 - the parameter's name
        """List the open incidents; with `open=false` also those that closed within 30 days."""
        return await reading.read(lambda database: find_incidents(database, only_open=open))

    @api.get("/credits", tags=["installation"], responses=problems())
    async def credits() -> shapes.Credits:  # noqa: A001 - the address's name
        """Show what is used and left of the vendors' credits."""
        return await reading.read(lambda database: find_credits(database, settings))

    @api.get("/upcoming", tags=["installation"], responses=problems())
    async def upcoming() -> shapes.Upcoming:
        """Show what happens next: opens, closes, deadlines, pulls."""
        return await reading.read(lambda database: find_upcoming(database, settings))

    @api.get("/reports", tags=["installation"], responses=problems())
    async def reports() -> shapes.MorningReports:
        """List the morning pages."""
        return await reading.read(find_reports)


async def _written(reading: Reading, work: Callable[[Database], shapes.Shape]) -> Response:
    """Return an answer that is written by the thread that has read it: many candles take a while."""
    body = await reading.read(lambda database: work(database).model_dump_json())
    return Response(body, media_type="application/json")
