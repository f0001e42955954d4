"""``level_book``: every level to trade a session with; ``level_outcomes``: what those of the session before did in it.

Two outputs of one step, beside the step of the other levels: so one that fails blocks the other for no partition.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import dagster as dg

from tradematrix_pipelines.candles.coverage import Status, Verdict
from tradematrix_pipelines.defs.assets.levels import PRUNED, LevelsConfig, failure_without_levels
from tradematrix_pipelines.defs.checks import carry_out_checks, fresh_specs
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.internals.data_versions import CONTENT_VERSION, version_of
from tradematrix_pipelines.defs.io_manager import Books, Chunk, Outcomes, StepOutput
from tradematrix_pipelines.defs.partition_results import PartitionResult
from tradematrix_pipelines.defs.partitions import date_before, session_partitions
from tradematrix_pipelines.defs.registry import LEVEL_BOOK, LEVEL_OUTCOMES, candle_asset, stored_spec
from tradematrix_pipelines.defs.resources import IO_MANAGER
from tradematrix_pipelines.levels.book.kinds import KINDS
from tradematrix_pipelines.markets.partition_key import PartitionKey, dates_by_symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.book_inputs import BookReader, ComputedBook
from tradematrix_pipelines.storage.book_updates import compute_books
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.outcomes import SessionOutcomes, find_outcomes
from tradematrix_pipelines.storage.symbols import find_symbols

_CODE_VERSION = "1"
_CLOSED = str(Status.CLOSED)
_DESCRIPTIONS = {
    LEVEL_BOOK: f"Every level to trade a session with, and when it could be known: {', '.join(KINDS)}.",
    LEVEL_OUTCOMES: "What the levels of the session before did in it: touched, held, broken, gaps filled.",
}

_Results = dict[dg.AssetKey, dict[str, PartitionResult]]


def build_level_book(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the step that computes level books and what levels did, or one of the two."""
    # Not level_book for level_outcomes, outputs of the same step: a backfill would put the two into separate runs.
    candles = [
        dg.AssetDep(candle_asset(timeframe), partition_mapping=date_before())
        for timeframe in (Timeframe.M1, Timeframe.D1)
    ]
    options = {"partitions_def": partitions, "code_version": _CODE_VERSION, "deps": candles}

    @dg.multi_asset(
        name="level_book",
        specs=[
            stored_spec(key, io_manager_key=IO_MANAGER, description=description, **options)
            for key, description in _DESCRIPTIONS.items()
        ],
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
        results: _Results = {key: {} for key in _DESCRIPTIONS if key in context.selected_asset_keys}
        if results:  # else only the checks are
            readers = _readers(database, dates_by_symbol(context.partition_keys), config)
            chunks = (chunk for reader, dates in readers for chunk in _chunks(reader, dates, results))
            output = StepOutput(context=context, chunks=chunks, results=lambda: results)
            for key in results:
                yield dg.MaterializeResult(asset_key=key, value=output)
        yield from carry_out_checks(context, settings, database)

    return level_book


def _readers(
    database: Database, wanted: Mapping[str, Sequence[date]], config: LevelsConfig
) -> Iterator[tuple[BookReader, Sequence[date]]]:
    for symbol in find_symbols(database.engine, wanted):
        now, allowed = database.clock.now(), config.allow_doubtful
        yield BookReader(database=database, symbol=symbol, now=now, allow_doubtful=allowed), wanted[symbol.name]


def _chunks(reader: BookReader, dates: Sequence[date], results: _Results) -> Iterator[Chunk]:
    """Yield the selected rows of a symbol's partitions, and add the result of each to ``results``.

    What is stored of a session stays where candles that it comes from were pruned.
    """
    name, frozen = reader.symbol.name, reader.frozen(dates)
    closed = PartitionResult(metadata={"status": _CLOSED, CONTENT_VERSION: _CLOSED, "dagster/partition_row_count": 0})
    for of_asset in results.values():
        of_asset.update({str(PartitionKey(day, name)): closed for day in dates})
        of_asset.update({str(PartitionKey(day, name)): PartitionResult(metadata=PRUNED) for day in frozen})
    dates = [day for day in dates if day not in frozen]
    for inputs, before, computed in compute_books(reader, dates):
        usable = [one for one in computed if one.has_last or one.book.trade_date not in dates]
        if LEVEL_BOOK in results:
            yield Books(books=[one.book for one in usable])
        done = {LEVEL_BOOK: [_book_metadata(one) for one in computed if one.book.trade_date in dates]}
        if LEVEL_OUTCOMES in results:
            outcomes = list(find_outcomes(reader.database.engine, inputs, before))
            yield Outcomes(sessions=outcomes)
            done[LEVEL_OUTCOMES] = [_outcomes_metadata(one) for one in outcomes]
        partitions = [one for one in computed if one.book.trade_date in dates]
        for asset, of_asset in results.items():
            for one, metadata in zip(partitions, done[asset], strict=True):
                of_asset[str(PartitionKey(one.book.trade_date, name))] = _result(reader, one, metadata)


def _result(reader: BookReader, computed: ComputedBook, metadata: Mapping[str, object]) -> PartitionResult:
    if not computed.has_last:
        return failure_without_levels(reader.database, reader.symbol, computed.book.trade_date)
    return PartitionResult(metadata=metadata)


def _outcomes_metadata(session: SessionOutcomes) -> dict[str, object]:
    results = sorted((outcome.kind, outcome.name, outcome.result) for outcome in session.outcomes)
    return {
        "session": str(session.trade_date),
        CONTENT_VERSION: version_of(results),
        "dagster/partition_row_count": len(results),
    }


def _book_metadata(computed: ComputedBook) -> dict[str, object]:
    book = computed.book
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
    return metadata | ({"absent": dg.MetadataValue.table(absent)} if absent else {})


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    assets = [build_level_book(session_partitions(installation().settings))]
    return dg.Definitions(assets=dg.with_source_code_references(assets))
