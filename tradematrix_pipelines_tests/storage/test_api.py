"""The views ``api.*``, and the role that may read them and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import create_engine, text

from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.api import READER, api_state
from tradematrix_pipelines.storage.database import Database, prepare
from tradematrix_pipelines.storage.schema import make_missing_views

COLUMNS = {
    "levels": "symbol trade_date kind name price unit known_at verdict",
    "outcomes": "symbol kind name event times n share low high first_half second_half first_date last_date",
    "candles": "symbol timeframe ts open high low close volume source stored_at",
    "sessions": "symbol timeframe trade_date opens_at closes_at status final verdict doubt expected received rejected "
    "longest_gap source checked_at pruned_at",
    "daily_levels": "symbol trade_date y_trade_date y_open y_high y_low y_close prev_week_high prev_week_low atr_14 "
    "verdict computed_at",
    "pivot_points": "symbol trade_date method pp r1 r2 r3 r4 r5 s1 s2 s3 s4 s5 verdict computed_at",
}


@contextmanager
def as_reader(settings: Settings) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """The database as the role sees it."""
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute(f"SET ROLE {READER}")
        yield connection


def test_the_views_have_names_that_stay(database: Database) -> None:
    query = text(
        "SELECT table_name, string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns "
        "WHERE table_schema = 'api' GROUP BY table_name"
    )
    with database.engine.connect() as connection:
        assert {row.table_name: row.string_agg for row in connection.execute(query)} == COLUMNS


def test_the_reader_sees_them_and_nothing_else(settings: Settings, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("CREATE VIEW api.later AS SELECT 1 AS one"))
    with as_reader(settings) as connection:
        for view in (*COLUMNS, "later"):
            connection.execute(f"SELECT * FROM api.{view}")
        for statement in (
            "SELECT * FROM ohlc",
            "SELECT * FROM market_symbols",
            "DELETE FROM api.candles",
            "CREATE VIEW api.mine AS SELECT 1",
        ):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
                connection.execute(statement)
    assert api_state(database.engine).advice is None


def test_candles_of_a_symbol_are_read_by_the_index(settings: Settings, database: Database) -> None:
    del database
    with as_reader(settings) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT * FROM api.candles WHERE symbol = 'DAX' AND timeframe = '1m' AND ts > '2026-11-20'"
        ).fetchall()
    assert any("ohlc_pkey" in str(row) for row in plan)
    assert any("timeframe = '1m'" in str(row) for row in plan)


@pytest.fixture
def guests(tcp_postgres: str) -> Iterator[str]:
    """A database in which the user ``guest`` may make tables, and nothing else; its name."""
    name = f"guests_{uuid4().hex[:8]}"
    root = f"postgresql://postgres:root-pw@{tcp_postgres}"
    with psycopg.connect(f"{root}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        with psycopg.connect(f"{root}/{name}", autocommit=True) as inside:
            inside.execute("GRANT ALL ON SCHEMA public TO guest")
        yield name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        admin.execute(f"DROP ROLE IF EXISTS {READER}")


def test_a_user_who_may_create_neither_is_migrated_all_the_same(tcp_postgres: str, guests: str) -> None:
    """What the advice says makes up for it, as a database administrator types it."""
    engine = create_engine(f"postgresql+psycopg://guest:guest-pw@{tcp_postgres}/{guests}?client_encoding=utf8")
    root = f"postgresql://postgres:root-pw@{tcp_postgres}/{guests}"
    try:
        assert prepare(engine)[-1] >= "0013"
        advice = api_state(engine).advice
        grant = f'GRANT CREATE ON DATABASE "{guests}" TO "guest"'
        assert advice == (f'user "guest" may not create the schema api: have run {grant}, then `tradematrix migrate`')
        assert not make_missing_views(engine)
        with psycopg.connect(root, autocommit=True) as admin:
            admin.execute(grant)
            assert make_missing_views(engine)
            assert not make_missing_views(engine)
            advice = api_state(engine).advice
            assert advice is not None
            assert advice.startswith(f"have run CREATE ROLE {READER}; GRANT USAGE")
            for statement in advice.removeprefix("have run ").split("; "):
                admin.execute(f"SET ROLE {'guest' if 'ALTER' in statement else 'postgres'}")
                admin.execute(statement)
            assert api_state(engine).advice is None
            admin.execute("RESET ROLE")
            admin.execute(f"DROP OWNED BY {READER}")
    finally:
        engine.dispose()
