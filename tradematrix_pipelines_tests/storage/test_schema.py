"""Migrations: they create what the metadata declares, once, however many processes run them."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, NullPool, create_engine, inspect, text

from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import Settings, child_environment
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.schema import SchemaTooNew, alembic_config, migrate, revisions, schema_state
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.storage.tables import metadata, method_type, status_type, timeframe_type

DUMPS = Path(__file__).parent / "dumps"
SYMBOLS = ["DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"]
OPENED = """
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols

print("ready", flush=True)
input()
with Database.open(load_settings()) as database:
    print(*(symbol.name for symbol in read_symbols(database.engine)))
"""
KILLED_WHEN_SEEDING = """
import os, signal
from sqlalchemy import Engine, event
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import Database

@event.listens_for(Engine, "before_cursor_execute")
def kill(connection, cursor, statement, *_):
    if statement.startswith("INSERT INTO market_symbols"):
        os.kill(os.getpid(), signal.SIGKILL)

Database.open(load_settings())
"""


def test_migrations_make_exactly_the_declared_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        declared = {name: {c.name for c in t.constraints if c.name} for name, t in metadata.tables.items()}
        inspector = inspect(connection)
        for table, names in declared.items():
            checks = {check["name"] for check in inspector.get_check_constraints(table)}
            assert checks == {name for name in names if str(name).endswith("_check")}, table


def test_each_enum_has_the_declared_values_in_their_order(database: Database) -> None:
    # Alembic compares no enums. Their order is that in which rows sort.
    query = "SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = :name ::regtype"
    with database.engine.connect() as connection:
        for declared in (timeframe_type, status_type, method_type):
            stored = connection.execute(text(query), {"name": declared.name}).scalar_one()
            assert stored == declared.enums, f"{declared.name}: a migration has to add the value"


def test_each_migration_goes_back_and_forth(database: Database) -> None:
    with database.engine.connect() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
    known = [script.revision for script in scripts.walk_revisions()]
    assert revisions() == tuple(reversed(known)), "the numbers of the files are the order of the migrations"
    for revision in known[1:]:
        with database.engine.begin() as connection:
            command.downgrade(alembic_config(connection), revision)
        assert schema_state(database.engine).current == revision
        assert migrate(database.engine) == [later for later in reversed(known) if later > revision]
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            assert compare_metadata(context, metadata) == [], revision


def test_migrating_again_does_nothing(database: Database) -> None:
    assert migrate(database.engine) == []
    assert schema_state(database.engine).up_to_date


def test_processes_at_once_migrate_once_and_all_see_the_symbols(settings: Settings) -> None:
    open_databases(settings).close()
    command = [sys.executable, "-c", OPENED]
    pipe, env = subprocess.PIPE, child_environment(settings)
    racers = [subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True) for _ in range(5)]
    assert [racer.stdout.readline() for racer in racers if racer.stdout is not None] == ["ready\n"] * 5
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert [racer.communicate(timeout=60)[0] for racer in racers] == [f"{' '.join(SYMBOLS)}\n"] * 5


def test_a_kill_before_the_symbols_are_stored_leaves_nothing_half_done(settings: Settings) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED_WHEN_SEEDING], env=child_environment(settings), check=False)
    assert done.returncode == -signal.SIGKILL
    with Database.open(settings) as database:
        assert [symbol.name for symbol in read_symbols(database.engine)] == SYMBOLS


@pytest.mark.parametrize("dump", sorted(DUMPS.glob("*.sql")), ids=lambda path: path.stem)
def test_a_database_of_an_older_version_migrates_with_all_it_has(settings: Settings, dump: Path) -> None:
    """Each dump has simulated hours, days and levels of DAX and EUR/USD, 18 to 20 November 2026."""
    with open_databases(settings) as databases:
        engine = create_engine(databases.market, poolclass=NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(dump.read_text().replace("%", "%%"))
    with Database.open(settings) as database:
        assert schema_state(database.engine).up_to_date
        with database.engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
            stored = connection.execute(
                text("SELECT s.symbol, o.timeframe::text, count(*) FROM ohlc o "
                     "JOIN market_symbols s ON s.id = symbol_id GROUP BY s.id, o.timeframe ORDER BY s.id, o.timeframe")
            ).all()  # fmt: skip
            assert stored == [("DAX", "1h", 27), ("DAX", "1d", 3), ("EUR/USD", "1h", 72), ("EUR/USD", "1d", 3)]
            [levels] = connection.execute(
                text("SELECT y_close = close FROM levels_daily l JOIN market_symbols s ON s.id = l.symbol_id "
                     "JOIN ohlc o ON o.symbol_id = s.id AND timeframe = '1d' AND ts = '2026-11-19 08:00+00' "
                     "WHERE s.symbol = 'DAX' AND trade_date = '2026-11-20'")
            ).scalars()  # fmt: skip
            assert levels
            assert connection.execute(text("SELECT count(*) FROM pivot_levels")).scalar_one() == 5 * 6
        assert [symbol.name for symbol in read_symbols(database.engine)] == SYMBOLS


def _stamp(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_a_newer_schema_is_refused_with_what_to_do(database: Database) -> None:
    _stamp(database.engine, "9999")
    with pytest.raises(SchemaTooNew, match=r"schema \(9999\) is newer than this code .* update tradematrix-pipelines"):
        migrate(database.engine)
