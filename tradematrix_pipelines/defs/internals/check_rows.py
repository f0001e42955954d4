"""Makes room for another evaluation of a partition's check without a run.

Dagster's table takes one evaluation of a check, partition and run, and those without a run share the empty one: a
second report of the same partition fails. So the first is deleted; its event stays in the log.
"""

import logging
from collections.abc import Sequence

import dagster as dg
from sqlalchemy import and_, delete, or_

_logger = logging.getLogger(__name__)


def forget_evaluations(instance: dg.DagsterInstance, evaluations: Sequence[dg.AssetCheckEvaluation]) -> None:
    """Delete what was reported without a run of the same checks and partitions as ``evaluations``."""
    if not evaluations:
        return
    try:
        from dagster._core.storage.event_log.schema import (  # noqa: PLC0415 - may be gone
            AssetCheckExecutionsTable as Table,
        )

        same = [
            and_(
                Table.c.asset_key == evaluation.asset_key.to_string(),
                Table.c.check_name == evaluation.check_name,
                Table.c.partition == evaluation.partition,
            )
            for evaluation in evaluations
        ]
        with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]  # of SQL storages
            connection.execute(delete(Table).where(Table.c.run_id == "", or_(*same)))
    except (ImportError, AttributeError):
        _logger.warning("this Dagster keeps evaluations elsewhere; nothing is deleted", exc_info=True)
