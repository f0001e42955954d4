"""A run's events reach the log in batches, in whichever process it runs; the daemon's rounds are short."""

import os
from datetime import date

import dagster as dg
import pytest
from dagster._daemon import controller
from sqlalchemy import Connection, event

from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.jobs import INGEST_CANDLES
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.settings import EVENT_BATCHING, Settings, child_environment

FIRST, LAST, DATES = date(2026, 10, 26), date(2026, 11, 20), 20


def inserts_of_a_run(settings: Settings) -> tuple[int, int]:
    """Return how many statements stored the events of a run over 20 dates and 5 assets, and how many events it left."""
    statements = []

    def note(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().upper().startswith("INSERT INTO EVENT_LOGS"):
            statements.append(statement)

    with open_instance(settings) as instance:
        sync_symbols(instance, ["DAX"])
        event.listen(instance.event_log_storage._engine, "before_cursor_execute", note)
        outcome = run_sessions(instance, build_defs(settings), INGEST_CANDLES, symbol="DAX", first=FIRST, last=LAST)
        assert outcome.error is None
        return len(statements), len(instance.all_logs(outcome.run_id))


def test_a_run_stores_its_events_in_batches(settings: Settings) -> None:
    statements, events = inserts_of_a_run(settings)
    assert events > 2 * 5 * DATES, "planned and done, of each partition"
    assert statements < events - 2 * 4 * DATES


def test_an_operator_can_turn_it_off(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")
    statements, events = inserts_of_a_run(settings)
    assert statements == events


def test_child_processes_are_configured_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert EVENT_BATCHING.items() <= child_environment(settings).items()
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "7")
    assert child_environment(settings)["DAGSTER_EVENT_BATCH_SIZE"] == "7"


def test_opening_the_storage_is_enough(settings: Settings) -> None:
    assert "DAGSTER_EVENT_BATCH_SIZE" not in os.environ
    with open_instance(settings) as instance:
        assert isinstance(instance, dg.DagsterInstance)
        assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == EVENT_BATCHING["DAGSTER_EVENT_BATCH_SIZE"]


def test_dagster_has_the_interval_that_the_daemon_shortens() -> None:
    assert controller.DEFAULT_DAEMON_INTERVAL_SECONDS == 30
