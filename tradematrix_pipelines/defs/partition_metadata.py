"""The metadata of a partition of candles, for the UI."""

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.defs.internals.data_versions import CONTENT_VERSION


def partition_metadata(coverage: Coverage, attempts: int, *, version: str | None) -> dict[str, str | int]:
    """Return the metadata of the partition that ``coverage`` describes.

    Args:
        version: of its candles (``defs.internals.data_versions``); ``None`` where it has none.
    """
    return {
        "dagster/partition_row_count": coverage.received,
        "expected": coverage.expected,
        "received": coverage.received,
        "rejected": coverage.rejected,
        "longest_gap_minutes": coverage.longest_gap,
        "status": str(coverage.status),
        "final": coverage.final,
        "source": coverage.source or ("calendar" if coverage.status is Status.CLOSED else "none"),
        "attempts": attempts,
        "verdict": str(coverage.verdict or "not judged"),
        **({"doubt": coverage.doubt} if coverage.doubt else {}),
        CONTENT_VERSION: version or str(coverage.status),
    }
