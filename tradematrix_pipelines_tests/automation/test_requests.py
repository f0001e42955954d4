"""What may be requested now, as tables of what was requested before."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tradematrix_pipelines.automation.requests import AGAIN, LEVELS, Target, choose_targets

NOW = datetime(2026, 11, 20, 22, 5, tzinfo=UTC)
DAX = Target("DAX", date(2026, 11, 20), "ohlc_1m")


@pytest.mark.parametrize(
    ("changed", "requested", "under_way", "chosen"),
    [
        # Minutes ago: when its state changed, and when it was requested.
        pytest.param(None, None, False, True, id="never requested"),
        pytest.param(60, None, False, True, id="stored, never requested"),
        pytest.param(60, None, True, False, id="a run is under way"),
        pytest.param(60, 700, True, False, id="a run is under way for hours"),
        pytest.param(60, 0, False, False, id="requested at this instant"),
        pytest.param(60, 9.99, False, False, id="requested just now"),
        pytest.param(None, 9.99, False, False, id="requested just now, nothing stored"),
        pytest.param(60, 10, False, True, id="without result for ten minutes"),
        pytest.param(None, 10, False, True, id="without result, nothing stored"),
        pytest.param(3, 5, False, True, id="its state has changed since"),
        pytest.param(3, 5, True, False, id="its state has changed, a run is under way"),
        pytest.param(60, -30, False, True, id="the clock was set back"),
    ],
)
def test_what_is_requested(changed: float | None, requested: float | None, under_way: bool, chosen: bool) -> None:
    def ago(minutes: float) -> datetime:
        return NOW - timedelta(minutes=minutes)

    targets = choose_targets(
        {DAX: None if changed is None else ago(changed)},
        requested={} if requested is None else {DAX: ago(requested)},
        under_way={DAX} if under_way else set(),
        now=NOW,
    )
    assert targets == ({DAX} if chosen else set())


def test_each_session_series_and_its_levels_by_itself() -> None:
    others = [
        Target("NDX", DAX.trade_date, DAX.asset),
        Target("DAX", date(2026, 11, 19), DAX.asset),
        Target("DAX", DAX.trade_date, "ohlc_1d"),
        Target("DAX", DAX.trade_date, LEVELS),
    ]
    targets = choose_targets(dict.fromkeys([DAX, *others]), requested={DAX: NOW}, under_way=[others[0]], now=NOW)
    assert targets == set(others[1:])


def test_a_run_that_died_costs_ten_minutes() -> None:
    assert timedelta(minutes=10) == AGAIN
