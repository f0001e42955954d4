"""`tradematrix credits`: what the ledger has booked, per limit and purpose."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

Run = Callable[..., Result]


def test_what_a_backfill_has_spent(run: Run, simulator: object, monkeypatch: pytest.MonkeyPatch) -> None:
    del simulator
    monkeypatch.setenv("TWELVE_DATA_PLAN", "basic")
    assert run("backfill", "DAX", "--from", "2026-11-20", "--to", "2026-11-20").exit_code == 0
    minute, day = json.loads(run("credits", "--json").output)
    # The minutes in one call, the official day in another.
    assert [minute[name] for name in ("vendor", "limit", "of", "used", "left")] == ["twelve_data", "minute", 8, 2, 6]
    assert [day[name] for name in ("limit", "of", "used", "left")] == ["day", 800, 2, 798]
    assert day["by_purpose"] == {"backfill": 2}
    assert day["resets_at"] == "2026-11-21T00:00:00+00:00"
    assert "backfill 2" in run("credits").output


def test_a_vendor_without_limits_has_no_credits(run: Run) -> None:
    assert run("credits").output.strip() == "the vendor simulator has no limit"
