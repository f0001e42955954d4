"""Which partitions of a run count as materialized.

A run may have a year of partitions. The good ones have to show as materialized, with their own metadata, even
where others of the same run failed. Dagster emits one materialization for every key of the run as soon as a
step has an output. So if all are good, the IO manager goes on to its output; otherwise it yields the good ones one by
one, and fails before the step has any output.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster import AssetKey

from tradematrix_pipelines.defs.internals.step_events import attach_metadata, evaluations, materializations
from tradematrix_pipelines.markets.partition_key import dates_by_symbol

Metadata = Mapping[str, Any]

_LISTED_FAILURES = 50
_ALL_PARTITIONS = "all_partitions"
"""No check that is shown: its evaluation steers what Dagster re-executes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionResult:
    """The result of one partition of one asset: its metadata, and its error if it failed."""

    metadata: Metadata = field(default_factory=dict)
    error: str | None = None


Results = Mapping[AssetKey, Mapping[str, PartitionResult]]
"""By asset and partition key."""


def settle(results: Results, *, context: dg.AssetExecutionContext, retry: bool = False) -> Iterator[dg.DagsterEvent]:
    """Attach each partition's metadata when all are good; otherwise yield events for the good ones and raise.

    For an IO manager's ``handle_output``, before Dagster materializes the output.

    Args:
        context: of the step.
        retry: whether the step's retry policy may run it again.

    Raises:
        dagster.Failure: at least one partition failed; its description names them, its metadata lists them.
    """
    failed = [
        (asset_key, key, result.error)
        for asset_key, partitions in results.items()
        for key, result in partitions.items()
        if result.error is not None
    ]
    if not failed:
        attach_metadata(
            context,
            {
                asset_key: {key: result.metadata for key, result in partitions.items()}
                for asset_key, partitions in results.items()
            },
        )
        return
    yield from good_partitions(results, context=context)
    yield from evaluations(context, _incomplete(results))
    raise _failure(failed, total=sum(len(partitions) for partitions in results.values()), retry=retry)


def up_to_the_first_gap(results: Results) -> Results:
    """Return each asset's results without those that follow an incomplete partition of the same symbol.

    For a step that is cut off: what it has not come to follows when it runs again. A closed day beyond the gap is good
    by itself, but levels that a backfill computes after it would miss the sessions before.
    """
    cut: dict[AssetKey, dict[str, PartitionResult]] = {}
    for asset_key, partitions in results.items():
        kept = cut[asset_key] = {}
        ended: set[str] = set()
        for key in sorted(partitions):
            [symbol] = dates_by_symbol([key])
            if partitions[key].error is not None:
                ended.add(symbol)
            if symbol not in ended:
                kept[key] = partitions[key]
    return cut


def good_partitions(results: Results, *, context: dg.AssetExecutionContext) -> list[dg.DagsterEvent]:
    """Return the events that materialize the good partitions, for a step that is about to fail."""
    return materializations(
        context,
        [
            dg.AssetMaterialization(asset_key, partition=key, metadata=result.metadata)
            for asset_key, partitions in results.items()
            for key, result in partitions.items()
            if result.error is None
        ],
    )


def _incomplete(results: Results) -> list[dg.AssetCheckEvaluation]:
    """Return an evaluation for each asset with both good and failed partitions.

    Dagster's "re-execute from asset failure" leaves out an asset of which its run has materialized any partition,
    unless a blocking check of it has failed.
    """
    evaluated = []
    for asset_key, partitions in results.items():
        failed = sum(result.error is not None for result in partitions.values())
        if 0 < failed < len(partitions):
            evaluated.append(
                dg.AssetCheckEvaluation(
                    asset_key=asset_key,
                    check_name=_ALL_PARTITIONS,
                    passed=False,
                    blocking=True,
                    description=f"{failed} of the run's {len(partitions)} partitions failed",
                )
            )
    return evaluated


def _failure(failed: list[tuple[AssetKey, str, str]], *, total: int, retry: bool) -> dg.Failure:
    asset_key, key, error = failed[0]
    table = dg.MetadataValue.table(
        records=[
            dg.TableRecord({"asset": asset.to_user_string(), "partition": partition, "reason": reason})
            for asset, partition, reason in failed[:_LISTED_FAILURES]
        ]
    )
    return dg.Failure(
        description=f"{len(failed)} of {total} partitions failed{'; the others are stored' * (len(failed) < total)}. "
        f"First: {asset_key.to_user_string()} {key}: {error}",
        metadata={"failed": len(failed), "failed_partitions": table},
        allow_retries=retry,
    )
