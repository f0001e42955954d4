"""``ohlc_1m`` … ``ohlc_1d``: the candles, as the five outputs of one step that runs any subset of them.

One step, because one fetch serves all timeframes, and because a failed day of minutes must not fail the other
timeframes. It stores session after session; what is stored stays when a later session fails.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

import dagster as dg
from dagster import AssetKey

from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.defs.checks import carry_out_checks, fresh_specs
from tradematrix_pipelines.defs.internals.data_versions import candle_versions
from tradematrix_pipelines.defs.internals.runs import BATCH_TAG
from tradematrix_pipelines.defs.io_manager import CANDLE_ASSETS, PostgresIOManager
from tradematrix_pipelines.defs.partition_metadata import partition_metadata
from tradematrix_pipelines.defs.partition_results import (
    PartitionResult,
    Results,
    logging_good_on_error,
    settle,
)
from tradematrix_pipelines.defs.progress_log import ProgressLog
from tradematrix_pipelines.defs.resources import IO_MANAGER
from tradematrix_pipelines.defs.retry_policy import RETRY_POLICY, step_without_retries
from tradematrix_pipelines.ingest.progress import Progress
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.partition_key import PartitionKey, dates_by_symbol
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.candles import Written
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.vendors.credits import BACKFILL, HEAL
from tradematrix_pipelines.vendors.protocol import Vendor

CoverageByKey = dict[tuple[Timeframe, date], StoredCoverage]

_CODE_VERSION = "1"
"""A change marks what is stored as outdated in the UI: it was made by other rules."""

_DESCRIPTIONS = {
    Timeframe.M1: "One-minute candles: only closed bars, only inside the session, screened.",
    Timeframe.M5: "Five-minute candles, from the minutes where they are complete, else the vendor's own.",
    Timeframe.M15: "15-minute candles, from the minutes where they are complete, else the vendor's own.",
    Timeframe.H1: "Hourly candles anchored at the session's open, from the minutes or the vendor's own.",
    Timeframe.D1: "Daily candles: the vendor's official bar, or the 17:00 to 17:00 New York session for FX and metals.",
}
_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("ts", "timestamptz", description="bar open, UTC"),
        *(dg.TableColumn(name, "float8") for name in ("open", "high", "low", "close")),
        dg.TableColumn("volume", "float8", description="null where the vendor gives none"),
        dg.TableColumn("symbol_id", "integer", description="market_symbols.id"),
        dg.TableColumn("timeframe", "ohlc_timeframe"),
        dg.TableColumn("source", "text", description="vendor that served it"),
    ]
)


class IngestConfig(dg.Config):
    """How to ingest."""

    refresh: bool = False
    """Fetch sessions again that are stored complete and final, to take in the vendor's revisions."""

    purpose: str = BACKFILL
    """What the credits are booked under: a ``backfill`` doesn't use those reserved for the trading day."""


def build_ohlc(partitions: dg.PartitionsDefinition[str], settings: Settings) -> dg.AssetsDefinition:
    """Return the step that fetches and stores candles of all timeframes."""

    @dg.multi_asset(
        name="ohlc",
        specs=[_spec(timeframe, partitions) for timeframe in Timeframe],
        check_specs=fresh_specs(CANDLE_ASSETS),
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={"database", "vendors", "plan", IO_MANAGER},
        pool="vendor",
        retry_policy=RETRY_POLICY,
    )
    def ohlc(
        context: dg.AssetExecutionContext, config: IngestConfig
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        timeframes = [CANDLE_ASSETS[key] for key in CANDLE_ASSETS if key in context.selected_asset_keys]
        if not timeframes:  # only the checks are selected
            yield from carry_out_checks(context, settings)
            return
        # A user at a terminal sees the failure at once, and can run `tradematrix retry`; healing has its own pauses.
        never_retry = BATCH_TAG in context.run.tags or config.purpose == HEAL
        with step_without_retries(for_all_errors=never_retry):
            with logging_good_on_error(lambda: _results(context, timeframes), context=context):
                transient = _ingest(context, timeframes, config)
            settle(_results(context, timeframes), context=context, retry=transient and not never_retry)
        for timeframe in timeframes:
            yield dg.MaterializeResult(asset_key=_key(timeframe))
        yield from carry_out_checks(context, settings)

    return ohlc


def _key(timeframe: Timeframe) -> AssetKey:
    return AssetKey(f"ohlc_{timeframe}")


def _spec(timeframe: Timeframe, partitions: dg.PartitionsDefinition[str]) -> dg.AssetSpec:
    return dg.AssetSpec(
        _key(timeframe),
        # All depend on the minutes: Dagster leaves out of a backfill what is downstream of an asset not part of it.
        deps=[] if timeframe is Timeframe.M1 else [_key(Timeframe.M1)],
        description=_DESCRIPTIONS[timeframe],
        group_name="candles",
        owners=["team:market-data"],
        kinds={"postgres", "pandas"},
        partitions_def=partitions,
        code_version=_CODE_VERSION,
        metadata={"dagster/table_name": "ohlc", "dagster/column_schema": _COLUMNS, "timeframe": str(timeframe)},
    ).with_io_manager_key(IO_MANAGER)


def _ingest(context: dg.AssetExecutionContext, timeframes: Sequence[Timeframe], config: IngestConfig) -> bool:
    """Fetch and store the run's partitions; return whether one failed for a transient reason."""
    database: Database = context.resources.database
    wanted = dates_by_symbol(context.partition_keys)
    transient = False
    for symbol in find_symbols(database.engine, wanted):
        transient |= _ingest_symbol(
            context, symbol, wanted[symbol.name], timeframes, now=database.clock.now(), config=config
        )
    return transient


def _results(context: dg.AssetExecutionContext, timeframes: Sequence[Timeframe]) -> Results:
    """Return the result of each of the run's partitions, from what is stored."""
    database: Database = context.resources.database
    wanted, now = dates_by_symbol(context.partition_keys), database.clock.now()
    results: dict[AssetKey, dict[str, PartitionResult]] = {_key(timeframe): {} for timeframe in timeframes}
    for symbol in find_symbols(database.engine, wanted, only_active=False):
        dates = wanted[symbol.name]
        coverage = _read_coverage(database, symbol, dates, timeframes)
        for timeframe in timeframes:
            versions = candle_versions(database.engine, symbol, timeframe, min(dates), max(dates))
            for day in dates:
                key = str(PartitionKey(day, symbol.name))
                version = versions.get(day)
                results[_key(timeframe)][key] = _result(symbol, timeframe, day, coverage, now, version=version)
    return results


def _ingest_symbol(
    context: dg.AssetExecutionContext,
    symbol: Symbol,
    dates: Sequence[date],
    timeframes: Sequence[Timeframe],
    *,
    now: datetime,
    config: IngestConfig,
) -> bool:
    """Fetch and store what is not complete; return whether something failed for a reason that may pass in minutes."""
    database: Database = context.resources.database
    vendors: Sequence[Vendor] = context.resources.vendors
    io_manager: PostgresIOManager = context.resources.postgres_io_manager
    known = _read_coverage(database, symbol, dates, list(Timeframe))
    complete = frozenset(key for key, row in known.items() if row.coverage.is_settled)
    done = frozenset() if config.refresh else complete
    skipped = done | (_failed_permanently(known) if context.retry_number else frozenset())
    wanted = Wanted(
        symbol=symbol,
        dates={
            timeframe: frozenset(day for day in dates if (timeframe, day) not in skipped) for timeframe in timeframes
        },
        stored={
            timeframe: {day: known[timeframe, day].coverage.source or "" for day in dates if (timeframe, day) in done}
            for timeframe in INTRADAY
        },
        read=lambda timeframe, start, end: database.candles.series(symbol, timeframe, start, end),
        protected=_sources(known, [key for key in complete - done if key[0] in timeframes]),
    )
    calendar, progress = get_calendar(symbol.calendar), Progress()
    ingested = ingest(vendors, wanted, calendar=calendar, now=now, purpose=config.purpose, progress=progress)
    log = ProgressLog(context.log, symbol.name, progress, plan=context.resources.plan, now=now)
    written, stored, transient = Written(), set[date](), False
    for batches in ingested:
        written += io_manager.write_candles(batches)
        sessions = [coverage for batch in batches for coverage in batch.coverage]
        stored |= {coverage.trade_date for coverage in sessions if coverage.received}
        transient |= any(coverage.transient for coverage in sessions)
        log.update(sessions=len(stored), now=database.clock.now())
    log.end(sessions=len(stored), now=database.clock.now())
    context.log.info(
        "%s: %d candles inserted, %d revised, %d rejected; %d of %d partitions were complete before",
        symbol.name, written.inserted, written.revised, written.rejected,
        sum((timeframe, day) in done for timeframe in timeframes for day in dates), len(timeframes) * len(dates),
    )  # fmt: skip
    return transient


def _failed_permanently(known: CoverageByKey) -> frozenset[tuple[Timeframe, date]]:
    """Return the sessions that failed at the last attempt with an error that does not pass within minutes."""
    return frozenset(key for key, row in known.items() if row.coverage.error and not row.coverage.transient)


def _sources(known: CoverageByKey, keys: Iterable[tuple[Timeframe, date]]) -> dict[date, set[str]]:
    """Return the vendors that the sessions of ``keys`` are stored from, by trade date."""
    sources: dict[date, set[str]] = defaultdict(set)
    for timeframe, day in keys:
        if (source := known[timeframe, day].coverage.source) is not None:
            sources[day].add(source)
    return sources


def _read_coverage(
    database: Database, symbol: Symbol, dates: Sequence[date], timeframes: Sequence[Timeframe]
) -> CoverageByKey:
    rows = read_coverage(database.engine, [symbol], timeframes, min(dates), max(dates))
    return {(row.coverage.timeframe, row.coverage.trade_date): row for row in rows}


def _result(
    symbol: Symbol, timeframe: Timeframe, day: date, known: CoverageByKey, now: datetime, *, version: str | None
) -> PartitionResult:
    row = known.get((timeframe, day))
    if row is None:
        return PartitionResult(error=_not_due(symbol, timeframe, day, now))
    coverage = row.coverage
    return PartitionResult(
        metadata=partition_metadata(coverage, row.attempts, version=version),
        error=None if coverage.ok else coverage.reason(),
    )


def _not_due(symbol: Symbol, timeframe: Timeframe, day: date, now: datetime) -> str:
    session = get_calendar(symbol.calendar).session(day)
    if session is not None and now < session.opens_at:
        return f"{symbol.name}'s session {day} opens at {session.opens_at:%Y-%m-%d %H:%M} UTC: nothing to fetch yet"
    if session is not None and timeframe is Timeframe.D1 and now < session.closes_at:
        return f"{symbol.name}'s session {day} closes at {session.closes_at:%Y-%m-%d %H:%M} UTC: no daily bar yet"
    return "not fetched: the run stopped before it"
