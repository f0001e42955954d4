"""The metadata of a partition of candles, for the UI: numbers, so that Dagster plots them by partition."""

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.defs.internals.data_versions import CONTENT_VERSION, SessionContent

_DIGITS = 10
"""More than any price has: a difference of two has digits that neither has."""


def partition_metadata(
    coverage: Coverage, attempts: int, *, content: SessionContent | None
) -> dict[str, str | int | float]:
    """Return the metadata of the partition that ``coverage`` describes.

    Args:
        content: of its candles (``defs.internals.data_versions``); ``None`` where it has none.
    """
    prices = {} if content is None else {"high": content.high, "low": content.low, "high_low": _range(content)}
    return {
        "dagster/partition_row_count": coverage.received,
        "expected": coverage.expected,
        "received": coverage.received,
        "gaps": max(0, coverage.expected - coverage.received),
        "longest_gap_minutes": coverage.longest_gap,
        "rejected": coverage.rejected,
        **prices,
        "status": str(coverage.status),
        "final": coverage.final,
        "source": coverage.source or ("calendar" if coverage.status is Status.CLOSED else "none"),
        "attempts": attempts,
        "verdict": str(coverage.verdict or "not judged"),
        **({"doubt": coverage.doubt} if coverage.doubt else {}),
        **({"pruned": f"{coverage.pruned_at:%Y-%m-%d}"} if coverage.is_pruned else {}),
        CONTENT_VERSION: str(coverage.status) if content is None else content.version,
    }


def _range(content: SessionContent) -> float:
    return round(content.high - content.low, _DIGITS)
