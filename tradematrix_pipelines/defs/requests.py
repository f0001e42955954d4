"""Turns the decisions of the trading day into the fewest run requests.

Every sensor and schedule requests its runs through :func:`request_runs`, so that nothing is requested twice while a run
for it is under way. Not here: what is wanted (``automation``), and when the same may be requested again
(``automation.requests``).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType

import dagster as dg

from tradematrix_pipelines.automation.closes import LOOKBACK, due_levels, due_sessions
from tradematrix_pipelines.automation.requests import LEVELS, Target
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.internals.names import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    NOT_FINISHED_STATUSES,
)
from tradematrix_pipelines.defs.internals.runs import range_tags
from tradematrix_pipelines.defs.io_manager import CANDLE_ASSETS, DAILY_LEVELS, PIVOT_POINTS
from tradematrix_pipelines.defs.jobs import TRADING_DAY
from tradematrix_pipelines.defs.retry import contiguous_ranges
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.partition_key import dates_by_symbol
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.day_state import automated_symbols, computed_levels, recent_coverage
from tradematrix_pipelines.storage.run_requests import claim_requests
from tradematrix_pipelines.vendors.credits import BACKFILL, CLOSE, HEAL

NO_CHECKS: list[dg.AssetCheckKey] = []
"""The checks of runs that a sensor requests: freshness has a sensor of its own."""

REQUEST_TAG = "tradematrix/request"
"""Tag of the runs that a sensor or schedule requested: what their candles are booked under, or ``levels``."""

_REQUESTS = [BACKFILL, CLOSE, HEAL, LEVELS]
_RETRY_COMES = timedelta(minutes=2)
"""How long after a run's failure the daemon may still retry it by itself; later it doesn't."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is wanted of one symbol, with the instant at which its state last changed (``None`` = not stored).

    Attributes:
        purpose: what the credits are booked under.
        candles: sessions of series.
        levels: trade dates.
        refresh: fetch complete sessions too.
        tags: of the runs.
    """

    symbol: Symbol
    purpose: str = CLOSE
    candles: Mapping[tuple[date, Timeframe], datetime | None] = field(default_factory=dict)
    levels: Mapping[date, datetime | None] = field(default_factory=dict)
    refresh: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    def targets(self) -> dict[Target, datetime | None]:
        """Return what is wanted, by request target."""
        name = self.symbol.name
        candles = {Target(name, day, f"ohlc_{timeframe}"): at for (day, timeframe), at in self.candles.items()}
        return candles | {Target(name, day, LEVELS): at for day, at in self.levels.items()}


def want_due(database: Database, settings: Settings, *, now: datetime) -> list[Wanted]:
    """Return the sessions that closed and have not been requested since, and the levels that are due."""
    symbols, since = automated_symbols(database, settings), settings.history_start
    rows = recent_coverage(database, symbols, now)
    computed = computed_levels(database.engine, symbols, since=(now - LOOKBACK).date())
    wanted = []
    for symbol in symbols:
        checked = {(row.coverage.trade_date, row.coverage.timeframe): row.checked_at for row in rows[symbol.name]}
        due = due_sessions(symbol, rows[symbol.name], now, since=since)
        days = [row for row in rows[symbol.name] if row.coverage.timeframe is Timeframe.D1]
        wanted.append(
            Wanted(
                symbol=symbol,
                candles={
                    (day, timeframe): checked.get((day, timeframe))
                    for day, timeframes in due.items()
                    for timeframe in timeframes
                },
                levels=due_levels(symbol, days, computed[symbol.name], now),
            )
        )
    return wanted


def want_again(
    symbol: Symbol,
    rows: Collection[StoredCoverage],
    *,
    purpose: str,
    refresh: bool = False,
    tags: Mapping[str, str] = MappingProxyType({}),
) -> Wanted:
    """Return the request to fetch these sessions of ``symbol`` again."""
    candles = {(row.coverage.trade_date, row.coverage.timeframe): row.checked_at for row in rows}
    return Wanted(symbol=symbol, purpose=purpose, candles=candles, refresh=refresh, tags=tags)


def request_runs(
    database: Database,
    instance: dg.DagsterInstance,
    wanted: Sequence[Wanted],
    *,
    now: datetime,
    candles_job: str = TRADING_DAY,
    levels_job: str = TRADING_DAY,
) -> list[dg.RunRequest]:
    """Return the fewest runs for what is wanted, not under way, and not just requested for the same state.

    Their targets count as requested from now on, even if the caller's tick fails before it makes the runs.
    """
    targets = [request.targets() for request in wanted]
    symbols = {request.symbol.name: request.symbol for request in wanted}
    merged = {target: at for by_target in targets for target, at in by_target.items()}
    if not merged:
        return []
    chosen = claim_requests(database.engine, list(symbols.values()), merged, under_way=under_way(instance), now=now)
    runs: list[dg.RunRequest] = []
    for request, by_target in zip(wanted, targets, strict=True):
        mine = chosen.intersection(by_target)
        # A deadline may want the same session as due and as incomplete; the first request gets it.
        chosen -= mine
        runs += _candle_runs(request, mine, candles_job, now)
        runs += _levels_runs(request, mine, levels_job, now)
    return runs


def under_way(instance: dg.DagsterInstance) -> set[Target]:
    """Return the targets of requested runs that are queued, running or about to be retried."""
    mine = {REQUEST_TAG: _REQUESTS}
    # Dagster stamps its runs by the machine's clock, whatever ours says.
    since = SystemClock().now() - _RETRY_COMES
    died = dg.RunsFilter(tags=mine, statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    runs = [
        *instance.get_runs(dg.RunsFilter(tags=mine, statuses=NOT_FINISHED_STATUSES)),
        *(run for run in instance.get_runs(died) if run.is_complete_and_waiting_to_retry),
    ]
    return {target for run in runs for target in _targets(run)}


def _targets(run: dg.DagsterRun) -> Iterator[Target]:
    start, end = (run.tags.get(tag) for tag in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG))
    if start is None or end is None:
        return
    assets = {key.to_user_string() if key in CANDLE_ASSETS else LEVELS for key in run.asset_selection or ()}
    for symbol, dates in dates_by_symbol([start, end]).items():
        for days in range((dates[-1] - dates[0]).days + 1):
            yield from (Target(symbol, dates[0] + days * _DAY, asset) for asset in assets)


def _candle_runs(wanted: Wanted, chosen: Collection[Target], job: str, now: datetime) -> Iterator[dg.RunRequest]:
    by_date: dict[date, tuple[Timeframe, ...]] = {}
    for timeframe in Timeframe:
        for day in {target.trade_date for target in chosen if target.asset == f"ohlc_{timeframe}"}:
            by_date[day] = (*by_date.get(day, ()), timeframe)
    for timeframes in dict.fromkeys(by_date[day] for day in sorted(by_date)):
        dates = {day for day, of_day in by_date.items() if of_day == timeframes}
        for first, last in contiguous_ranges(dates, get_calendar(wanted.symbol.calendar)):
            yield dg.RunRequest(
                run_key=_run_key(wanted.symbol, first, last, timeframes, now),
                job_name=job,
                run_config={"ops": {"ohlc": {"config": {"purpose": wanted.purpose, "refresh": wanted.refresh}}}},
                tags={**wanted.tags, **range_tags(wanted.symbol.name, first, last), REQUEST_TAG: wanted.purpose},
                asset_selection=[dg.AssetKey(f"ohlc_{timeframe}") for timeframe in timeframes],
                asset_check_keys=NO_CHECKS,
            )


def _levels_runs(wanted: Wanted, chosen: Collection[Target], job: str, now: datetime) -> Iterator[dg.RunRequest]:
    dates = {target.trade_date for target in chosen if target.asset == LEVELS}
    for first, last in contiguous_ranges(dates, get_calendar(wanted.symbol.calendar)):
        yield dg.RunRequest(
            run_key=_run_key(wanted.symbol, first, last, [LEVELS], now),
            job_name=job,
            tags={**wanted.tags, **range_tags(wanted.symbol.name, first, last), REQUEST_TAG: LEVELS},
            asset_selection=[DAILY_LEVELS, PIVOT_POINTS],
            asset_check_keys=NO_CHECKS,
        )


def _run_key(symbol: Symbol, first: date, last: date, what: Sequence[str], now: datetime) -> str:
    """Return a unique key: Dagster requires one where a schedule requests several runs."""
    return f"{symbol.name} {first} {last} {' '.join(what)} {now.isoformat()}"
