"""The trading day's sensors and deadlines: Dagster definitions around the decisions of ``automation``.

Each reads what is stored and requests the runs that follow from it. So neither their order nor missed ticks matter.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg

from tradematrix_pipelines.automation.backlog import SETTLING, Cause, FetchTask
from tradematrix_pipelines.automation.deadlines import DAILY_CLOSE, PIVOTS
from tradematrix_pipelines.automation.healing import choose_healing, healing_budget
from tradematrix_pipelines.automation.pulls import next_close
from tradematrix_pipelines.automation.requests import AGAIN
from tradematrix_pipelines.defs.automation import schedule_status, sensor_status
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.jobs import TRADING_DAY_JOB
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.defs.requests import request_runs
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.trading_day_state import automated_symbols, credit_state, read_backlog
from tradematrix_pipelines.vendors.credits import CLOSE

_SECONDS = 30
_CLOSES = {Cause.CLOSED, Cause.LEVELS}
_RECENT = 5
"""Newest incomplete sessions of a symbol that a deadline requests once more, even if exhausted."""


def build_trading_day_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Return the sensors that fetch sessions once closed, and fetch incomplete ones again."""
    status = sensor_status(settings)

    @dg.sensor(
        job=TRADING_DAY_JOB,
        minimum_interval_seconds=_SECONDS,
        default_status=status,
        description="Fetch each session completely once it has closed and settled, then compute the levels from it.",
    )
    @on_database(settings)
    def session_close(context: dg.SensorEvaluationContext, database: Database) -> list[dg.RunRequest] | dg.SkipReason:
        now = database.clock.now()
        tasks = tasks_of_closes(database, settings, now=now)
        requests = request_runs(database, lambda: context.instance, tasks, now=now)
        return requests or _why_none(tasks, _next_closes(automated_symbols(database, settings), now))

    @dg.sensor(
        job=TRADING_DAY_JOB,
        minimum_interval_seconds=2 * _SECONDS,
        default_status=status,
        description="Fetch failed, missing, partial and suspiciously sparse sessions again, with growing pauses.",
    )
    @on_database(settings)
    def self_healing(context: dg.SensorEvaluationContext, database: Database) -> list[dg.RunRequest] | dg.SkipReason:
        now = database.clock.now()
        tasks = tasks_of_healing(database, settings, now=now)
        requests = request_runs(database, lambda: context.instance, tasks, now=now)
        nothing = "nothing to fetch again now; `tradematrix coverage --open` lists what is exhausted"
        return requests or _why_none(tasks, nothing)

    return [session_close, self_healing]


def build_deadlines(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Return the schedules of the two deadlines, in Berlin time."""
    status = schedule_status(settings)

    @on_database(settings)
    def request_missing(
        context: dg.ScheduleEvaluationContext, database: Database
    ) -> list[dg.RunRequest] | dg.SkipReason:
        now = database.clock.now()
        tasks = tasks_of_deadline(database, settings, now=now)
        requests = request_runs(database, lambda: context.instance, tasks, now=now, purpose=CLOSE)
        return requests or _why_none(tasks, "nothing is missing")

    return [
        dg.schedule(
            cron_schedule=f"{at.minute} {at.hour} * * {days}",
            execution_timezone="Europe/Berlin",
            job=TRADING_DAY_JOB,
            name=name,
            description=description,
            default_status=status,
        )(request_missing)
        for name, at, days, description in (
            ("daily_close", DAILY_CLOSE, "1-5", "By 20:59 in Berlin: what has closed, and the levels from it."),
            ("pivots", PIVOTS, "2-6", "By 07:55 in Berlin: the levels of the coming day, and what they need."),
        )
    ]


def tasks_of_closes(database: Database, settings: Settings, *, now: datetime) -> list[FetchTask]:
    """Return the sessions that closed and were not fetched since, and the levels that are due."""
    return [task for task in _backlog(database, settings, now) if task.cause in _CLOSES and task.is_due(now)]


def tasks_of_healing(database: Database, settings: Settings, *, now: datetime) -> list[FetchTask]:
    """Return the incomplete and sparse sessions to fetch again now."""
    due = [task for task in _backlog(database, settings, now) if task.is_due(now)]
    return choose_healing(due, budget=healing_budget(credit_state(database, settings, now)))


def tasks_of_deadline(database: Database, settings: Settings, *, now: datetime) -> list[FetchTask]:
    """Return what is due after closes, and each symbol's newest incomplete sessions, even if exhausted."""
    tasks = _backlog(database, settings, now)
    due = [task for task in tasks if task.cause in _CLOSES and task.is_due(now)]
    incomplete = [
        task for task in tasks if task.cause is Cause.INCOMPLETE or (task.cause is Cause.CREDITS and task.is_due(now))
    ]
    for symbol in dict.fromkeys(task.symbol.name for task in incomplete):
        of_symbol = [task for task in incomplete if task.symbol.name == symbol]
        newest = sorted({task.trade_date for task in of_symbol})[-_RECENT:]
        due += [task for task in of_symbol if task.trade_date in newest]
    return due


def _backlog(database: Database, settings: Settings, now: datetime) -> list[FetchTask]:
    symbols = automated_symbols(database, settings)
    return read_backlog(database, symbols, now, history_start=settings.history_start)


def _why_none(tasks: Sequence[FetchTask], nothing: str) -> dg.SkipReason:
    """Return why no run is requested: there is ``nothing`` to do, or all of it has been requested already."""
    minutes = AGAIN // timedelta(minutes=1)
    requested = f"a run is under way for all that is due ({len(tasks)}), or was requested in the last {minutes} minutes"
    return dg.SkipReason(requested if tasks else nothing)


def _next_closes(symbols: list[Symbol], now: datetime) -> str:
    closes = sorted((next_close(symbol, now), symbol.name) for symbol in symbols)
    return (
        f"nothing to fetch; next: {closes[0][1]} at {closes[0][0] + SETTLING:%a %H:%M} UTC" if closes else "no symbols"
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    settings = installation().settings
    return dg.Definitions(schedules=build_deadlines(settings), sensors=build_trading_day_sensors(settings))
