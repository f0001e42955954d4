"""The check ``fresh`` of every asset: reported by the steps that make it, by live pulls, and by a sensor without a run.

Here: reporting to Dagster. Not here: what is late (``freshness``).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

import dagster as dg

from tradematrix_pipelines.defs.automation import sensor_status
from tradematrix_pipelines.defs.freshness import Late, judge_freshness
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.internals.names import AssetCheckExecutionRecordStatus
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.defs.registry import STORED
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.trading_day_state import automated_symbols

FRESH = "fresh"
_SENSOR_SECONDS = 300
_DESCRIPTION = (
    "Every active symbol's data are as fresh as its market's hours require: while its session runs, the newest bar; "
    "after it, and always for daily bars and levels, the last session complete and final, and levels for the next."
)
# Late data are no reason to stop what runs.
_SEVERITY = dg.AssetCheckSeverity.WARN


def fresh_specs(assets: Iterable[dg.AssetKey]) -> list[dg.AssetCheckSpec]:
    """Return the checks of ``assets``, for the step that makes them.

    A separate step would be part of every backfill run that the UI launches.
    """
    return [dg.AssetCheckSpec(FRESH, asset=asset, description=_DESCRIPTION) for asset in assets]


def carry_out_checks(
    context: dg.AssetExecutionContext, settings: Settings, database: Database
) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of the checks that the run selects."""
    if context.selected_asset_check_keys:
        for evaluation in judge_checks(database, settings):
            if evaluation.asset_check_key in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(
                    passed=evaluation.passed,
                    asset_key=evaluation.asset_key,
                    check_name=FRESH,
                    severity=_SEVERITY,
                    description=evaluation.description,
                    metadata=evaluation.metadata,
                )


def judge_checks(database: Database, settings: Settings) -> list[dg.AssetCheckEvaluation]:
    """Return the evaluation of every asset's check as of now."""
    symbols, now = automated_symbols(database, settings), database.clock.now()
    judged = judge_freshness(database, symbols, now=now)
    return [_evaluation(asset, judged[asset.to_user_string()], symbols=len(symbols), now=now) for asset in STORED]


def build_freshness_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that reports ``fresh`` for the assets whose late symbols, or their reasons, have changed.

    Also for those whose last verdict in Dagster differs or is outdated: see :func:`_shown`.
    """

    @dg.sensor(
        name="freshness",
        minimum_interval_seconds=_SENSOR_SECONDS,
        default_status=sensor_status(settings),
        description="Report which assets are late by their market's hours, without a run.",
    )
    @on_database(settings)
    def sensor(context: dg.SensorEvaluationContext, database: Database) -> dg.SensorResult | dg.SkipReason:
        symbols, now = automated_symbols(database, settings), database.clock.now()
        judged = judge_freshness(database, symbols, now=now)
        known, shown = json.loads(context.cursor or "{}"), _shown(context.instance)
        state = {asset: [asdict(late) for late in of_asset] for asset, of_asset in judged.items()}
        changed = [
            asset
            for asset in STORED
            if state[name := asset.to_user_string()] != known.get(name) or shown.get(asset) is not (not state[name])
        ]
        if not changed:
            return dg.SkipReason("nothing has become late or fresh")
        return dg.SensorResult(
            asset_events=[
                _evaluation(asset, judged[asset.to_user_string()], symbols=len(symbols), now=now) for asset in changed
            ],
            cursor=json.dumps(state),
        )

    return sensor


def _shown(instance: dg.DagsterInstance) -> dict[dg.AssetKey, bool | None]:
    """Return whether each asset's check passed when last reported; ``None`` where Dagster shows no verdict.

    That is where a run never reached it, and where the asset was materialized since: Dagster relates a check to the
    materialization that was the newest at the time.
    """
    verdicts = {AssetCheckExecutionRecordStatus.SUCCEEDED: True, AssetCheckExecutionRecordStatus.FAILED: False}
    keys = [dg.AssetCheckKey(asset, FRESH) for asset in STORED]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    newest = {record.asset_entry.asset_key: record.asset_entry for record in instance.get_asset_records(STORED)}
    shown = {}
    for key, record in records.items():
        entry = newest.get(key.asset_key)
        last = None if entry is None else entry.last_materialization
        outdated = last is not None and last.run_id != record.run_id and last.timestamp >= record.create_timestamp
        shown[key.asset_key] = None if outdated else verdicts.get(record.status)
    return shown


def _evaluation(asset: dg.AssetKey, late: Sequence[Late], *, symbols: int, now: datetime) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=FRESH,
        passed=not late,
        severity=_SEVERITY,
        description=_summary(late),
        metadata=_metadata(late, symbols=symbols, now=now),
    )


def _summary(late: Sequence[Late]) -> str:
    return "; ".join(f"{row.symbol}: {row.reason}" for row in late) or "fresh"


def _metadata(late: Sequence[Late], *, symbols: int, now: datetime) -> Mapping[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        "symbols": dg.MetadataValue.int(symbols),
        "late": dg.MetadataValue.int(len(late)),
        "judged_at": dg.MetadataValue.timestamp(now),
    }
    if late:
        records = [dg.TableRecord({"symbol": row.symbol, "why": row.reason}) for row in late]
        metadata["late_symbols"] = dg.MetadataValue.table(records)
    return metadata


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    return dg.Definitions(sensors=[build_freshness_sensor(installation().settings)])
