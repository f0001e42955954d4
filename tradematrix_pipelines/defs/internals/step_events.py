"""Reports a year of partitions to Dagster at once.

Dagster's public methods take one partition at a time: metadata costs an enumeration of all partitions, with a database
lookup for each, and a logged event costs a connection; both are most of the time of a long run. So these functions use
its internals, and the public methods where these have changed. Not here: which partitions count
(``partition_results``).
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster import AssetKey

_logger = logging.getLogger(__name__)
# What changed internals raise: a module or name that is gone, other parameters, another type.
_CHANGED = (ImportError, AttributeError, TypeError, ValueError, dg.DagsterError)


def attach_metadata(
    context: dg.AssetExecutionContext, metadata: Mapping[AssetKey, Mapping[str, Mapping[str, Any]]]
) -> None:
    """Add ``metadata``, given by asset and partition key, to each partition's upcoming materialization."""
    try:
        _attach_at_once(context, metadata)
    except _CHANGED:
        _logger.warning("this Dagster can't take metadata at once; adding it one by one", exc_info=True)
        for asset_key, partitions in metadata.items():
            for key, values in partitions.items():
                context.add_asset_metadata(values, asset_key, key)


def materializations(
    context: dg.AssetExecutionContext, materialized: Sequence[dg.AssetMaterialization]
) -> list[dg.DagsterEvent]:
    """Return the events for an IO manager to yield before it raises: what it logs is lost then.

    Where Dagster's internals have changed, they are reported outside the run, and there is nothing to yield.
    """
    try:
        return _events_at_once(context, materialized)
    except _CHANGED:
        _logger.warning("this Dagster can't log materializations at once; reporting one by one", exc_info=True)
        for event in materialized:
            context.instance.report_runless_asset_event(event)
        return []


def evaluations(
    context: dg.AssetExecutionContext, evaluated: Sequence[dg.AssetCheckEvaluation]
) -> list[dg.DagsterEvent]:
    """Return the events of checks, on the same terms."""
    try:
        step = context.get_step_execution_context()
        return [dg.DagsterEvent.asset_check_evaluation(step, evaluation) for evaluation in evaluated]
    except _CHANGED:
        _logger.warning("this Dagster can't log evaluations at once; reporting one by one", exc_info=True)
        for evaluation in evaluated:
            context.instance.report_runless_asset_event(evaluation)
        return []


def _attach_at_once(
    context: dg.AssetExecutionContext, metadata: Mapping[AssetKey, Mapping[str, Mapping[str, Any]]]
) -> None:
    from dagster._core.execution.context.metadata_logging import AssetMetadataHandle  # noqa: PLC0415 - may be gone

    step = context.get_step_execution_context()
    known = step._metadata_accumulator  # noqa: SLF001 - see the module's docstring
    added = {
        AssetMetadataHandle(asset_key=asset_key, partition_key=key): {
            **known.get_asset_metadata(asset_key, key),
            **values,
        }
        for asset_key, partitions in metadata.items()
        for key, values in partitions.items()
    }
    step._metadata_accumulator = type(known)(per_output_metadata={**known.per_output_metadata, **added})  # noqa: SLF001


def _events_at_once(
    context: dg.AssetExecutionContext, materialized: Sequence[dg.AssetMaterialization]
) -> list[dg.DagsterEvent]:
    from dagster._core.events import DagsterEventBatchMetadata  # noqa: PLC0415 - may be gone

    step, batch, last = context.get_step_execution_context(), uuid4().hex, len(materialized) - 1
    return [
        dg.DagsterEvent.asset_materialization(step, event, DagsterEventBatchMetadata(batch, number == last))
        for number, event in enumerate(materialized)
    ]
