"""The level book over a trading day: what live pulls add, and what the runs after the close make of it."""

from datetime import date, timedelta

import dagster as dg
import pytest

from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.jobs import COMPUTE_LEVELS, TRADING_DAY
from tradematrix_pipelines.defs.registry import CANDLES, LEVEL_BOOK, LEVEL_OUTCOMES
from tradematrix_pipelines_tests.defs.day import CLOSED, OPEN, Day

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)


def known(day: Day, symbol: str, trade_date: date = FRIDAY) -> dict[str, str]:
    """When each level of a session's book was known, UTC, by kind and name."""
    rows = day.ask(
        "SELECT l.kind || ' ' || l.name, to_char(l.known_at AT TIME ZONE 'UTC', 'HH24:MI') FROM api.levels AS l "
        f"WHERE symbol = '{symbol}' AND trade_date = '{trade_date}'"
    )
    return {str(name): str(at) for name, at in rows}


def test_live_pulls_add_what_becomes_known(day: Day) -> None:
    assert day.pull(day.at(OPEN).schedule("live"))
    dax, ndx = known(day, "DAX"), known(day, "NDX")
    assert dax["opening_range 60m high"] == "09:00"
    assert dax["initial_balance mid"] == "09:00"
    assert dax["opens day"] == "08:01"
    # New York opened half an hour ago.
    assert ndx["opening_range 30m low"] == "15:00"
    assert "opening_range 60m low" not in ndx
    assert known(day, "EUR/USD")["session_windows asia high"] == "09:00"
    assert "session_windows london high" not in known(day, "EUR/USD")
    assert day.pull(day.at(OPEN + timedelta(minutes=31)).schedule("live"))
    assert known(day, "NDX")["opening_range 60m low"] == "15:30"


def test_after_the_close_the_book_is_for_the_next_session_and_its_outcomes_are_known(day: Day) -> None:
    day.carry_out(day.at(CLOSED).sensor("session_close"))
    levels = day.sensor("session_close")
    assert day.carry_out(levels) == [None] * len(levels)
    assert known(day, "DAX", MONDAY)["previous_day high"] == "16:30"
    assert known(day, "DAX")["opening_range 60m high"] == "09:00", "Friday's minutes are final now"
    assert "2026-11-23|DAX" in day.instance.get_materialized_partitions(LEVEL_BOOK)
    assert "2026-11-23|DAX" in day.instance.get_materialized_partitions(LEVEL_OUTCOMES)
    [event] = day.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=LEVEL_BOOK, asset_partitions=["2026-11-23|DAX"]), limit=1
    ).records
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    reasons = {record.data["kind"]: record.data["reason"] for record in metadata["absent"].value.records}
    assert reasons["previous_month"].startswith("session 2026-10-01 is not stored")


@pytest.mark.parametrize("selected", [LEVEL_BOOK, LEVEL_OUTCOMES], ids=str)
def test_each_of_the_two_can_be_computed_alone(day: Day, selected: dg.AssetKey) -> None:
    day.at(CLOSED)

    def run(job: str, *assets: dg.AssetKey) -> str | None:
        return run_sessions(day.instance, day.defs, job, symbol="DAX", first=FRIDAY, last=FRIDAY, assets=assets).error

    assert run(TRADING_DAY, *CANDLES) is None
    failed = run(COMPUTE_LEVELS, selected)
    assert failed is not None
    assert "DAX 2026-11-20: its session 2026-11-19 is not stored: run `tradematrix backfill DAX" in failed
    monday = run_sessions(
        day.instance, day.defs, COMPUTE_LEVELS, symbol="DAX", first=MONDAY, last=MONDAY,
        assets=[selected],
    )  # fmt: skip
    assert monday.error is None
    books = day.ask(f"SELECT count(*) > 40 FROM levels WHERE trade_date = '{MONDAY}'")
    assert books == [(selected == LEVEL_BOOK,)]
