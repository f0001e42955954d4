"""``morning_report``: the page of a trade date, made by itself when its levels are there, and anew in the morning."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import dagster as dg

from tradematrix_pipelines.automation.deadlines import BERLIN, PIVOTS
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.internals.step_events import attach_metadata
from tradematrix_pipelines.defs.partition_results import PartitionResult
from tradematrix_pipelines.defs.partitions import date_partitions
from tradematrix_pipelines.defs.registry import DAILY_LEVELS, LEVEL_OUTCOMES, MORNING_REPORT, PIVOT_POINTS
from tradematrix_pipelines.report.making import make_report
from tradematrix_pipelines.report.model import Report
from tradematrix_pipelines.report.reading import NoReport
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database

_Condition = dg.AutomationCondition[Any]
_WEEK = timedelta(days=7)
"""The coming trade dates, and the current one: levels are never for a later one."""


def report_condition() -> _Condition:
    """Return when a page is made by itself.

    When the last of a date's levels arrives, or one of them is computed anew; and each weekday a few minutes after the
    levels' deadline, so that it says what happened overnight, also where a symbol's levels are missing.
    """
    # Each with its own type: of combined conditions, Dagster's types accept no method. The week comes first in each:
    # what is "since" something, Dagster evaluates for all partitions, which are years of dates and all symbols.
    this_week: _Condition = dg.AutomationCondition.in_latest_time_window(_WEEK)
    updated: _Condition = dg.AutomationCondition.any_deps_updated()
    changed: _Condition = updated | dg.AutomationCondition.missing()
    arrived: _Condition = this_week & changed & ~dg.AutomationCondition.any_deps_missing()
    tick = f"{PIVOTS.minute + 3} {PIVOTS.hour} * * 1-5"
    has_levels: _Condition = dg.AutomationCondition.any_deps_match(~dg.AutomationCondition.missing())
    morning: _Condition = this_week & dg.AutomationCondition.cron_tick_passed(tick, str(BERLIN)) & has_levels
    due: _Condition = arrived.since_last_handled() | morning.since_last_handled()
    return (
        this_week & due & ~dg.AutomationCondition.any_deps_in_progress() & ~dg.AutomationCondition.in_progress()
    ).with_label("levels arrived, or morning")


def build_morning_report(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the asset; ``partitions`` are the trade dates."""

    @dg.asset(
        key=MORNING_REPORT,
        partitions_def=partitions,
        deps=[
            dg.AssetDep(key, partition_mapping=dg.MultiToSingleDimensionPartitionMapping("date"))
            for key in (DAILY_LEVELS, PIVOT_POINTS, LEVEL_OUTCOMES)
        ],
        automation_condition=report_condition(),
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="reports",
        owners=["team:market-data"],
        kinds={"html"},
        metadata={"dagster/table_name": "public.morning_reports"},
        description="One page to begin a session with: what changed overnight; each symbol's chart, levels, gap and "
        "outcomes; what is doubtful or missing, and why. `tradematrix report --open` opens it, the board lists it.",
    )
    def morning_report(
        context: dg.AssetExecutionContext, *, settings: dg.ResourceParam[Settings], database: dg.ResourceParam[Database]
    ) -> None:
        days = [date.fromisoformat(key) for key in context.partition_keys]
        _report_results(context, {str(day): _result(database, settings, day) for day in days})

    return morning_report


def _report_results(context: dg.AssetExecutionContext, results: Mapping[str, PartitionResult]) -> None:
    """Give each page's partition its metadata; where one failed, materialize the others, and fail."""
    errors = [f"{key}: {result.error}" for key, result in results.items() if result.error is not None]
    good = {key: result.metadata for key, result in results.items() if result.error is None}
    if not errors:
        attach_metadata(context, {MORNING_REPORT: good})
        return
    for key, metadata in good.items():
        context.log_event(dg.AssetMaterialization(MORNING_REPORT, partition=key, metadata=metadata))
    raise dg.Failure(
        f"{len(errors)} of {len(results)} pages could not be made. First: {errors[0]}", allow_retries=False
    )


def _result(database: Database, settings: Settings, day: date) -> PartitionResult:
    try:
        report, html = make_report(database, settings, day)
    except NoReport as nothing:
        return PartitionResult(error=str(nothing))
    return PartitionResult(metadata=_metadata(report, html, settings))


def _metadata(report: Report, html: str, settings: Settings) -> dict[str, object]:
    without = [part.symbol for part in report.symbols if part.opens_at is not None and part.from_session is None]
    metadata: dict[str, object] = {
        "symbols": len(report.symbols),
        "with_levels": len(report.with_levels),
        "without_levels": ", ".join(without) or "none",
        "changes": len(report.changes),
        "open_sessions": len(report.open_sessions),
        "bytes": len(html.encode()),
    }
    if settings.board_url is None:
        return metadata
    return metadata | {"page": dg.MetadataValue.url(f"{settings.board_url}/reports/{report.trade_date}")}


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    assets = [build_morning_report(date_partitions(installation().settings))]
    return dg.Definitions(assets=dg.with_source_code_references(assets))
