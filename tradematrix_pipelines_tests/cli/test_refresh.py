"""A failed refresh leaves what is stored unchanged, and reports it."""

import json
from collections.abc import Callable

from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database

Run = Callable[..., Result]
DAY = ("DAX", "--from", "2026-11-20", "--to", "2026-11-20")


def every_row(database: Database) -> list[object]:
    query = "SELECT ts, timeframe::text, close, source FROM ohlc ORDER BY timeframe, ts"
    with database.engine.connect() as connection:
        return list(connection.execute(text(query)).all())


def test_a_failed_refresh_changes_nothing_and_is_reported(run: Run, simulator: Simulator, database: Database) -> None:
    assert run("backfill", *DAY).exit_code == 0
    before = every_row(database)
    simulator.set_faults("gated@GDAXI")
    result = run("backfill", *DAY, "--refresh")
    assert result.exit_code == 1
    assert "not refreshed: DAX 1m 2026-11-20: " in result.output
    assert "what is stored stays" in result.output
    covered = json.loads(run("coverage", "DAX", "--from", "2026-11-20", "--json").output)
    assert {row["status"] for row in covered} == {"complete"}
    assert all("plan" in row["reason"] for row in covered)
    assert json.loads(run("coverage", "--open", "--json").output) == []
    assert every_row(database) == before
    calls = simulator.counts.calls
    again = run("backfill", *DAY)
    assert again.exit_code == 0, again.output
    assert simulator.counts.calls == calls, "it is still complete, so nobody is asked"
    simulator.set_faults()
    assert run("backfill", *DAY, "--refresh").exit_code == 0
    covered = json.loads(run("coverage", "DAX", "--from", "2026-11-20", "--json").output)
    assert {row["reason"] for row in covered} == {None}
