"""``verification``: each day a sample of stored sessions is asked for again and compared. Nothing is changed.

Here: the asset, its job and its schedule. Not here: the sample and the comparison (``storage.verifying``), nor the
check ``verified`` of the candles (``partition_checks``).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg

from tradematrix_pipelines.defs.assets.sources import VENDOR
from tradematrix_pipelines.defs.automation import schedule_status
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.jobs import max_runtime
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.defs.partitions import date_partitions
from tradematrix_pipelines.defs.retry_policy import NO_RUN_RETRIES
from tradematrix_pipelines.ingest.verifying import Verification
from tradematrix_pipelines.quality.verification import Outcome
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.storage.verifications import RECENT, Drift, read_drift, sample_sessions
from tradematrix_pipelines.storage.verifying import allowance_left, verify
from tradematrix_pipelines.vendors.protocol import Vendor

VERIFICATION = dg.AssetKey("verification")
VERIFY_SESSIONS = "verify_sessions"

_GROUP = "verification"
_DAY = timedelta(days=1)
_SATURDAY = 5
_MAX_RUNTIME = timedelta(hours=1)


class VerificationConfig(dg.Config):
    """What to verify."""

    date: str
    """Sessions before this trade date; it names the partition, and seeds the sample."""


def verification_spec(partitions: dg.PartitionsDefinition[str]) -> dg.AssetSpec:
    """Return the asset: a partition is the sample that was drawn on its date, of the sessions before it.

    Its job reports it. It is not materialized with the candles: a backfill of these would be asked for other dates.
    """
    return dg.AssetSpec(
        VERIFICATION,
        group_name=_GROUP,
        owners=["team:market-data"],
        kinds={"postgres"},
        # Not on the candles: a sample may have any session before its date.
        deps=[VENDOR],
        partitions_def=partitions,
        metadata={"dagster/table_name": "public.verifications"},
        description="Stored sessions that were asked for again on this date, of their vendor and of another one: do "
        "they still say the same? `tradematrix verify --correct` takes in what has changed.",
    )


@dg.op(pool="vendor", description="Ask for a sample of stored sessions again, and compare")
def verification(
    context: dg.OpExecutionContext,
    config: VerificationConfig,
    *,
    settings: dg.ResourceParam[Settings],
    database: dg.ResourceParam[Database],
    vendors: dg.ResourceParam[Sequence[Vendor]],
) -> None:
    """Verify the sample of a date, and report it to Dagster."""
    day, now = date.fromisoformat(config.date), database.clock.now()
    symbols, allowance = read_symbols(database.engine), allowance_left(database, settings, now)
    sample = sample_sessions(
        database.engine,
        symbols,
        vendors=[vendor.name for vendor in vendors],
        first=settings.history_start,
        last=day - _DAY,
        seed=config.date,
        most=allowance,
        now=now,
    )
    results = []
    for result in verify(database, vendors, sample, allowance=allowance):
        context.log.info("%s", _line(result))
        results.append(result)
    metadata = _metadata(results, read_drift(database.engine, symbols, since=now - RECENT))
    context.log_event(dg.AssetMaterialization(VERIFICATION, partition=config.date, metadata=metadata))


@dg.job(
    name=VERIFY_SESSIONS,
    executor_def=dg.in_process_executor,
    tags={**NO_RUN_RETRIES, **max_runtime(_MAX_RUNTIME)},
    description="Ask for a sample of stored sessions again and compare; changes nothing.",
)
def verify_sessions() -> None:
    """Verify the sample of a date."""
    verification()


def _line(result: Verification) -> str:
    comparison = result.comparison
    differs = "" if comparison.largest is None else f", by up to {comparison.largest:.10g}"
    where = "" if comparison.at is None else f" at {comparison.at:%H:%M} UTC"
    why = f": {comparison.reason}" if comparison.reason else ""
    what = f" ({comparison.what}{where})" if comparison.what else ""
    return (
        f"{result.symbol} {result.timeframe} {result.trade_date} at {result.vendor}: "
        f"{comparison.outcome}{differs}{what}{why}"
    )


def _metadata(results: Sequence[Verification], drift: Sequence[Drift]) -> dict[str, dg.MetadataValue]:
    counts = Counter(result.comparison.outcome for result in results)
    metadata: dict[str, dg.MetadataValue] = {
        "sessions": dg.MetadataValue.int(len({(row.symbol, row.timeframe, row.trade_date) for row in results})),
        **{str(outcome).replace(" ", "_"): dg.MetadataValue.int(counts[outcome]) for outcome in Outcome},
        "dagster/partition_row_count": dg.MetadataValue.int(len(results)),
    }
    if different := [row for row in results if row.comparison.outcome is Outcome.DIFFERENT]:
        metadata["differences"] = dg.MetadataValue.md("\n".join(f"- {_line(row)}" for row in different))
    if drift:
        metadata["drift"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "symbol": row.symbol,
                        "sessions": row.verified,
                        "different_percent": round(100 * row.share, 1),
                        "largest_difference": row.largest if row.largest is not None else 0.0,
                    }
                )
                for row in drift
            ]
        )
    return metadata


def build_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the daily schedule, shortly before the day's credits are reset: what is left then is spare."""

    @dg.schedule(
        cron_schedule="30 23 * * 1-5",
        execution_timezone="UTC",
        job=verify_sessions,
        name="verification_daily",
        description="Ask for a sample of stored sessions again, within TRADEMATRIX_VERIFY_CREDITS.",
        default_status=schedule_status(settings),
    )
    @on_database(settings)
    def tick(context: dg.ScheduleEvaluationContext, database: Database) -> dg.RunRequest | dg.SkipReason:
        del context
        now = database.clock.now()
        if not allowance_left(database, settings, now):
            return dg.SkipReason("the day's allowance is spent, or none: see TRADEMATRIX_VERIFY_CREDITS")
        if now.weekday() >= _SATURDAY and not settings.weekends:
            return dg.SkipReason(f"{now.date()} is no trade date")
        day = now.date().isoformat()
        return dg.RunRequest(run_config={"ops": {"verification": {"config": {"date": day}}}})

    return tick


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    settings = installation().settings
    return dg.Definitions(
        assets=[verification_spec(date_partitions(settings))],
        jobs=[verify_sessions],
        schedules=[build_schedule(settings)],
    )
