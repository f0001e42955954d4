"""The trading day's sensors and deadlines: shells around the decisions of ``trading_day``.

Each looks at what is stored, and asks for what follows from it. So it does not matter which of them comes first, nor
how many ticks were missed.
"""

from collections.abc import Iterator
from datetime import datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from tradematrix_pipelines.defs.automation import schedule_status, sensor_status
from tradematrix_pipelines.defs.requests import request_again, request_due
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.day_state import automated_symbols, credit_state, recent_coverage
from tradematrix_pipelines.storage.market import Market
from tradematrix_pipelines.trading_day.closes import SETTLING
from tradematrix_pipelines.trading_day.deadlines import DAILY_CLOSE, PIVOTS
from tradematrix_pipelines.trading_day.healing import decide_healing, healing_budget, is_red
from tradematrix_pipelines.trading_day.pulls import next_close
from tradematrix_pipelines.vendors.credits import CLOSE, HEAL

_SECONDS = 30
_RECENT = 5
"""Newest red sessions of a symbol that a deadline asks for once more, whatever healing thinks of them."""


def build_trading_day_sensors(settings: Settings, job: UnresolvedAssetJobDefinition) -> list[dg.SensorDefinition]:
    """Return the sensors that bring in what has closed, and ask again for what is red."""
    status = sensor_status(settings)

    @dg.sensor(
        job=job,
        minimum_interval_seconds=_SECONDS,
        default_status=status,
        description="Bring in each session whole once it has closed and settled, then the levels that follow from it.",
    )
    def session_close(_: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        with Market.open(settings) as market:
            now = market.clock.now()
            requests = request_due(market, settings, now=now)
            yield from requests
            if not requests:
                yield dg.SkipReason(_next_closes(automated_symbols(market, settings), now))

    @dg.sensor(
        job=job,
        minimum_interval_seconds=2 * _SECONDS,
        default_status=status,
        description="Ask again for failed, missing, partial and suspiciously thin sessions, with growing pauses.",
    )
    def self_healing(_: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        with Market.open(settings) as market:
            requests = request_healing(market, settings, now=market.clock.now())
        yield from requests
        if not requests:
            yield dg.SkipReason("nothing to ask for again now; `tradematrix coverage --open` lists what was given up")

    return [session_close, self_healing]


def build_deadlines(settings: Settings, job: UnresolvedAssetJobDefinition) -> list[dg.ScheduleDefinition]:
    """Return the schedules of the two deadlines, in Berlin's time."""
    status = schedule_status(settings)

    def bring_in(_: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        with Market.open(settings) as market:
            requests = request_missing(market, settings, now=market.clock.now())
        yield from requests
        if not requests:
            yield dg.SkipReason("all there")

    return [
        dg.schedule(
            cron_schedule=f"{at.minute} {at.hour} * * {days}",
            execution_timezone="Europe/Berlin",
            job=job,
            name=name,
            description=description,
            default_status=status,
        )(bring_in)
        for name, at, days, description in (
            ("daily_close", DAILY_CLOSE, "1-5", "By 20:59 in Berlin: what has closed, and the levels from it."),
            ("pivots", PIVOTS, "2-6", "By 07:55 in Berlin: the levels of the day to come, and what they need."),
        )
    ]


def request_healing(market: Market, settings: Settings, *, now: datetime) -> list[dg.RunRequest]:
    """Return the runs that ask again for what is due for it at ``now``."""
    symbols = automated_symbols(market, settings)
    rows = recent_coverage(market, symbols, now)
    budget = healing_budget(credit_state(market, settings, now))
    healing = decide_healing([row for some in rows.values() for row in some], now, budget=budget)
    found: list[dg.RunRequest] = []
    for symbol in symbols:
        red = [row for row in healing.due if row.symbol == symbol.name]
        thin = [row for row in healing.thin if row.symbol == symbol.name]
        found += request_again(symbol, red, purpose=HEAL, why="heal")
        found += request_again(symbol, thin, purpose=HEAL, why="thin", refresh=True)
    return found


def request_missing(market: Market, settings: Settings, *, now: datetime) -> list[dg.RunRequest]:
    """Return the runs for all that is due and not there, the newest red sessions included."""
    found = request_due(market, settings, now=now)
    symbols = automated_symbols(market, settings)
    for symbol, rows in zip(symbols, recent_coverage(market, symbols, now).values(), strict=True):
        red = [row for row in rows if is_red(row, now) and not _waits(row.coverage.retry_at, now)]
        newest = sorted({row.coverage.trade_date for row in red})[-_RECENT:]
        some = [row for row in red if row.coverage.trade_date in newest]
        found += request_again(symbol, some, purpose=CLOSE, why="deadline")
    return found


def _waits(retry_at: datetime | None, now: datetime) -> bool:
    return retry_at is not None and retry_at > now


def _next_closes(symbols: list[Symbol], now: datetime) -> str:
    closes = sorted((next_close(symbol, now), symbol.name) for symbol in symbols)
    return (
        f"nothing to bring in; next: {closes[0][1]} at {closes[0][0] + SETTLING:%a %H:%M} UTC"
        if closes
        else "no symbols"
    )
