"""``tradematrix prune`` as it is typed, and as docs/how-to/prune.md shows it: what goes, and what stays."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import Result
from sqlalchemy import text

import tradematrix_pipelines as tm
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.errors import IncompleteSessions, IncompleteWarning
from tradematrix_pipelines.settings import Settings, child_environment, load_settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.stamps import stamp
from tradematrix_pipelines_tests.cli.conftest import Preparing, invoke, simulating

Run = Callable[..., Result]
FIRST, LAST, RANGE = "2026-07-29", "2026-08-04", ("--from", "2026-07-29", "--to", "2026-08-04")
OLD = ("--older-than", "90d", "--timeframe", "1m")
MINUTES = 5 * 510
"""Those of five sessions of the DAX."""
ASSETS = ("ohlc_1m", "ohlc_5m", "ohlc_1d", "daily_levels", "pivot_points", "level_book", "level_outcomes")
PRESERVED = ("levels_daily", "pivot_levels", "levels_history", "levels", "level_outcomes", "session_summaries")
KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from tradematrix_pipelines.cli.main import main

@event.listens_for(Engine, "after_cursor_execute")
def kill(connection, cursor, statement, *_):
    if "DELETE FROM ohlc AS rows" in statement and cursor.fetchone is not None:
        kill.left -= 1
        if not kill.left:
            os.kill(os.getpid(), signal.SIGKILL)

kill.left = 2
main()
"""


@pytest.fixture(scope="module")
def prepared(preparing: Preparing) -> Settings:
    """Five old sessions of the DAX in two months, with a revised minute, and its last one."""
    with preparing() as (settings, monkeypatch), simulating(monkeypatch):
        assert invoke("backfill", "DAX", *RANGE).exit_code == 0
        assert invoke("backfill", "DAX", "--from", "2026-11-20").exit_code == 0
        with Database.open(settings) as database, database.engine.begin() as connection:
            stamp(connection, datetime(2026, 11, 20, 23, 20, tzinfo=UTC))
            connection.execute(
                text("UPDATE ohlc SET close = open WHERE timeframe = '1m' AND ts = '2026-07-30 09:00+00'")
            )
    return settings


@pytest.fixture
def stored(prepared: Settings, simulator: Simulator, database: Database) -> Database:
    """The database of a copy of that installation, whose vendor's calls can be counted."""
    del prepared, simulator
    return database


def read(*arguments: str) -> Any:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def minutes(database: Database) -> list[tuple[object, ...]]:
    query = "SELECT ts, open, high, low, close, volume, source FROM ohlc WHERE timeframe = '1m' ORDER BY ts"
    return rows(database, query)


def coverage(database: Database) -> list[tuple[object, ...]]:
    query = "SELECT to_jsonb(c) - 'pruned_at' FROM session_coverage AS c ORDER BY timeframe, trade_date"
    return rows(database, query)


def materialized(settings: Settings) -> dict[str, set[str]]:
    with open_instance(settings) as instance:
        return {name: set(instance.get_materialized_partitions(dg.AssetKey(name))) for name in ASSETS}


def test_a_dry_run_says_what_is_deleted_and_all_else_stays(stored: Database, settings: Settings) -> None:
    before = {table: rows(stored, f"SELECT to_jsonb(t) FROM {table} AS t ORDER BY 1") for table in PRESERVED}
    covered, green = coverage(stored), materialized(settings)
    others = rows(stored, "SELECT * FROM ohlc WHERE timeframe <> '1m' OR ts > '2026-11-01' ORDER BY timeframe, ts")
    assert before["levels_daily"], "there are levels to preserve"
    planned = read("prune", *OLD)
    assert read("prune", *OLD, "--yes", "--dry-run") == planned
    assert len(minutes(stored)) == MINUTES + 510, "nothing is deleted without --yes"
    deleted = read("prune", *OLD, "--yes")
    assert deleted == planned
    [row] = deleted
    assert {name: row[name] for name in ("symbol", "timeframe", "first", "last", "sessions", "candles")} == {
        "symbol": "DAX", "timeframe": "1m", "first": FIRST, "last": LAST, "sessions": 5, "candles": MINUTES,
    }  # fmt: skip
    assert row["revisions"] == 1
    assert 100 * MINUTES < row["bytes"] < 200 * MINUTES, "a row and its key"
    assert len(minutes(stored)) == 510
    assert rows(stored, "SELECT count(*) FROM ohlc_revisions") == [(0,)]
    assert coverage(stored) == covered
    for table, stays in before.items():
        assert rows(stored, f"SELECT to_jsonb(t) FROM {table} AS t ORDER BY 1") == stays, table
    query = "SELECT * FROM ohlc WHERE timeframe <> '1m' OR ts > '2026-11-01' ORDER BY timeframe, ts"
    assert rows(stored, query) == others
    assert materialized(settings) == green
    assert read("prune", *OLD, "--yes") == [], "there is nothing left"


def test_nothing_fetches_pruned_sessions_by_itself(stored: Database, simulator: Simulator) -> None:
    read("prune", *OLD, "--yes")
    calls, left = simulator.counts.calls, minutes(stored)
    before = {table: rows(stored, f"SELECT to_jsonb(t) FROM {table} AS t ORDER BY 1") for table in PRESERVED}
    assert read("coverage", "--open") == []
    plan = read("plan", "DAX", *RANGE)
    assert (plan["credits"], plan["symbols"][0]["complete"]) == (0, 5)
    assert invoke("retry", "DAX", "--since", FIRST).exit_code == 0
    again = invoke("backfill", "DAX", *RANGE)
    assert again.exit_code == 0, again.output
    assert "pruned" in again.output
    assert simulator.counts.calls == calls
    assert minutes(stored) == left
    for table, stays in before.items():
        assert rows(stored, f"SELECT to_jsonb(t) FROM {table} AS t ORDER BY 1") == stays, (
            f"{table}: nothing is computed"
        )
    pruned = [row for row in read("coverage", "DAX", *RANGE) if row["pruned_at"] is not None]
    assert {(row["timeframe"], row["status"], row["trade_date"] <= LAST) for row in pruned} == {
        ("1m", "complete", True)
    }
    assert len(pruned) == 5
    assert "--refresh" in pruned[0]["reason"]


def test_readers_are_warned(stored: Database) -> None:
    del stored
    halves = tm.candles("DAX", "30m", FIRST, LAST)
    read("prune", *OLD, "--yes")
    with pytest.warns(
        IncompleteWarning, match=r"5 sessions are not complete: DAX 1m 2026-07-29 \(pruned on 2026-11-20"
    ):
        assert tm.candles("DAX", "1m", FIRST, LAST).empty
    with pytest.raises(IncompleteSessions, match="pruned with `backfill --refresh`"):
        tm.candles("DAX", "1m", FIRST, LAST, strict=True)
    with pytest.warns(IncompleteWarning, match="pruned"):
        tm.candles("DAX", "1m", FIRST, LAST, as_of="2026-11-20T23:00Z")
    assert tm.candles("DAX", "30m", FIRST, LAST).equals(halves), "it is made of what is there"


def test_an_export_keeps_what_was_pruned_since(stored: Database, tmp_path: Path) -> None:
    targets = [("export", "DAX", "--to", str(tmp_path / form), "--format", form) for form in ("parquet", "csv")]
    before = [read(*target)[0] for target in targets]
    with stored.engine.begin() as connection:  # as if its last days were older than the others
        query = "UPDATE session_coverage SET final = false WHERE timeframe = '1m' AND trade_date = '2026-08-04'"
        connection.execute(text(query))
    read("prune", *OLD, "--yes")
    with stored.engine.begin() as connection:
        query = """UPDATE session_coverage SET final = true, checked_at = checked_at + interval '1 second'
            WHERE timeframe = '1m' AND trade_date = '2026-08-04'"""
        connection.execute(text(query))
    for target, whole in zip(targets, before, strict=True):
        [after] = read(*target)
        assert after["written"] == 1, "August has a session that is another version, and one that was pruned"
        assert (after["rows"], after["sessions"]) == (whole["rows"], whole["sessions"])


def test_a_refresh_fetches_them_again(stored: Database, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEMATRIX_CLOCK", "2026-11-20T23:30:00Z")
    truth = [row for row in minutes(stored) if str(row[0]) != "2026-07-30 09:00:00+00:00"]
    read("prune", *OLD, "--yes")
    simulator.set_faults("gated@GDAXI")
    assert invoke("backfill", "DAX", *RANGE, "--refresh").exit_code == 1
    assert len([row for row in read("coverage", "DAX", *RANGE) if row["pruned_at"]]) == 5, "they stay pruned"
    simulator.set_faults()
    result = invoke("backfill", "DAX", *RANGE, "--refresh")
    assert result.exit_code == 0, result.output
    assert [row for row in minutes(stored) if str(row[0]) != "2026-07-30 09:00:00+00:00"] == truth
    assert [row for row in read("coverage", "DAX", *RANGE) if row["pruned_at"]] == []
    assert not tm.candles("DAX", "1m", FIRST, LAST, strict=True).empty
    # Of what a reader saw before, nothing is left: that is what is said.
    with pytest.warns(IncompleteWarning, match="pruned"):
        assert tm.candles("DAX", "1m", FIRST, LAST, as_of="2026-11-20T23:15Z").empty


def test_what_is_needed_is_refused(stored: Database) -> None:
    before = rows(stored, "SELECT count(*) FROM ohlc")
    for timeframe, age, needed in (("1d", "1y", "430d"), ("1m", "5w", "40d")):
        result = invoke("prune", "--older-than", age, "--timeframe", timeframe, "--yes")
        assert result.exit_code == 2, result.output
        assert f"keep them for {needed} at least" in result.output
    assert rows(stored, "SELECT count(*) FROM ohlc") == before


@pytest.mark.system
def test_a_kill_leaves_whole_months_and_the_next_goes_on(stored: Database, settings: Settings) -> None:
    command = [sys.executable, "-c", KILLED, "prune", *OLD, "--yes"]
    done = subprocess.run(command, env=child_environment(settings), capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    consistent = """
        SELECT trade_date, pruned_at IS NOT NULL, (SELECT count(*) FROM ohlc AS o WHERE o.symbol_id = c.symbol_id
            AND o.timeframe = c.timeframe AND o.ts >= c.opens_at AND o.ts < c.closes_at)
        FROM session_coverage AS c WHERE timeframe = '1m' AND trade_date < '2026-11-01' ORDER BY 1
    """
    state = [(pruned, left) for _, pruned, left in rows(stored, consistent)]
    assert state == [(True, 0)] * 3 + [(False, 510)] * 2, "July is gone, August is there"
    [row] = read("prune", *OLD, "--yes")
    assert (row["sessions"], row["candles"]) == (2, 2 * 510)
    assert [left for *_, left in rows(stored, consistent)] == [0] * 5


def test_a_changed_calendar_leaves_pruned_sessions_as_they_are(stored: Database) -> None:
    read("prune", *OLD, "--yes")
    before = coverage(stored)
    hours = ("calendar", "hours", "XETR", "2026-07-30", "--open", "10:00", "--close", "14:00", "--reason", "test")
    assert invoke(*hours).exit_code == 0
    assert coverage(stored) == before
    assert invoke("calendar", "undo", "XETR", "2026-07-30").exit_code == 0
    assert invoke("calendar", "close", "XETR", "2026-07-31", "--reason", "test").exit_code == 0
    assert invoke("calendar", "undo", "XETR", "2026-07-31").exit_code == 0
    assert coverage(stored) == before
    assert len([row for row in read("coverage", "DAX", *RANGE) if row["pruned_at"]]) == 5


def test_two_databases_do_not_differ_in_what_one_has_pruned(prepared: Settings, stored: Database) -> None:
    read("prune", *OLD, "--yes")
    with stored.engine.begin() as connection:  # the revised minute has another value there by now
        connection.execute(text("DELETE FROM ohlc_revisions"))
    assert prepared.database_url is not None
    result = invoke("compare", "--with", prepared.database_url.get_secret_value(), "DAX", "--json")
    compared = {row["timeframe"]: row for row in json.loads(result.stdout)}
    assert [compared["1m"][name] for name in ("equal", "missing", "extra", "different")] == [510, 0, 0, 0]
    assert "5 pruned sessions" in compared["1m"]["reason"]
    assert result.exit_code == 0, result.output


def test_the_monthly_job_does_the_same(stored: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    [planned] = read("prune", *OLD)
    hours = rows(stored, "SELECT count(*) FROM ohlc WHERE timeframe = '1h'")

    def carry_out(keep: str) -> dict[str, object]:
        monkeypatch.setenv("TRADEMATRIX_KEEP", keep)
        job = build_defs(load_settings()).resolve_job_def("prune_candles")
        with open_instance(settings) as instance:
            result = job.execute_in_process(instance=instance, raise_on_error=False)
        [output] = [event for event in result.all_events if event.is_successful_output] or [None]
        if output is None:
            return {}
        return {name: value.value for name, value in output.step_output_data.metadata.items()}

    assert carry_out("1m=90d,1d=1y") == {}, "daily candles are needed for longer: it fails, and deletes nothing"
    assert len(minutes(stored)) == MINUTES + 510
    assert carry_out("1m=90d") == {name: planned[name] for name in ("sessions", "candles", "revisions", "bytes")}
    assert len(minutes(stored)) == 510
    assert carry_out("1m=90d")["candles"] == 0
    assert rows(stored, "SELECT count(*) FROM ohlc WHERE timeframe = '1h'") == hours
