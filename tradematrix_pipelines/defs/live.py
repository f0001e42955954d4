"""Live pulls: a schedule that decides every minute which symbols to pull, and the job that pulls them in one run.

Here: the Dagster definitions. Not here: the decision (``automation.pulls``), nor what a pull is (``ingest.live``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import dagster as dg

from tradematrix_pipelines.automation.pulls import Pulls, decide_pulls
from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.defs.automation import schedule_status
from tradematrix_pipelines.defs.checks import judge_checks
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.internals.data_versions import SessionContent, session_contents
from tradematrix_pipelines.defs.internals.names import NOT_FINISHED_STATUSES
from tradematrix_pipelines.defs.internals.run_tags import BY_TAG
from tradematrix_pipelines.defs.io_manager import PostgresIOManager
from tradematrix_pipelines.defs.jobs import PRIORITY, max_runtime
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.defs.open_sessions import open_sessions
from tradematrix_pipelines.defs.partition_metadata import partition_metadata
from tradematrix_pipelines.defs.partition_results import Metadata
from tradematrix_pipelines.defs.registry import candle_asset
from tradematrix_pipelines.defs.retry_policy import NO_RUN_RETRIES
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.live import Pull, pull_sessions
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.partition_key import PartitionKey
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.book_updates import update_book
from tradematrix_pipelines.storage.candles import Written
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.price_updates import update_prices
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.storage.trading_day_state import automated_symbols, credit_state, read_last_pulls
from tradematrix_pipelines.tracing import span
from tradematrix_pipelines.vendors.protocol import Vendor

PULL_LIVE = "pull_live"

_MAX_RUNTIME = timedelta(minutes=10)


class PullConfig(dg.Config):
    """Which symbols to pull."""

    symbols: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulled:
    """The result of a pull of one symbol.

    Attributes:
        changed: the coverage of the series whose number of bars changed.
        contents: of the session's candles of these series.
        error: why it failed.
    """

    symbol: Symbol
    trade_date: date
    written: Written
    changed: tuple[Coverage, ...]
    contents: Mapping[Timeframe, SessionContent] = field(default_factory=dict)
    error: str | None = None

    def materializations(self, listed: Mapping[Timeframe, Metadata]) -> list[dg.AssetMaterialization]:
        """Return the materializations of the partitions that changed; ``listed`` is what is open."""
        return [
            dg.AssetMaterialization(
                candle_asset(coverage.timeframe),
                partition=str(PartitionKey(self.trade_date, self.symbol.name)),
                metadata={
                    **partition_metadata(coverage, 1, content=self.contents.get(coverage.timeframe)),
                    **listed[coverage.timeframe],
                },
            )
            for coverage in self.changed
        ]


@dg.op(description="Store every minute that has closed")
def pull(
    context: dg.OpExecutionContext,
    config: PullConfig,
    *,
    settings: dg.ResourceParam[Settings],
    database: dg.ResourceParam[Database],
    vendors: dg.ResourceParam[Sequence[Vendor]],
    postgres_io_manager: dg.ResourceParam[PostgresIOManager],
) -> None:
    """Pull the symbols of the config, and report what changed to Dagster.

    Raises:
        dagster.Failure: all pulls failed. A single symbol's failure shows in its coverage and as a stale market.
    """
    symbols = find_symbols(database.engine, config.symbols)
    with span("pull", symbols=len(symbols), run=context.run_id):
        pulls = pull_symbols(database, vendors, postgres_io_manager, symbols)
    listed = open_sessions(database, settings) if any(pulled.changed for pulled in pulls) else {}
    for pulled in pulls:
        log = context.log.info if pulled.error is None else context.log.error
        summary = pulled.error or f"{pulled.written.inserted} candles new, {pulled.written.revised} revised"
        log("%s: %s", pulled.symbol.name, summary)
        for materialization in pulled.materializations(listed):
            context.log_event(materialization)
    changed = {candle_asset(coverage.timeframe) for pulled in pulls for coverage in pulled.changed}
    # Dagster calls a check that is older than the newest materialization "not evaluated".
    for evaluation in judge_checks(database, settings) if changed else []:
        if evaluation.asset_key in changed:
            context.log_event(evaluation)  # type: ignore[arg-type]  # it takes them, its type doesn't say so
    failed = [f"{pulled.symbol.name}: {pulled.error}" for pulled in pulls if pulled.error is not None]
    if failed and len(failed) == len(pulls):
        # The next tick is the retry.
        raise dg.Failure(f"all {len(failed)} pulls failed. {'; '.join(failed)}", allow_retries=False)


@dg.job(
    name=PULL_LIVE,
    executor_def=dg.in_process_executor,
    # No pull starts while another is under way, so one that hangs is ended; the next tick is the retry.
    tags={**PRIORITY, **NO_RUN_RETRIES, **max_runtime(_MAX_RUNTIME), BY_TAG: "live"},
    description="Pull the sessions that are open: every minute that has closed, and the coarser bars from them.",
)
def pull_live() -> None:
    """Pull the symbols of the config."""
    pull()


def build_live_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule that decides every minute."""

    @dg.schedule(
        cron_schedule="* * * * *",
        job=pull_live,
        name="live",
        default_status=schedule_status(settings),
        description="Pull the markets that are open, as often as the plan's credits allow.",
    )
    @on_database(settings)
    def live(context: dg.ScheduleEvaluationContext, database: Database) -> dg.RunRequest | dg.SkipReason:
        pulls = plan_pulls(database, settings, now=database.clock.now())
        if not pulls.due:
            return dg.SkipReason("; ".join(f"{name}: {why}" for name, why in pulls.waiting.items()) or "no symbols")
        # Last, because opening Dagster's instance takes a tick as long as all else.
        running = dg.RunsFilter(job_name=PULL_LIVE, statuses=NOT_FINISHED_STATUSES)
        if context.instance.get_run_ids(running, limit=1):
            return dg.SkipReason("the previous pull is still under way")
        names = [symbol.name for symbol, _ in pulls.due]
        return dg.RunRequest(run_config={"ops": {"pull": {"config": {"symbols": names}}}})

    return live


def plan_pulls(database: Database, settings: Settings, *, now: datetime) -> Pulls:
    """Decide which symbols to pull at ``now``, from what is stored."""
    symbols = automated_symbols(database, settings)
    spendable, last_pulls = credit_state(database, settings, now), read_last_pulls(database, symbols, now)
    return decide_pulls(now, symbols, spendable=spendable, last_pulls=last_pulls)


def pull_symbols(
    database: Database, vendors: Sequence[Vendor], io_manager: PostgresIOManager, symbols: Collection[Symbol]
) -> list[Pulled]:
    """Pull the open sessions of ``symbols`` concurrently, and store each as it arrives.

    One that fails or hangs does not block the others. The current price, the levels that it touched and those that
    have become known are then derived from what is stored.
    """
    now = database.clock.now()
    pulls = [
        Pull(
            symbol=symbol,
            session=session,
            stored=database.candles.series(symbol, Timeframe.M1, session.opens_at, session.closes_at),
        )
        for symbol in symbols
        if (session := calendar_of(symbol).at(now)) is not None
    ]
    return [
        _store(database, io_manager, pull, batches, now) for pull, batches in pull_sessions(vendors, pulls, now=now)
    ]


def _store(
    database: Database, io_manager: PostgresIOManager, pull: Pull, batches: list[SeriesBatch] | Exception, now: datetime
) -> Pulled:
    symbol, session = pull.symbol, pull.session
    if isinstance(batches, Exception):
        error = f"{type(batches).__name__}: {batches}"
        return Pulled(symbol=symbol, trade_date=session.trade_date, written=Written(), changed=(), error=error)
    before = _received(database, symbol, session.trade_date)
    written = io_manager.store(batches)
    update_prices(database, symbol, session, now=now)
    update_book(database, symbol, session, now=now)
    sessions = [coverage for batch in batches for coverage in batch.coverage]
    errors = [coverage.reason() for coverage in sessions if coverage.status is Status.FAILED]
    changed = [
        coverage for coverage in sessions if coverage.received and coverage.received != before.get(coverage.timeframe)
    ]
    return Pulled(
        symbol=symbol,
        trade_date=session.trade_date,
        written=written,
        changed=() if errors else tuple(changed),
        contents=_contents(database, symbol, session.trade_date, changed),
        error=errors[0] if errors else None,
    )


def _contents(
    database: Database, symbol: Symbol, day: date, changed: Collection[Coverage]
) -> dict[Timeframe, SessionContent]:
    by_timeframe = {
        coverage.timeframe: session_contents(database.engine, symbol, coverage.timeframe, day, day)
        for coverage in changed
    }
    return {timeframe: contents[day] for timeframe, contents in by_timeframe.items() if day in contents}


def _received(database: Database, symbol: Symbol, day: date) -> dict[Timeframe, int]:
    rows = read_coverage(database.engine, [symbol], list(Timeframe), day, day)
    return {row.coverage.timeframe: row.coverage.received for row in rows}


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    return dg.Definitions(jobs=[pull_live], schedules=[build_live_schedule(installation().settings)])
