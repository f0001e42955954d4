"""``level_book``: every level to trade a session with, each with when it could be known.

A step of its own beside the other levels: one that fails blocks the other for none of its partitions.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import dagster as dg

from tradematrix_pipelines.candles.coverage import Status, Verdict
from tradematrix_pipelines.defs.assets.levels import LevelsConfig, why_no_levels
from tradematrix_pipelines.defs.checks import carry_out_checks, fresh_specs
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.internals.data_versions import CONTENT_VERSION, version_of
from tradematrix_pipelines.defs.io_manager import Books, Chunk, StepOutput
from tradematrix_pipelines.defs.partition_results import PartitionResult
from tradematrix_pipelines.defs.partitions import date_before, session_partitions
from tradematrix_pipelines.defs.registry import LEVEL_BOOK, candle_asset, stored_spec
from tradematrix_pipelines.defs.resources import IO_MANAGER
from tradematrix_pipelines.levels.book.kinds import KINDS
from tradematrix_pipelines.markets.partition_key import PartitionKey, dates_by_symbol
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.book_inputs import ComputedBook, compute_books
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols

_CODE_VERSION = "1"
_CLOSED = str(Status.CLOSED)


def build_level_book(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the step that computes level books."""
    spec = stored_spec(
        LEVEL_BOOK,
        io_manager_key=IO_MANAGER,
        deps=[
            dg.AssetDep(candle_asset(timeframe), partition_mapping=date_before())
            for timeframe in (Timeframe.M1, Timeframe.D1)
        ],
        description=f"Every level to trade a session with, and when it could be known: {', '.join(KINDS)}.",
        partitions_def=partitions,
        code_version=_CODE_VERSION,
    )

    @dg.multi_asset(
        name="level_book",
        specs=[spec],
        check_specs=fresh_specs([LEVEL_BOOK]),
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def level_book(
        context: dg.AssetExecutionContext,
        config: LevelsConfig,
        *,
        settings: dg.ResourceParam[Settings],
        database: dg.ResourceParam[Database],
    ) -> Iterator[dg.MaterializeResult[StepOutput] | dg.AssetCheckResult]:
        if context.selected_asset_keys:  # else only the checks are
            results: dict[str, PartitionResult] = {}
            wanted = dates_by_symbol(context.partition_keys)
            chunks = _chunks(database, wanted, results, allow_doubtful=config.allow_doubtful)
            output = StepOutput(context=context, chunks=chunks, results=lambda: {LEVEL_BOOK: results})
            yield dg.MaterializeResult(asset_key=LEVEL_BOOK, value=output)
        yield from carry_out_checks(context, settings, database)

    return level_book


def _chunks(
    database: Database,
    wanted: Mapping[str, Sequence[date]],
    results: dict[str, PartitionResult],
    *,
    allow_doubtful: bool,
) -> Iterator[Chunk]:
    """Yield the books of the wanted partitions, and add the result of each to ``results``."""
    for symbol in find_symbols(database.engine, wanted):
        dates = wanted[symbol.name]
        closed = PartitionResult(
            metadata={"status": _CLOSED, CONTENT_VERSION: _CLOSED, "dagster/partition_row_count": 0}
        )
        results.update({str(PartitionKey(day, symbol.name)): closed for day in dates})
        now = database.clock.now()
        for computed in compute_books(database, symbol, dates, now=now, allow_doubtful=allow_doubtful):
            of_partitions = [one for one in computed if one.book.trade_date in dates]
            for one in of_partitions:
                results[str(PartitionKey(one.book.trade_date, symbol.name))] = _result(database, symbol, one)
            unusable = [one for one in of_partitions if not one.has_last]
            yield Books(books=[one.book for one in computed if one not in unusable])


def _result(database: Database, symbol: Symbol, computed: ComputedBook) -> PartitionResult:
    book = computed.book
    if not computed.has_last:
        return PartitionResult(error=why_no_levels(database, symbol, book.trade_date))
    absent = [
        dg.TableRecord({"kind": str(kind), "name": entry.name or "", "reason": entry.reason})
        for kind, entries in computed.absent.items()
        for entry in entries
    ]
    values = sorted((level.kind, level.name, level.price, level.known_at) for level in book.levels)
    metadata: dict[str, object] = {
        "verdict": str(Verdict.DOUBTFUL if book.doubtful else Verdict.ACCEPTED),
        CONTENT_VERSION: version_of(values),
        "dagster/partition_row_count": len(book.levels),
    }
    return PartitionResult(metadata=metadata | ({"absent": dg.MetadataValue.table(absent)} if absent else {}))


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    assets = [build_level_book(session_partitions(installation().settings))]
    return dg.Definitions(assets=dg.with_source_code_references(assets))
