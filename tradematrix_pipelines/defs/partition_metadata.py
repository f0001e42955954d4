"""What the UI shows of a partition of candles."""

from tradematrix_pipelines.candles.coverage import Coverage, Status


def partition_metadata(coverage: Coverage, attempts: int) -> dict[str, str | int]:
    """Return the metadata of the partition that ``coverage`` is about."""
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
    }
