"""The table of thresholds of the judgement."""

from docs.generate.markdown import table
from tradematrix_pipelines.quality.thresholds import table as rows


def thresholds() -> str:
    """Return a row for each threshold."""
    return table(
        ("threshold", "value", "unit", "why"),
        [(f"`{row.name}`", f"{row.value:g}", row.unit, row.reason) for row in rows()],
    )
