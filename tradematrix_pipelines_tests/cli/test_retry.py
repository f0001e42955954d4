"""``tradematrix retry``: fetches what is incomplete, and only that."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)


def rows(database: Database, query: str) -> list[Any]:
    with database.engine.connect() as connection:
        return list(connection.execute(text(query)).all())


def test_of_five_symbols_the_failing_one_is_incomplete_and_only_it_is_retried(
    run: Callable[..., Result], simulator: Simulator, database: Database
) -> None:
    five = ("DAX", "NDX", "DJI", "EUR/USD", "XAG/USD")
    simulator.set_faults("gated@NDX")
    first = run("backfill", *five, "--from", "2026-11-19", "--to", "2026-11-20")
    assert first.exit_code == 1
    assert "plan" in first.output
    incomplete = rows(
        database,
        """SELECT DISTINCT s.symbol FROM session_coverage JOIN market_symbols s ON s.id = symbol_id
           WHERE status <> 'complete'""",
    )
    assert incomplete == [("NDX",)]

    calls = simulator.counts.calls
    still = run("retry", "--json")
    assert still.exit_code == 1
    retried = json.loads(still.output)
    assert {(row["symbol"], row["now"]) for row in retried} == {("NDX", "incomplete")}
    assert all("plan" in row["reason"] for row in retried)
    assert simulator.counts.calls == calls + 1

    simulator.set_faults()
    others = "SELECT symbol_id, timeframe, ts, xmin::text FROM ohlc WHERE symbol_id <> 2 ORDER BY 1, 2, 3"
    before, calls = rows(database, others), simulator.counts.calls
    healed = run("retry", "--json")
    assert healed.exit_code == 0, healed.output
    assert {(row["symbol"], row["now"]) for row in json.loads(healed.output)} == {("NDX", "complete")}
    assert simulator.counts.calls == calls + 2, "minutes and official days"
    assert rows(database, others) == before
    assert rows(database, "SELECT count(*) FROM ohlc WHERE symbol_id = 2") == [(2 * (390 + 78 + 26 + 7 + 1),)]
    assert rows(database, "SELECT trade_date::text FROM levels_daily WHERE symbol_id = 2 ORDER BY 1") == [
        ("2026-11-20",),
        ("2026-11-23",),
    ]
    again = run("retry")
    assert (again.exit_code, again.output.strip()) == (0, "nothing to retry")


def test_missing_levels_are_computed_without_a_call(
    run: Callable[..., Result], simulator: Simulator, database: Database
) -> None:
    assert run("backfill", "DAX", "--from", "2026-11-18", "--to", "2026-11-20").exit_code == 0
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM levels_daily WHERE trade_date = '2026-11-20'"))
    calls = simulator.counts.calls
    assert run("retry").exit_code == 0
    assert simulator.counts.calls == calls
    assert rows(database, "SELECT count(*) FROM levels_daily") == [(3,)]


def test_the_ui_knows_the_job_of_a_commands_run_and_can_run_it_again(
    run: Callable[..., Result], simulator: Simulator, settings: Settings
) -> None:
    assert run("backfill", "NDX", "--from", "2026-11-20", "--timeframe", "1m").exit_code == 0
    with open_instance(load_settings()) as instance:
        [record] = instance.get_run_records()
        assert record.dagster_run.remote_job_origin is not None
        snapshot = instance.get_job_snapshot(str(record.dagster_run.job_snapshot_id))
    known = build_defs(settings).resolve_job_def("ingest_candles").get_job_snapshot_id()
    assert snapshot.lineage_snapshot is not None
    assert snapshot.lineage_snapshot.parent_snapshot_id == known
