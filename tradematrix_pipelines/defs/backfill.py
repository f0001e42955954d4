"""Runs of commands: which runs a backfill takes, and carrying one out, in this process or through Dagster's queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg

from tradematrix_pipelines.automation.runs import Run
from tradematrix_pipelines.defs.internals.run_tags import BY_TAG
from tradematrix_pipelines.defs.internals.runs import BATCH_TAG, RunOutcome, run_sessions
from tradematrix_pipelines.defs.internals.submission import Queue
from tradematrix_pipelines.defs.jobs import COMPUTE_LEVELS, INGEST_CANDLES
from tradematrix_pipelines.defs.partitions import date_partitions
from tradematrix_pipelines.defs.registry import assets_of
from tradematrix_pipelines.defs.retry_policy import NO_RUN_RETRIES
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database

_DAY = timedelta(days=1)
_STEPS = ("levels", "level_book")
"""The steps that compute levels."""


def plan_candle_runs(
    symbol: Symbol,
    first: date,
    last: date | None,
    timeframes: Sequence[Timeframe],
    *,
    settings: Settings,
    now: datetime,
) -> list[Run]:
    """Return the runs that fetch the candles of ``symbol`` from ``first`` to ``last``, both included.

    Daily bars get a run of their own where the last session is still open: it has no daily bar yet.

    Args:
        last: ``None`` for the last session that has closed.

    Raises:
        UsageError: the dates are in the wrong order, before history, in the future, or contain no session.
    """
    last = last or _last_session(symbol, now, closed=True).trade_date
    sessions = _checked_sessions(symbol, first, last, settings, now)
    first, last = _weekdays(first, last, settings)
    if sessions[-1].closes_at <= now or Timeframe.D1 not in timeframes:
        return [Run(symbol=symbol, first=first, last=last, timeframes=tuple(timeframes))]
    intraday = tuple(timeframe for timeframe in timeframes if timeframe is not Timeframe.D1)
    runs = [Run(symbol=symbol, first=first, last=last, timeframes=intraday)] if intraday else []
    if len(sessions) > 1:
        closed = sessions[-2].trade_date
        runs.append(Run(symbol=symbol, first=first, last=closed, timeframes=(Timeframe.D1,)))
    return runs


def plan_levels_run(
    symbol: Symbol, first: date, last: date, *, database: Database, settings: Settings, now: datetime
) -> Run | None:
    """Return the run for the levels that follow from the sessions ``first`` to ``last``, or ``None`` for none.

    These are the trade dates after each session; and ``first`` itself, when the session before it is stored.
    """
    calendar = calendar_of(symbol)
    closed = [session for session in calendar.sessions(first, last) if session.closes_at <= now]
    if not closed:
        return None
    begin, end = closed[0].trade_date, calendar.next(closed[-1].trade_date).trade_date
    before = calendar.previous(begin).trade_date
    known = read_coverage(database.engine, [symbol], [Timeframe.D1], before, before)
    if not (known and known[0].coverage.is_settled):
        begin = calendar.next(begin).trade_date
    end = min(end, date.fromisoformat(date_partitions(settings).get_last_partition_key() or end.isoformat()))
    return Run(symbol=symbol, first=begin, last=end) if begin <= end else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One run of a command.

    Attributes:
        refresh: whether complete sessions are fetched again.
        allow_doubtful: whether levels are published from doubtful sessions, with a mark.
        batch: tags the runs of one command.
    """

    run: Run
    refresh: bool = False
    allow_doubtful: bool = False
    batch: str


def execute(instance: dg.DagsterInstance, defs: dg.Definitions, task: Task, *, location: str) -> RunOutcome:
    """Carry out one run in this process.

    Args:
        location: the code location's name in Dagster.
    """
    # Whoever stops a command means it, and can run it again.
    return run_sessions(instance, defs, location=location, **_arguments(task, NO_RUN_RETRIES))


def submit(queue: Queue, task: Task) -> str:
    """Queue one run for Dagster's launcher, and return its id."""
    return queue.submit(**_arguments(task, {}))


def _arguments(task: Task, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return what a run is made with."""
    run = task.run
    steps, option = (
        (("ohlc",), {"refresh": task.refresh}) if run.timeframes else (_STEPS, {"allow_doubtful": task.allow_doubtful})
    )
    return {
        "job_name": INGEST_CANDLES if run.timeframes else COMPUTE_LEVELS,
        "symbol": run.symbol.name,
        "first": run.first,
        "last": run.last,
        "assets": assets_of(run) if run.timeframes else (),
        "run_config": {"ops": {step: {"config": option} for step in steps}} if any(option.values()) else None,
        "tags": {BATCH_TAG: task.batch, BY_TAG: "cli", **tags},
    }


def _checked_sessions(symbol: Symbol, first: date, last: date, settings: Settings, now: datetime) -> list[Session]:
    if first > last:
        raise UsageError(f"--from {first} is after --to {last}: swap them")
    if first < settings.history_start:
        raise UsageError(
            f"{first} is before the partitions start ({settings.history_start}): "
            f"set TRADEMATRIX_HISTORY_START={first} or a later --from"
        )
    newest = _last_session(symbol, now, closed=False).trade_date
    if last > max(newest, now.date()):
        raise UsageError(f"{last} is in the future: the newest session of {symbol.name} is {newest}")
    sessions = [s for s in calendar_of(symbol).sessions(first, last) if s.opens_at <= now]
    if not sessions:
        after = calendar_of(symbol).next(last).trade_date
        before = calendar_of(symbol).previous(first).trade_date
        days = f"on {first}" if first == last else f"from {first} to {last}"
        raise UsageError(
            f"{symbol.name} has no session {days} (calendar {symbol.calendar}): the nearest are {before} and {after}"
        )
    return sessions


def _last_session(symbol: Symbol, now: datetime, *, closed: bool) -> Session:
    calendar = calendar_of(symbol)
    # A session is named by the day on which it closes, so it may open on the day before its name.
    session = calendar.previous(now.date() + 3 * _DAY)
    while (session.closes_at if closed else session.opens_at) > now:
        session = calendar.previous(session.trade_date)
    return session


def _weekdays(first: date, last: date, settings: Settings) -> tuple[date, date]:
    if not settings.weekends:
        while first.weekday() >= 5:
            first += _DAY
        while last.weekday() >= 5:
            last -= _DAY
    return first, last
