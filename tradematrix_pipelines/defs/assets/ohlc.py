"""``ohlc_1m`` … ``ohlc_1d``: the candles, as the outputs of one step that runs any subset of them.

One step, because one fetch serves all timeframes, and because a failed day of minutes must not fail the other
timeframes. It stores session after session; what is stored stays when a later session fails.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import dagster as dg
from dagster import AssetKey

from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.defs.assets.sources import MARKET_SYMBOLS, VENDOR
from tradematrix_pipelines.defs.checks import carry_out_checks, fresh_specs
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.internals.data_versions import SessionContent, session_contents
from tradematrix_pipelines.defs.internals.runs import BATCH_TAG
from tradematrix_pipelines.defs.io_manager import StepOutput
from tradematrix_pipelines.defs.open_sessions import open_sessions
from tradematrix_pipelines.defs.partition_checks import PARTITION_CHECKS, evaluate_stored, partition_check_specs
from tradematrix_pipelines.defs.partition_metadata import partition_metadata
from tradematrix_pipelines.defs.partition_results import Metadata, PartitionResult, Results
from tradematrix_pipelines.defs.partitions import session_partitions
from tradematrix_pipelines.defs.progress_log import ProgressLog
from tradematrix_pipelines.defs.registry import CANDLES, candle_asset, stored_spec
from tradematrix_pipelines.defs.resources import IO_MANAGER
from tradematrix_pipelines.defs.retry_policy import RETRY_POLICY
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.progress import Progress
from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.partition_key import PartitionKey, dates_by_symbol
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.history_starts import open_history
from tradematrix_pipelines.storage.judgements import read_record
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.vendors.credits import BACKFILL, HEAL, Plan
from tradematrix_pipelines.vendors.protocol import Vendor

CoverageByKey = dict[tuple[Timeframe, date], StoredCoverage]

_FEW = 50
"""Partitions of a run that are reported in full: all their checks, and what is open beside each."""

_CODE_VERSION = "1"
"""A change marks what is stored as outdated in the UI: it was made by other rules."""


class IngestConfig(dg.Config):
    """How to ingest."""

    refresh: bool = False
    """Fetch sessions again that are stored complete and final, to take in the vendor's revisions."""

    purpose: str = BACKFILL
    """What the credits are booked under: a ``backfill`` doesn't use those reserved for the trading day."""


def build_ohlc(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the step that fetches and stores candles of all timeframes."""

    @dg.multi_asset(
        name="ohlc",
        specs=[_spec(timeframe, partitions) for timeframe in Timeframe],
        check_specs=[*fresh_specs(CANDLES), *partition_check_specs(partitions)],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="vendor",
        retry_policy=RETRY_POLICY,
    )
    def ohlc(
        context: dg.AssetExecutionContext,
        config: IngestConfig,
        *,
        settings: dg.ResourceParam[Settings],
        database: dg.ResourceParam[Database],
        vendors: dg.ResourceParam[Sequence[Vendor]],
        plan: dg.ResourceParam[Plan],
    ) -> Iterator[dg.MaterializeResult[StepOutput] | dg.AssetCheckResult]:
        timeframes = [CANDLES[key] for key in CANDLES if key in context.selected_asset_keys]
        if timeframes:  # else only the checks are selected
            ingestion = _Ingestion(
                context=context,
                config=config,
                settings=settings,
                database=database,
                vendors=vendors,
                plan=plan,
                timeframes=timeframes,
            )
            output = StepOutput(
                context=context,
                chunks=ingestion.chunks(),
                results=ingestion.results,
                evaluations=ingestion.evaluations,
                may_pass=lambda: ingestion.transient,
                # A user at a terminal sees the failure at once, and can run `tradematrix retry`; healing has its own
                # pauses.
                without_retries=BATCH_TAG in context.run.tags or config.purpose == HEAL,
            )
            for timeframe in timeframes:
                yield dg.MaterializeResult(asset_key=candle_asset(timeframe), value=output)
        yield from carry_out_checks(context, settings, database)

    return ohlc


def _spec(timeframe: Timeframe, partitions: dg.PartitionsDefinition[str]) -> dg.AssetSpec:
    return stored_spec(
        candle_asset(timeframe),
        io_manager_key=IO_MANAGER,
        # All depend on the minutes: Dagster leaves out of a backfill what is downstream of an asset not part of it.
        deps=[VENDOR, MARKET_SYMBOLS] if timeframe is Timeframe.M1 else [candle_asset(Timeframe.M1)],
        description=timeframe.row.description,
        partitions_def=partitions,
        code_version=_CODE_VERSION,
    )


@dataclass(kw_only=True, slots=True)
class _Ingestion:
    """One run's ingestion: fetches what is not complete of its partitions, symbol by symbol.

    Attributes:
        transient: whether something failed for a reason that may pass within minutes.
    """

    context: dg.AssetExecutionContext
    config: IngestConfig
    settings: Settings
    database: Database
    vendors: Sequence[Vendor]
    plan: Plan
    timeframes: Sequence[Timeframe]
    transient: bool = False

    def chunks(self) -> Iterator[Sequence[SeriesBatch]]:
        """Yield the sessions fetched, in the order in which they arrive; those of one chunk belong together."""
        wanted = dates_by_symbol(self.context.partition_keys)
        for symbol in find_symbols(self.database.engine, wanted):
            yield from self._of_symbol(symbol, wanted[symbol.name])

    def results(self) -> Results:
        """Return the result of each of the run's partitions, from what is stored."""
        wanted, now = dates_by_symbol(self.context.partition_keys), self.database.clock.now()
        results: dict[AssetKey, dict[str, PartitionResult]] = {candle_asset(name): {} for name in self.timeframes}
        for symbol in find_symbols(self.database.engine, wanted, only_active=False):
            dates = wanted[symbol.name]
            coverage = _read_coverage(self.database, symbol, dates, self.timeframes)
            for timeframe in self.timeframes:
                contents = session_contents(self.database.engine, symbol, timeframe, min(dates), max(dates))
                results[candle_asset(timeframe)] |= {
                    str(PartitionKey(day, symbol.name)): _result(
                        symbol, timeframe, day, coverage, now, content=contents.get(day)
                    )
                    for day in dates
                }
        listed, every = open_sessions(self.database, self.settings), len(self.context.partition_keys) <= _FEW
        for timeframe in self.timeframes:
            _add(results[candle_asset(timeframe)], listed[timeframe], every=every)
        return results

    def evaluations(self) -> list[dg.AssetCheckEvaluation]:
        """Return the evaluations of the checks of partitions that the run selects, from what is stored.

        Of a long history only those that fail: an event for each partition would take as long as the candles.
        """
        selected = {key for key in self.context.selected_asset_check_keys if key.name in PARTITION_CHECKS}
        if not selected:
            return []
        wanted = dates_by_symbol(self.context.partition_keys)
        every = len(self.context.partition_keys) <= _FEW
        return [
            evaluation
            for symbol in find_symbols(self.database.engine, wanted, only_active=False)
            for evaluation in evaluate_stored(
                self.database, [symbol], self.timeframes, min(wanted[symbol.name]), max(wanted[symbol.name])
            )
            if evaluation.asset_check_key in selected and (every or not evaluation.passed)
        ]

    def _of_symbol(self, symbol: Symbol, dates: Sequence[date]) -> Iterator[Sequence[SeriesBatch]]:
        now, clock = self.database.clock.now(), self.database.clock
        known = _read_coverage(self.database, symbol, dates, list(Timeframe))
        settled = frozenset(key for key, row in known.items() if row.coverage.is_settled)
        done = frozenset() if self.config.refresh else settled
        skipped = done | (_failed_permanently(known) if self.context.retry_number else frozenset())
        keys = [(timeframe, day) for timeframe in self.timeframes for day in dates if (timeframe, day) in done]
        pruned = sum(known[key].coverage.is_pruned for key in keys)
        self.context.log.info(
            "%s: %d of %d partitions were complete before%s",
            symbol.name,
            len(keys),
            len(self.timeframes) * len(dates),
            f", {pruned} of them pruned" if pruned else "",
        )
        again = settled - done
        wanted = Wanted(
            symbol=symbol,
            dates={
                timeframe: frozenset(day for day in dates if (timeframe, day) not in skipped)
                for timeframe in self.timeframes
            },
            stored={
                timeframe: {
                    day: known[timeframe, day].coverage
                    for day in dates
                    if (timeframe, day) in done and not known[timeframe, day].coverage.is_pruned
                }
                for timeframe in Timeframe
            },
            doubtful={
                timeframe: {
                    day for day in dates if (timeframe, day) in again and known[timeframe, day].coverage.is_doubtful
                }
                for timeframe in self.timeframes
            },
            record=read_record(self.database.engine, symbol),
            read=lambda timeframe, start, end: self.database.candles.series(symbol, timeframe, start, end),
            protected=_sources(known, [key for key in again if key[0] in self.timeframes]),
            history=open_history(self.database.engine, symbol, clock=clock, ask_again=self.config.refresh),
        )
        calendar, progress = calendar_of(symbol), Progress()
        ingested = ingest(
            self.vendors, wanted, calendar=calendar, now=now, purpose=self.config.purpose, progress=progress
        )
        log = ProgressLog(self.context.log, symbol.name, progress, plan=self.plan, now=now)
        stored: set[date] = set()
        for batches in ingested:
            yield batches
            sessions = [coverage for batch in batches for coverage in batch.coverage]
            stored |= {coverage.trade_date for coverage in sessions if coverage.received}
            self.transient |= any(coverage.transient for coverage in sessions)
            log.update(sessions=len(stored), now=clock.now())
        log.end(sessions=len(stored), now=clock.now())


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
    symbol: Symbol,
    timeframe: Timeframe,
    day: date,
    known: CoverageByKey,
    now: datetime,
    *,
    content: SessionContent | None,
) -> PartitionResult:
    row = known.get((timeframe, day))
    if row is None:
        return PartitionResult(error=_not_due(symbol, timeframe, day, now))
    coverage = row.coverage
    return PartitionResult(
        metadata=partition_metadata(coverage, row.attempts, content=content),
        error=None if coverage.ok else coverage.reason(),
    )


def _add(results: dict[str, PartitionResult], metadata: Metadata, *, every: bool) -> None:
    """Add metadata to the good partitions: to ``every`` one, else to the newest of each symbol.

    An asset's page shows the one that Dagster has stored last, which of a run may be any.
    """
    good = dates_by_symbol(key for key, result in results.items() if result.error is None)
    for symbol, dates in good.items():
        for day in dates if every else dates[-1:]:
            key = str(PartitionKey(day, symbol))
            results[key] = replace(results[key], metadata={**results[key].metadata, **metadata})


def _not_due(symbol: Symbol, timeframe: Timeframe, day: date, now: datetime) -> str:
    session = calendar_of(symbol).session(day)
    if session is not None and now < session.opens_at:
        return f"{symbol.name}'s session {day} opens at {session.opens_at:%Y-%m-%d %H:%M} UTC: nothing to fetch yet"
    if session is not None and timeframe is Timeframe.D1 and now < session.closes_at:
        return f"{symbol.name}'s session {day} closes at {session.closes_at:%Y-%m-%d %H:%M} UTC: no daily bar yet"
    return "not fetched: the run stopped before it"


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    assets = [build_ohlc(session_partitions(installation().settings))]
    return dg.Definitions(assets=dg.with_source_code_references(assets))
