"""The trading day's sensors and deadlines: Dagster definitions around the decisions of ``automation``.

Each reads what is stored and requests the runs that follow from it. So neither their order nor missed ticks matter.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg

from tradematrix_pipelines.automation.closes import SETTLING
from tradematrix_pipelines.automation.deadlines import DAILY_CLOSE, PIVOTS
from tradematrix_pipelines.automation.healing import decide_healing, healing_budget, is_incomplete
from tradematrix_pipelines.automation.pulls import next_close
from tradematrix_pipelines.automation.requests import AGAIN
from tradematrix_pipelines.defs.automation import schedule_status, sensor_status
from tradematrix_pipelines.defs.internals.names import UnresolvedAssetJobDefinition
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.defs.requests import Wanted, request_runs, want_again, want_due
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.day_state import automated_symbols, credit_state, recent_coverage
from tradematrix_pipelines.vendors.credits import CLOSE, HEAL

_SECONDS = 30
_RECENT = 5
"""Newest incomplete sessions of a symbol that a deadline requests once more, even if exhausted."""


def build_trading_day_sensors(settings: Settings, job: UnresolvedAssetJobDefinition) -> list[dg.SensorDefinition]:
    """Return the sensors that fetch sessions once closed, and fetch incomplete ones again."""
    status = sensor_status(settings)

    @dg.sensor(
        job=job,
        minimum_interval_seconds=_SECONDS,
        default_status=status,
        description="Fetch each session completely once it has closed and settled, then compute the levels from it.",
    )
    @on_database(settings)
    def session_close(context: dg.SensorEvaluationContext, database: Database) -> list[dg.RunRequest] | dg.SkipReason:
        now = database.clock.now()
        wanted = want_due(database, settings, now=now)
        requests = request_runs(database, context.instance, wanted, now=now)
        return requests or _why_none(wanted, _next_closes(automated_symbols(database, settings), now))

    @dg.sensor(
        job=job,
        minimum_interval_seconds=2 * _SECONDS,
        default_status=status,
        description="Fetch failed, missing, partial and suspiciously sparse sessions again, with growing pauses.",
    )
    @on_database(settings)
    def self_healing(context: dg.SensorEvaluationContext, database: Database) -> list[dg.RunRequest] | dg.SkipReason:
        now = database.clock.now()
        wanted = want_healing(database, settings, now=now)
        requests = request_runs(database, context.instance, wanted, now=now)
        nothing = "nothing to fetch again now; `tradematrix coverage --open` lists what is exhausted"
        return requests or _why_none(wanted, nothing)

    return [session_close, self_healing]


def build_deadlines(settings: Settings, job: UnresolvedAssetJobDefinition) -> list[dg.ScheduleDefinition]:
    """Return the schedules of the two deadlines, in Berlin time."""
    status = schedule_status(settings)

    @on_database(settings)
    def request_missing(
        context: dg.ScheduleEvaluationContext, database: Database
    ) -> list[dg.RunRequest] | dg.SkipReason:
        now = database.clock.now()
        wanted = want_missing(database, settings, now=now)
        return request_runs(database, context.instance, wanted, now=now) or _why_none(wanted, "nothing is missing")

    return [
        dg.schedule(
            cron_schedule=f"{at.minute} {at.hour} * * {days}",
            execution_timezone="Europe/Berlin",
            job=job,
            name=name,
            description=description,
            default_status=status,
        )(request_missing)
        for name, at, days, description in (
            ("daily_close", DAILY_CLOSE, "1-5", "By 20:59 in Berlin: what has closed, and the levels from it."),
            ("pivots", PIVOTS, "2-6", "By 07:55 in Berlin: the levels of the coming day, and what they need."),
        )
    ]


def want_healing(database: Database, settings: Settings, *, now: datetime) -> list[Wanted]:
    """Return what is due to be fetched again at ``now``."""
    symbols = automated_symbols(database, settings)
    rows = recent_coverage(database, symbols, now)
    budget = healing_budget(credit_state(database, settings, now))
    healing = decide_healing([row for of_symbol in rows.values() for row in of_symbol], now, budget=budget)
    return [
        want_again(symbol, [row for row in due if row.symbol == symbol.name], purpose=HEAL, refresh=refresh)
        for symbol in symbols
        for due, refresh in ((healing.due, False), (healing.sparse, True))
    ]


def want_missing(database: Database, settings: Settings, *, now: datetime) -> list[Wanted]:
    """Return all that is due and not stored, including the newest incomplete sessions."""
    wanted = want_due(database, settings, now=now)
    symbols = automated_symbols(database, settings)
    for symbol, rows in zip(symbols, recent_coverage(database, symbols, now).values(), strict=True):
        incomplete = [row for row in rows if is_incomplete(row, now) and not _waits(row.coverage.retry_at, now)]
        newest = sorted({row.coverage.trade_date for row in incomplete})[-_RECENT:]
        recent = [row for row in incomplete if row.coverage.trade_date in newest]
        wanted.append(want_again(symbol, recent, purpose=CLOSE))
    return wanted


def _why_none(wanted: Sequence[Wanted], nothing: str) -> dg.SkipReason:
    """Return why no run is requested: ``nothing`` is wanted, or all of it has been requested already."""
    count = len({target for request in wanted for target in request.targets()})
    minutes = AGAIN // timedelta(minutes=1)
    requested = f"a run is under way for all that is wanted ({count}), or was requested in the last {minutes} minutes"
    return dg.SkipReason(requested if count else nothing)


def _waits(retry_at: datetime | None, now: datetime) -> bool:
    return retry_at is not None and retry_at > now


def _next_closes(symbols: list[Symbol], now: datetime) -> str:
    closes = sorted((next_close(symbol, now), symbol.name) for symbol in symbols)
    return (
        f"nothing to fetch; next: {closes[0][1]} at {closes[0][0] + SETTLING:%a %H:%M} UTC" if closes else "no symbols"
    )
