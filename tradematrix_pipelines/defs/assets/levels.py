"""``daily_levels`` and ``pivot_points``: computed from the last finished session, for the next one.

Two outputs of one step, because in Dagster a step that fails for one partition blocks the steps after it for all.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta

import dagster as dg
import pandas as pd
from dagster import AssetKey

from tradematrix_pipelines.automation.deadlines import BERLIN, DAILY_CLOSE, PIVOTS
from tradematrix_pipelines.candles.adjusting import in_units_of
from tradematrix_pipelines.candles.coverage import Status, Verdict
from tradematrix_pipelines.defs.checks import carry_out_checks, fresh_specs
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.internals.data_versions import CONTENT_VERSION
from tradematrix_pipelines.defs.io_manager import Levels, PostgresIOManager, StepOutput
from tradematrix_pipelines.defs.level_charts import draw_charts
from tradematrix_pipelines.defs.level_metadata import (
    PartitionLevels,
    daily_metadata,
    daily_table,
    newest_of_each,
    pivots_metadata,
    pivots_table,
)
from tradematrix_pipelines.defs.partition_results import Metadata, PartitionResult, Results
from tradematrix_pipelines.defs.partitions import date_before, session_partitions
from tradematrix_pipelines.defs.registry import DAILY_LEVELS, PIVOT_POINTS, candle_asset, stored_spec
from tradematrix_pipelines.defs.resources import IO_MANAGER
from tradematrix_pipelines.levels.daily import LEVELS as DAILY
from tradematrix_pipelines.levels.history import HISTORY_SPAN, REACH, levels_for
from tradematrix_pipelines.levels.pivots import Method, pivots
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.partition_key import PartitionKey, dates_by_symbol
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judging import judge_unjudged
from tradematrix_pipelines.storage.levels import read_level_rows, why_no_levels
from tradematrix_pipelines.storage.pruned_sessions import pruned_dates
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.storage.tables import levels_daily

_CODE_VERSION = "1"
"""A change marks what is stored as outdated in the UI: it was made by other formulas."""

_DESCRIBED = {DAILY_LEVELS: (daily_metadata, daily_table), PIVOT_POINTS: (pivots_metadata, pivots_table)}
_OUTPUTS = tuple(_DESCRIBED)
PRUNED: Metadata = {"status": "pruned", CONTENT_VERSION: "pruned"}
"""The metadata of a partition whose rows stay as they are: the candles that they come from were pruned."""
_DOUBTFUL = str(Verdict.DOUBTFUL)
_M1, _D1 = Timeframe.M1, Timeframe.D1


class LevelsConfig(dg.Config):
    """How to compute levels."""

    allow_doubtful: bool = False
    """Publish levels from doubtful sessions too, marked as doubtful."""


_Outcome = PartitionLevels | PartitionResult
"""The levels of one partition, or its result without levels."""


def build_levels(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the step that computes daily levels, pivot points, or both."""

    @dg.multi_asset(
        name="levels",
        specs=_specs(partitions),
        check_specs=fresh_specs(_OUTPUTS),
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def levels(
        context: dg.AssetExecutionContext,
        config: LevelsConfig,
        *,
        settings: dg.ResourceParam[Settings],
        database: dg.ResourceParam[Database],
        postgres_io_manager: dg.ResourceParam[PostgresIOManager],
    ) -> Iterator[dg.MaterializeResult[StepOutput] | dg.AssetCheckResult]:
        selected = [key for key in _OUTPUTS if key in context.selected_asset_keys]
        if selected:  # else only the checks are
            wanted = dates_by_symbol(context.partition_keys)
            for symbol in find_symbols(database.engine, wanted):
                dates = wanted[symbol.name]
                judge_unjudged(database, symbol, min(dates) - HISTORY_SPAN, max(dates))
            # No input of Dagster's: a run of the checks alone has no partitions, and Dagster fails to map them.
            days = postgres_io_manager.load(candle_asset(_D1), wanted, history=HISTORY_SPAN)
            outcomes = _compute(database, wanted, days, allow_doubtful=config.allow_doubtful)
            output = StepOutput(
                context=context,
                chunks=iter([_rows(outcomes, selected)]),
                results=lambda: _results(database, selected, outcomes),
            )
            for key in selected:
                yield dg.MaterializeResult(asset_key=key, value=output)
        yield from carry_out_checks(context, settings, database)

    return levels


def _specs(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetSpec]:
    # Indirect upstream assets are listed too, because a backfill of selected assets follows only direct edges between
    # them: selecting minutes and levels without the daily candles would materialize the minutes alone. But not
    # daily_levels for pivot_points, outputs of the same step: a backfill would put the two into separate runs.
    candles = [dg.AssetDep(candle_asset(timeframe), partition_mapping=date_before()) for timeframe in (_M1, _D1)]
    descriptions = {
        DAILY_LEVELS: f"Levels to trade a session with: {', '.join(DAILY)}. Only from a session that is closed, "
        "final, complete and believed.",
        PIVOT_POINTS: f"Pivot points to trade a session with, by each method: {', '.join(Method)}.",
    }
    return [
        stored_spec(
            key,
            io_manager_key=IO_MANAGER,
            deps=candles,
            description=description,
            partitions_def=partitions,
            code_version=_CODE_VERSION,
            freshness_policy=_deadline(key),
        )
        for key, description in descriptions.items()
    ]


def _deadline(key: AssetKey) -> dg.FreshnessPolicy:
    """Return by when traders expect the levels. The check ``fresh`` judges each symbol, by its market's hours."""
    at, days = (DAILY_CLOSE, "1-5") if key == DAILY_LEVELS else (PIVOTS, "2-6")
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"{at.minute} {at.hour} * * {days}", lower_bound_delta=timedelta(days=1), timezone=str(BERLIN)
    )


def _compute(
    database: Database, wanted: Mapping[str, Sequence[date]], days: pd.DataFrame, *, allow_doubtful: bool
) -> dict[str, _Outcome]:
    """Return the outcome of every partition, by key; ``days`` are the daily candles of their history."""
    outcomes: dict[str, _Outcome] = {}
    finished = days[(days["status"] == str(Status.COMPLETE)) & days["final"].eq(other=True)]
    if not allow_doubtful:
        finished = finished[finished["verdict"] != _DOUBTFUL]
    for symbol in find_symbols(database.engine, wanted):
        bars, dates = finished[finished["symbol"] == symbol.name], wanted[symbol.name]
        frozen = _frozen(database, symbol, dates)
        for day in dates:
            key = str(PartitionKey(day, symbol.name))
            outcomes[key] = (
                PartitionResult(metadata=PRUNED) if day in frozen else _levels_of(database, symbol, day, bars)
            )
    return outcomes


def _frozen(database: Database, symbol: Symbol, dates: Sequence[date]) -> set[date]:
    """Return those of these trade dates whose levels are stored, and can't be computed again: days were pruned."""
    first, last = min(dates), max(dates)
    pruned = pruned_dates(database.engine, symbol, _D1, first - HISTORY_SPAN, last)
    if not pruned:
        return set()
    stored = {row["trade_date"] for row in read_level_rows(database.engine, levels_daily, [symbol], first, last)}
    return {day for day in dates if day in stored and any(day - HISTORY_SPAN <= gone < day for gone in pruned)}


def _levels_of(database: Database, symbol: Symbol, day: date, bars: pd.DataFrame) -> _Outcome:
    calendar = calendar_of(symbol)
    if calendar.session(day) is None:
        closed = str(Status.CLOSED)
        return PartitionResult(metadata={"status": closed, CONTENT_VERSION: closed, "dagster/partition_row_count": 0})
    bars = in_units_of(bars, day, symbol=symbol, calendar=calendar, daily=True)
    daily = levels_for(day, bars=bars, calendar=calendar)
    if daily is None:
        return failure_without_levels(database, symbol, day)
    prices = {"open_": daily.y_open, "high": daily.y_high, "low": daily.y_low, "close": daily.y_close}
    sources = bars[bars["trade_date"] < day].tail(REACH)
    return PartitionLevels(
        symbol=symbol,
        daily=daily,
        pivots=[pivots(method, **prices) for method in Method],
        doubtful=bool((sources["verdict"] == _DOUBTFUL).any()),
    )


def _rows(outcomes: Mapping[str, _Outcome], selected: Collection[AssetKey]) -> Levels:
    computed = _computed(outcomes)
    return Levels(
        daily=[(levels.symbol, levels.daily) for levels in computed if DAILY_LEVELS in selected],
        pivots=[
            (levels.symbol, levels.daily.trade_date, pivot)
            for levels in computed
            for pivot in levels.pivots
            if PIVOT_POINTS in selected
        ],
        doubtful=frozenset((levels.symbol.name, levels.daily.trade_date) for levels in computed if levels.doubtful),
    )


def _computed(outcomes: Mapping[str, _Outcome]) -> list[PartitionLevels]:
    return [outcome for outcome in outcomes.values() if isinstance(outcome, PartitionLevels)]


def _results(database: Database, selected: Sequence[AssetKey], outcomes: Mapping[str, _Outcome]) -> Results:
    computed = _computed(outcomes)
    charts = draw_charts(database, newest_of_each(computed))
    return {asset_key: _results_of(asset_key, outcomes, computed, charts) for asset_key in selected}


def _results_of(
    asset_key: AssetKey,
    outcomes: Mapping[str, _Outcome],
    computed: Sequence[PartitionLevels],
    charts: Mapping[str, dg.MarkdownMetadataValue],
) -> dict[str, PartitionResult]:
    describe, table = _DESCRIBED[asset_key]
    of_run: dict[str, dict[str, object]] = {
        newest.partition_key: {"computed": table([one for one in computed if one.symbol == newest.symbol])}
        for newest in newest_of_each(computed)
    }
    return {
        key: PartitionResult(
            metadata=describe(outcome) | of_run.get(key, {}) | ({"chart": charts[key]} if key in charts else {})
        )
        if isinstance(outcome, PartitionLevels)
        else outcome
        for key, outcome in outcomes.items()
    }


def failure_without_levels(database: Database, symbol: Symbol, day: date) -> PartitionResult:
    """Return the result of a partition that has no levels: why, and what to do, in one line."""
    why = why_no_levels(database.engine, symbol, day, now=database.clock.now())
    return PartitionResult(error=f"{symbol.name} {day}: {why}")


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    assets = [build_levels(session_partitions(installation().settings))]
    return dg.Definitions(assets=dg.with_source_code_references(assets))
