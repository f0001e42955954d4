"""A backfill that reaches back before the vendor's history, as a user types it."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from tradematrix_pipelines.simulator import Simulator

WINDOW = ("DAX", "--from", "2026-10-05", "--to", "2026-11-20", "--timeframe", "1m", "--timeframe", "1d")


@pytest.fixture(autouse=True)
def history(monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> None:
    """The partitions start in October, the vendor's history of the DAX a month later."""
    monkeypatch.setenv("TRADEMATRIX_HISTORY_START", "2026-10-05")
    simulator.set_faults("since=2026-11-09@GDAXI")


def test_what_lies_before_costs_nothing_and_says_why(run: Callable[..., Result], simulator: Simulator) -> None:
    before = json.loads(run("plan", *WINDOW, "--json").stdout)
    assert before["credits"] == before["symbols"][0]["calls"] == 4 + 1 + 2
    assert before["symbols"][0]["asked_for"] == "4 x 1m, 1 x 1d, 2 x start of history"
    assert simulator.counts.calls == 0
    result = run("backfill", *WINDOW)
    assert result.exit_code == 1, "25 of its sessions can't be fetched"
    asked = simulator.counts.calls
    # Two windows of minutes, one of days, and where these two series start. Days come from finer bars where there are
    # no official ones, so where these start is asked, too.
    assert asked == 2 + 1 + 2 + 3
    rows = json.loads(run("coverage", "DAX", "--from", "2026-11-06", "--to", "2026-11-06", "--json").stdout)
    reasons = {row["timeframe"]: row["reason"] for row in rows}
    assert "twelve_data has no 1m bars of DAX before 2026-11-09" in reasons["1m"]
    assert "twelve_data has no 1d bars of DAX before 2026-11-09" in reasons["1d"]
    assert run("backfill", *WINDOW).exit_code == 1
    assert simulator.counts.calls == asked, "what is known costs nothing"
    after = json.loads(run("plan", *WINDOW, "--json").stdout)
    assert (after["credits"], after["symbols"][0]["asked_for"]) == (0, "nothing")
    assert run("backfill", *WINDOW, "--refresh").exit_code == 1
    assert simulator.counts.calls == 2 * asked, "a refresh asks again"
