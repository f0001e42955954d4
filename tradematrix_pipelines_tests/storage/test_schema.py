"""Migrations: they make what the metadata declares, once, whoever runs them."""

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.databases import open_databases
from tradematrix_pipelines.storage.market import Market, prepare
from tradematrix_pipelines.storage.schema import SchemaTooNew, migrate, schema_state
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.storage.tables import metadata


def test_migrations_make_exactly_the_declared_tables(market: Market) -> None:
    with market.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        declared = {name: {c.name for c in t.constraints if c.name} for name, t in metadata.tables.items()}
        found = inspect(connection)
        for table, names in declared.items():
            checks = {check["name"] for check in found.get_check_constraints(table)}
            assert checks == {name for name in names if str(name).endswith("_check")}, table


def test_migrating_again_does_nothing(market: Market) -> None:
    assert migrate(market.engine) == []
    assert schema_state(market.engine).up_to_date


def test_two_processes_at_once_migrate_once(settings: Settings) -> None:
    with open_databases(settings) as databases:
        engine = create_engine(databases.market)
        barrier, applied = threading.Barrier(2), []

        def run() -> None:
            barrier.wait()
            applied.extend(prepare(engine))

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert applied == ["0001", "0002", "0004"]
        assert [symbol.name for symbol in read_symbols(engine)] == ["DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"]
        engine.dispose()


def _stamp(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_a_newer_schema_is_refused_with_what_to_do(market: Market) -> None:
    _stamp(market.engine, "9999")
    with pytest.raises(SchemaTooNew, match=r"schema \(9999\) is newer than this code .* update tradematrix-pipelines"):
        migrate(market.engine)
