"""The check ``fresh`` of every asset: as a check that a run carries out, and as a sensor that needs no run.

Here: telling Dagster. Not here: what is late (``freshness``).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from tradematrix_pipelines.defs.automation import sensor_status
from tradematrix_pipelines.defs.freshness import Late, judge_freshness
from tradematrix_pipelines.defs.on_market import on_market
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.day_state import automated_symbols
from tradematrix_pipelines.storage.io_manager import CANDLE_ASSETS, DAILY_LEVELS, PIVOT_POINTS
from tradematrix_pipelines.storage.market import Market

FRESH = "fresh"
_ASSETS = (*CANDLE_ASSETS, DAILY_LEVELS, PIVOT_POINTS)
_SENSOR_SECONDS = 300
_DESCRIPTION = (
    "Every active symbol's data are as new as its market's hours ask: while its session runs, the newest bar; "
    "after it, and always for daily bars and levels, the last session complete and final, and levels for the next."
)
# Late data are no reason to stop what runs.
_SEVERITY = dg.AssetCheckSeverity.WARN


def build_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """Return the checks, one per asset, carried out by one step. They need the resource ``market``."""

    @dg.multi_asset_check(
        name="freshness",
        specs=[dg.AssetCheckSpec(FRESH, asset=asset, description=_DESCRIPTION) for asset in _ASSETS],
        can_subset=True,
        required_resource_keys={"market"},
    )
    def freshness(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        market: Market = context.resources.market
        symbols, now = automated_symbols(market, settings), market.clock.now()
        judged = judge_freshness(market, symbols, now=now)
        for asset in _ASSETS:
            if dg.AssetCheckKey(asset, FRESH) in context.selected_asset_check_keys:
                late = judged[asset.to_user_string()]
                yield dg.AssetCheckResult(
                    passed=not late,
                    asset_key=asset,
                    check_name=FRESH,
                    severity=_SEVERITY,
                    description=_summary(late),
                    metadata=_metadata(late, symbols=len(symbols), now=now),
                )

    return [freshness]


def build_freshness_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that reports ``fresh`` of the assets whose late symbols, or their reasons, have changed.

    Also of those whose last verdict in Dagster is another: see :func:`_shown`.
    """

    @dg.sensor(
        name="freshness",
        minimum_interval_seconds=_SENSOR_SECONDS,
        default_status=sensor_status(settings),
        description="Report which assets are late for their market's hours, without a run.",
    )
    @on_market(settings)
    def sensor(context: dg.SensorEvaluationContext, market: Market) -> dg.SensorResult | dg.SkipReason:
        symbols, now = automated_symbols(market, settings), market.clock.now()
        judged = judge_freshness(market, symbols, now=now)
        known, shown = json.loads(context.cursor or "{}"), _shown(context.instance)
        state = {asset: [asdict(late) for late in found] for asset, found in judged.items()}
        changed = [
            asset
            for asset in _ASSETS
            if state[name := asset.to_user_string()] != known.get(name) or shown.get(asset) is not (not state[name])
        ]
        if not changed:
            return dg.SkipReason("nothing has become late or fresh")
        return dg.SensorResult(
            asset_events=[
                dg.AssetCheckEvaluation(
                    asset_key=asset,
                    check_name=FRESH,
                    passed=not (late := judged[asset.to_user_string()]),
                    severity=_SEVERITY,
                    description=_summary(late),
                    metadata=_metadata(late, symbols=len(symbols), now=now),
                )
                for asset in changed
            ],
            cursor=json.dumps(state),
        )

    return sensor


def _shown(instance: dg.DagsterInstance) -> dict[dg.AssetKey, bool | None]:
    """Return whether each asset's check passed when last reported; ``None`` where a run never came to it.

    The sensor is not the only one to report: a run of these assets carries their checks out as well, and one that
    fails before that leaves them without a verdict.
    """
    verdicts = {AssetCheckExecutionRecordStatus.SUCCEEDED: True, AssetCheckExecutionRecordStatus.FAILED: False}
    keys = [dg.AssetCheckKey(asset, FRESH) for asset in _ASSETS]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return {key.asset_key: verdicts.get(record.status) for key, record in records.items()}


def _summary(late: Sequence[Late]) -> str:
    return "; ".join(f"{each.symbol}: {each.reason}" for each in late) or "fresh"


def _metadata(late: Sequence[Late], *, symbols: int, now: datetime) -> Mapping[str, dg.MetadataValue]:
    told: dict[str, dg.MetadataValue] = {
        "symbols": dg.MetadataValue.int(symbols),
        "late": dg.MetadataValue.int(len(late)),
        "judged_at": dg.MetadataValue.timestamp(now),
    }
    if late:
        records = [dg.TableRecord({"symbol": each.symbol, "why": each.reason}) for each in late]
        told["late_symbols"] = dg.MetadataValue.table(records)
    return told
