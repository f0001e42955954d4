"""Dagster's runs, events and schedules share two connections, opened again where the server has closed them."""

from datetime import date

import dagster as dg
import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.pool import NullPool

from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.dagster_storage import _share_connections
from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.jobs import INGEST_CANDLES
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines_tests.stack import wait_for

DAY = date(2026, 11, 20)
OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def ask(settings: Settings, statement: str) -> object:
    """Return the first value of a statement in Dagster's database."""
    with open_databases(settings) as databases:
        engine = create_engine(databases.dagster, poolclass=NullPool)
        with engine.connect() as connection:
            return connection.execute(text(statement)).scalar()


def test_a_run_needs_two_connections(settings: Settings) -> None:
    opened = []
    with open_instance(settings) as instance:
        event.listen(instance.event_log_storage._engine, "connect", lambda *_: opened.append(1))
        sync_symbols(instance, ["DAX"])
        outcome = run_sessions(instance, build_defs(settings), INGEST_CANDLES, symbol="DAX", first=DAY, last=DAY)
        assert outcome.error is None
        assert len(instance.all_logs(outcome.run_id)) > 20
        assert ask(settings, f"SELECT count(*) {OTHERS}") == len(opened) == 2, "the second for nested statements"
    # A connection that is closed is gone from the server's view a moment later.
    wait_for("no connection", lambda: ask(settings, f"SELECT count(*) {OTHERS}") == 0, seconds=10)


def test_what_the_server_has_closed_is_opened_again(settings: Settings) -> None:
    with open_instance(settings) as instance:
        assert instance.get_runs() == []
        assert ask(settings, f"SELECT count(pg_terminate_backend(pid)) {OTHERS}") == 1
        assert instance.get_runs() == []
        instance.add_dynamic_partitions("symbol", ["DAX"])
        assert instance.get_dynamic_partitions("symbol") == ["DAX"]
        assert instance.all_instigator_state() == []


def test_the_web_ui_opens_again_what_the_server_has_closed(settings: Settings) -> None:
    with open_instance(settings) as instance:
        instance.optimize_for_webserver(statement_timeout=5000, pool_recycle=3600, max_overflow=20)
        for _ in range(2):
            assert instance.get_runs() == []
            instance.add_dynamic_partitions("symbol", ["DAX"])
            assert instance.all_instigator_state() == []
            assert ask(settings, f"SELECT count(pg_terminate_backend(pid)) >= 3 {OTHERS}")
        assert instance.get_dynamic_partitions("symbol") == ["DAX"]
        assert instance.get_runs() == []


def test_an_unknown_dagster_keeps_its_connections(caplog: pytest.LogCaptureFixture) -> None:
    storage = object()
    _share_connections("postgresql://localhost/any", storage)
    assert not hasattr(storage, "_engine")
    assert dg.__version__ in caplog.text
