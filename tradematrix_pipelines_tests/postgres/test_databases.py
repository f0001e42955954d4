"""The databases that the settings name, created where missing; and the errors when they can't be used."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.postgres import databases
from tradematrix_pipelines.postgres.databases import OpenDatabases, find_databases, open_databases
from tradematrix_pipelines.settings import load_settings

MARKET, DAGSTER = "TRADEMATRIX_DATABASE_URL", "TRADEMATRIX_DAGSTER_DATABASE_URL"
OPENING = """
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.postgres.databases import open_databases
open_databases(load_settings()).close()
"""


@pytest.fixture
def address(tcp_postgres: str) -> str:
    """``host:port`` of a server on TCP that asks for passwords."""
    return tcp_postgres


def opened(**environment: str) -> OpenDatabases:
    return open_databases(load_settings(environment))


def current(opened_databases: OpenDatabases) -> list[tuple[str, str]]:
    """Return driver and name of both databases, asked through SQLAlchemy as their users do."""
    answers = []
    for url in (opened_databases.market, opened_databases.dagster):
        engine = create_engine(url)
        with engine.connect() as connection:
            answers.append((engine.dialect.driver, str(connection.scalar(text("select current_database()")))))
        engine.dispose()
    return answers


def refusal(**environment: str) -> str:
    with pytest.raises(TradeMatrixError) as caught:
        opened(**environment)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_a_url_both_are_on_the_embedded_server(tmp_path: Path) -> None:
    with opened(TRADEMATRIX_HOME=str(tmp_path)) as opened_databases:
        assert current(opened_databases) == [("psycopg", "tradematrix"), ("psycopg2", "dagster")]
        assert (tmp_path / "postgres" / "postmaster.pid").exists()
    opened_databases.close()
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def test_a_failure_gives_the_embedded_server_back(tmp_path: Path) -> None:
    assert DAGSTER in refusal(TRADEMATRIX_HOME=str(tmp_path), **{DAGSTER: "mysql://localhost/dagster"})
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_a_url_is_taken_with_its_parameters_and_dagsters_database_is_beside_it(address: str, scheme: str) -> None:
    name = scheme.replace("+", "-")
    given = f"{scheme}://maker:p%40ss%2Fword@{address}/{name}?sslmode=disable&application_name=desk"
    with opened(**{MARKET: given}) as opened_databases:
        assert current(opened_databases) == [("psycopg", name), ("psycopg2", f"{name}_dagster")]
        assert opened_databases.lease is None
    for url in (opened_databases.market, opened_databases.dagster):
        assert url.query["sslmode"] == "disable"
        assert url.query["application_name"] == "desk"


def test_dagsters_database_can_be_somewhere_else(address: str, tmp_path: Path) -> None:
    elsewhere = f"postgresql://maker:p%40ss%2Fword@{address}/orchestra"
    with opened(TRADEMATRIX_HOME=str(tmp_path), **{DAGSTER: elsewhere}) as opened_databases:
        assert current(opened_databases) == [("psycopg", "tradematrix"), ("psycopg2", "orchestra")]


def test_what_is_in_a_database_stays(address: str) -> None:
    given = f"postgresql://maker:p%40ss%2Fword@{address}/kept"
    opened(**{MARKET: given}).close()
    with psycopg.connect(given) as connection:
        connection.execute("create table t as select 7 as n")
    opened(**{MARKET: given}).close()
    with psycopg.connect(given) as connection:
        assert connection.execute("select n from t").fetchall() == [(7,)]


def test_processes_that_make_the_same_databases_at_once_all_succeed(address: str) -> None:
    environment = {**os.environ, MARKET: f"postgresql://maker:p%40ss%2Fword@{address}/raced"}
    pipe = subprocess.PIPE
    racers = [subprocess.Popen([sys.executable, "-c", OPENING], env=environment, stderr=pipe) for _ in range(4)]
    assert [racer.communicate(timeout=60)[1] for racer in racers] == [b""] * 4


def test_a_wrong_password_is_named_but_not_shown(address: str) -> None:
    message = refusal(**{MARKET: f"postgresql://maker:hunter2@{address}/desk"})
    assert "password authentication failed" in message
    assert MARKET in message
    assert address in message
    assert "hunter2" not in message


def test_a_missing_database_that_may_not_be_made_is_named(address: str) -> None:
    message = refusal(**{MARKET: f"postgresql://guest:guest-pw@{address}/nowhere"})
    assert "no database 'nowhere'" in message
    assert MARKET in message
    message = refusal(**{MARKET: f"postgresql://guest:guest-pw@{address}/lobby"})
    assert "no database 'lobby_dagster'" in message
    assert DAGSTER in message


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as probe:  # bound, not listening: nobody else gets the port, and it refuses
        probe.bind(("127.0.0.1", 0))
        message = refusal(**{MARKET: f"postgresql://u:hunter2@127.0.0.1:{probe.getsockname()[1]}/desk"})
    assert "Connection refused" in message
    assert "hunter2" not in message


def test_an_option_that_does_not_exist_is_named(address: str) -> None:
    assert "sslmod" in refusal(**{MARKET: f"postgresql://maker:p%40ss%2Fword@{address}/desk?sslmod=disable"})


@pytest.mark.parametrize(
    "given",
    [
        "sqlite:///hunter2.db",
        "postgresql+asyncpg://u:hunter2@localhost/desk",
        "postgresql://u:hunter2@localhost",
        "postgresql://u:hun/ter@2@localhost:hunter2/desk",
        "hunter2",
    ],
)
def test_what_is_no_postgres_url_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(UsageError, match=f"{MARKET} is not the URL of a PostgreSQL database") as caught:
        opened(**{MARKET: given})
    assert "hunter2" not in str(caught.value)


def test_one_database_cannot_be_both(address: str) -> None:
    given = f"postgresql://maker:p%40ss%2Fword@{address}/desk"
    with pytest.raises(UsageError, match=DAGSTER):
        opened(**{MARKET: given, DAGSTER: given.replace("postgresql:", "postgresql+psycopg2:") + "?sslmode=disable"})


def test_a_server_that_is_too_old_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "OLDEST_SERVER", 99)  # there is no older server at hand
    message = refusal(**{MARKET: f"postgresql://maker:p%40ss%2Fword@{address}/desk"})
    assert f"{address} runs PostgreSQL 18: point {MARKET} at 99 or newer" in message


def test_where_a_server_is_required_none_is_started(tmp_path: Path) -> None:
    message = refusal(TRADEMATRIX_HOME=str(tmp_path), TRADEMATRIX_REQUIRE_DATABASE="1")
    assert message.startswith(f"{MARKET} is not set, and an embedded server is not allowed here")
    with pytest.raises(UsageError, match=f"{MARKET} is not set"):
        find_databases(load_settings({"TRADEMATRIX_HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}))
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_may_not_migrate_creates_no_database(address: str) -> None:
    url = f"postgresql://maker:p%40ss%2Fword@{address}/not_made"
    message = refusal(**{MARKET: url, "TRADEMATRIX_AUTO_MIGRATE": "0"})
    assert message.endswith(f"check {MARKET}; where it is missing, `tradematrix migrate` creates it")
    with psycopg.connect(url.replace("/not_made", "/lobby")) as connection:
        made = connection.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'not_made%'").fetchone()
    assert made == (0,)
