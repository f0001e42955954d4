"""Names of another system for what has one here: its timeframes."""

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.timeframes import Timeframe, parse_timeframe


def timeframe_of(label: str) -> Timeframe | None:
    """Return the timeframe that a label names: ``1min``, ``60m``, ``1day``; ``None`` where it is none of ours.

    ``1M`` is a month at most vendors, so it is no minute here.
    """
    if label.strip().endswith("M"):
        return None
    try:
        return parse_timeframe(label)
    except UsageError:
        return None
