"""When a symbol may be late for the first time, as tables of when it began."""

from datetime import UTC, datetime, timedelta

import pytest

from tradematrix_pipelines.alerts.detectors import find_missing_levels, find_stale_markets
from tradematrix_pipelines.automation.beginnings import began_at, judged
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS

DAX = DEFAULT_SYMBOLS[0]
OPEN = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
"""A Friday; the last deadline was at 07:55 in Berlin, 06:55 UTC."""


@pytest.mark.parametrize(
    ("created", "checked", "began"),
    [
        # Minutes before now; less than 0: later.
        pytest.param(60, None, 60, id="added an hour ago, nothing fetched"),
        pytest.param(60, 5, 60, id="added an hour ago, fetched since"),
        pytest.param(-5000, None, 0, id="a clock in the past, nothing fetched"),
        pytest.param(-5000, 20, 20, id="a clock in the past, fetched 20 minutes ago"),
        pytest.param(-5000, -10, 0, id="a clock in the past, set back since"),
    ],
)
def test_the_beginning(created: float, checked: float | None, began: float) -> None:
    def ago(minutes: float) -> datetime:
        return OPEN - timedelta(minutes=minutes)

    assert began_at(ago(created), None if checked is None else ago(checked), OPEN) == ago(began)


@pytest.mark.parametrize(
    ("ago", "stale", "missing"),
    [
        pytest.param(0, False, False, id="this instant"),
        pytest.param(14.9, False, False, id="before its first chance"),
        pytest.param(15, True, False, id="after it, and after the deadline"),
        pytest.param(485, True, True, id="at the deadline"),
        pytest.param(10_000, True, True, id="long ago"),
        pytest.param(None, True, True, id="unknown"),
    ],
)
def test_nothing_is_late_before_its_first_chance_or_for_a_deadline_before_it_began(
    ago: float | None, stale: bool, missing: bool
) -> None:
    began = {} if ago is None else {"DAX": OPEN - timedelta(minutes=ago)}
    assert judged("DAX", began, OPEN) is stale
    assert bool(find_stale_markets([DAX], {}, OPEN, errors={}, began=began)) is stale
    assert bool(find_missing_levels([DAX], {}, OPEN, began=began)) is missing


def test_a_symbol_added_just_before_a_deadline_has_its_chance_after_it() -> None:
    deadline = datetime(2026, 11, 20, 6, 55, tzinfo=UTC)
    began = {"DAX": deadline - timedelta(minutes=1)}
    assert not find_missing_levels([DAX], {}, deadline, began=began)
    assert find_missing_levels([DAX], {}, deadline + timedelta(minutes=14), began=began)
