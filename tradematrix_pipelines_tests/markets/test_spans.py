"""Numbers of days, as people write them."""

from datetime import timedelta

import pytest

from tradematrix_pipelines.markets.spans import parse_span


@pytest.mark.parametrize(
    ("text", "days"),
    [("20d", 20), ("6w", 42), ("3m", 90), ("1y", 365), (" 2 W ", 14), ("12Y", 12 * 365), ("99999d", 99999)],
)
def test_a_count_and_a_unit(text: str, days: int) -> None:
    assert parse_span(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "d", "20", "0d", "-3d", "1.5w", "3q", "3d 2w", "100000d", "٣d"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is no span of time: write it as 20d, 6w, 3m or 1y$"):
        parse_span(text)
