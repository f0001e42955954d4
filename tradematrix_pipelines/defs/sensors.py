"""The sensors: shells around the decisions of ``retry`` and ``backfill``.

``resume_after_limit`` goes on with what stopped at the day's credits once they are there again; the other two compute
the levels that follow from what it brought in.
"""

from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from tradematrix_pipelines.defs.backfill import plan_levels_run
from tradematrix_pipelines.defs.jobs import COMPUTE_LEVELS
from tradematrix_pipelines.defs.requests import NO_CHECKS
from tradematrix_pipelines.defs.retry import due_again, find_red, plan_candle_retries
from tradematrix_pipelines.defs.runs import range_tags
from tradematrix_pipelines.markets.partition_key import dates_by_symbol
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.market import Market
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols

RESUMED = "tradematrix/resumed"
"""Tag of the runs that go on with what stopped at a limit."""

_SECONDS = 30


def build_sensors(
    settings: Settings, *, ingest: UnresolvedAssetJobDefinition, levels: UnresolvedAssetJobDefinition
) -> list[dg.SensorDefinition]:
    """Return the sensors; all of them run unless somebody stops them."""
    running = dg.DefaultSensorStatus.RUNNING

    @dg.sensor(
        job=ingest,
        minimum_interval_seconds=_SECONDS,
        default_status=running,
        description="Ask again for the sessions that stopped at the day's credits, once these have been reset.",
    )
    def resume_after_limit(_: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        with Market.open(settings) as market:
            symbols, now = read_symbols(market.engine), market.clock.now()
            due = due_again(find_red(market, symbols, since=settings.history_start, now=now), now)
            runs = [run for symbol in symbols for run in plan_candle_retries(symbol, due)]
        if not runs:
            yield dg.SkipReason("nothing waits for credits that are there again")
        resets = max((each.retry_at.isoformat() for each in due if each.retry_at is not None), default="")
        for run in runs:
            yield dg.RunRequest(
                # Once for each reset: what fails again for another reason is not asked for every minute.
                run_key=f"{run.symbol.name} {run.first} {run.last} {resets}",
                tags={**range_tags(run.symbol.name, run.first, run.last), RESUMED: resets},
                asset_selection=[dg.AssetKey(f"ohlc_{timeframe}") for timeframe in run.timeframes],
                asset_check_keys=NO_CHECKS,
            )

    def follow(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        tags = context.dagster_run.tags
        if RESUMED not in tags:
            return dg.SkipReason("not a run that went on after a limit")
        keys = (tags[ASSET_PARTITION_RANGE_START_TAG], tags[ASSET_PARTITION_RANGE_END_TAG])
        [(name, dates)] = dates_by_symbol(keys).items()
        with Market.open(settings) as market:
            [symbol] = find_symbols(market.engine, [name])
            run = plan_levels_run(symbol, dates[0], dates[-1], market=market, settings=settings, now=market.clock.now())
        if run is None:
            return dg.SkipReason("none of its sessions has closed")
        return dg.RunRequest(
            run_key=context.dagster_run.run_id, job_name=COMPUTE_LEVELS, tags=range_tags(name, run.first, run.last)
        )

    return [
        resume_after_limit,
        *(
            dg.run_status_sensor(
                run_status=status,
                name=f"levels_after_resumed_{status.value.lower()}",
                monitored_jobs=[ingest],
                request_job=levels,
                minimum_interval_seconds=_SECONDS,
                default_status=running,
                description="Compute the levels that follow from sessions fetched after a limit.",
            )(follow)
            for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)
        ),
    ]
