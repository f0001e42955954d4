"""Where a price stands among levels."""

import pytest

from tradematrix_pipelines.levels.nearest import nearest_levels

LEVELS = {"s1": 90.0, "pp": 100.0, "r1": 110.0}


@pytest.mark.parametrize(
    ("price", "nearest"),
    [(104.0, ("r1", "pp")), (100.0, ("pp", "s1")), (110.5, (None, "r1")), (89.0, ("s1", None))],
)
def test_a_level_at_the_price_counts_as_above(price: float, nearest: tuple[str | None, str | None]) -> None:
    assert nearest_levels(LEVELS, price) == nearest


def test_without_levels_there_is_none() -> None:
    assert nearest_levels({}, 1.0) == (None, None)
