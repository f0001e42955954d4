"""The IO manager: the only way between Dagster's assets and the tables of candles and levels.

Here: which table an asset's partitions live in, and what a run's rectangle of partitions reads and writes.
Not here: the SQL (``storage``), or which partitions count (``partition_results``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg
import pandas as pd

from tradematrix_pipelines.defs.internals.step_events import evaluations
from tradematrix_pipelines.defs.partition_results import Results, good_partitions, settle, up_to_the_first_gap
from tradematrix_pipelines.defs.registry import CANDLES, LEVELS
from tradematrix_pipelines.defs.retry_policy import step_without_retries
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.pivots import Pivots
from tradematrix_pipelines.markets.partition_key import dates_by_symbol
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.candles import Written, write
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_book import SessionBook, write_books
from tradematrix_pipelines.storage.levels import read_levels, write_levels
from tradematrix_pipelines.storage.outcomes import SessionOutcomes, write_outcomes
from tradematrix_pipelines.storage.sessions import read_sessions
from tradematrix_pipelines.storage.symbols import find_symbols


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """Rows for the two tables of levels."""

    daily: Sequence[tuple[Symbol, DailyLevels]] = ()
    pivots: Sequence[tuple[Symbol, date, Pivots]] = ()
    doubtful: frozenset[tuple[str, date]] = frozenset()
    """Those that come from a doubtful session, by symbol's name and trade date."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Books:
    """Level books of sessions."""

    books: Sequence[SessionBook]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """What levels did in sessions."""

    sessions: Sequence[SessionOutcomes]


Chunk = Sequence[SeriesBatch] | Levels | Books | Outcomes
"""What is stored in one transaction: whole sessions of a symbol in all timeframes, levels, level books, outcomes."""


@dataclass(kw_only=True, slots=True)
class StepOutput:
    """The output of a step, which hands the same one over for each of its assets: the first to be handled stores all.

    One fetch serves all timeframes, and one transaction stores them.

    Attributes:
        context: of the step.
        chunks: what to store, in order; may fetch as it goes. Its next chunk is taken when the last one is stored.
        results: returns the result of each partition, from what is stored at that time.
        evaluations: returns those of the checks of partitions that the run selects, from what is stored.
        may_pass: returns whether a partition failed for a reason that may pass within minutes.
        without_retries: whether the step's retry policy must not run it again, whatever the error.
        settled: whether the chunks are stored, and all partitions are good.
    """

    context: dg.AssetExecutionContext
    chunks: Iterator[Chunk]
    results: Callable[[], Results]
    evaluations: Callable[[], Sequence[dg.AssetCheckEvaluation]] = lambda: ()
    may_pass: Callable[[], bool] = lambda: False
    without_retries: bool = False
    settled: bool = False


class PostgresIOManager(dg.ConfigurableIOManager):
    """Stores and loads the partitions of all assets, in Postgres."""

    database: dg.ResourceDependency[Database]

    def store(self, chunk: Chunk) -> Written:
        """Store a chunk in one transaction (``storage.candles``, ``storage.levels``, ``storage.level_book``)."""
        engine, now = self.database.engine, self.database.clock.now()
        if isinstance(chunk, Levels):
            rows = write_levels(engine, daily=chunk.daily, pivots=chunk.pivots, doubtful=chunk.doubtful, now=now)
            return Written(inserted=rows)
        if isinstance(chunk, Books):
            return Written(inserted=write_books(engine, chunk.books, now=now))
        if isinstance(chunk, Outcomes):
            return Written(inserted=write_outcomes(engine, chunk.sessions))
        return write(engine, chunk, now=now)

    def handle_output(self, context: dg.OutputContext, obj: StepOutput) -> Iterator[dg.DagsterEvent]:  # type: ignore[override]  # Dagster takes generators of events, its type doesn't say so
        """Store a step's chunks, and settle which of its partitions count (``partition_results``).

        What is stored stays when a later chunk fails, or when somebody cancels.

        Raises:
            dagster.Failure: at least one partition failed, or the step was interrupted.
        """
        if obj.settled:
            return
        written = Written()
        with step_without_retries(for_all_errors=obj.without_retries):
            try:
                for chunk in obj.chunks:
                    written += self.store(chunk)
            except BaseException:
                # If this fails too, the original error is the one to report.
                with suppress(Exception):
                    yield from good_partitions(up_to_the_first_gap(obj.results()), context=obj.context)
                raise
            context.log.info(
                "%d rows inserted, %d revised, %d rejected", written.inserted, written.revised, written.rejected
            )
            yield from evaluations(obj.context, obj.evaluations())
            yield from settle(obj.results(), context=obj.context, retry=obj.may_pass() and not obj.without_retries)
        obj.settled = True

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Return the requested partitions as one frame (:meth:`load`)."""
        return self.load(context.asset_key, dates_by_symbol(context.asset_partition_keys))

    def load(
        self, asset: dg.AssetKey, wanted: Mapping[str, Sequence[date]], *, history: timedelta = timedelta()
    ) -> pd.DataFrame:
        """Return partitions of an asset as one frame.

        Candles: ``storage.sessions.read_sessions``. Levels: the rows of their table, with a ``symbol`` column.

        Args:
            wanted: trade dates by symbol; the frame has every date between the first and the last.
            history: how much before the first date the frame begins.

        Raises:
            UnknownSymbol: a symbol is not stored.
        """
        symbols = find_symbols(self.database.engine, wanted, only_active=False)
        dates = [day for of_symbol in wanted.values() for day in of_symbol]
        first, last = min(dates) - history, max(dates)
        if asset in LEVELS:
            return read_levels(self.database.engine, LEVELS[asset], symbols, first, last)
        return read_sessions(self.database, symbols, CANDLES[asset], first, last)
