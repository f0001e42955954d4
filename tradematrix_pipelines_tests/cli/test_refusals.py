"""A refusal by the user's own server is one line that says what to do: no traceback, no SQL. And psql."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import sql

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.settings import child_environment, load_settings

SYMBOLS = ["DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"]


class Server:
    """A database of the test's own, with a role whose rights the test sets."""

    def __init__(self, address: str) -> None:
        self.name = f"refused_{uuid4().hex[:8]}"
        self.root = f"postgresql://postgres:root-pw@{address}"
        self.url = f"postgresql://{self.name}:p%40ss@{address}/{self.name}"
        self.admin("CREATE ROLE {0} LOGIN PASSWORD 'p@ss'", database="postgres")
        for database in (self.name, f"{self.name}_dagster"):
            self.admin("CREATE DATABASE {1}", database="postgres", other=database)
        self.admin("GRANT ALL ON SCHEMA public TO {0}", database=f"{self.name}_dagster")

    def admin(self, statement: str, *, database: str | None = None, other: str = "") -> None:
        with psycopg.connect(f"{self.root}/{database or self.name}", autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(self.name), sql.Identifier(other)))  # type: ignore[arg-type]  # the tests' own


@pytest.fixture
def server(tcp_postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(tcp_postgres)
    monkeypatch.setenv("TRADEMATRIX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", server.url)
    monkeypatch.setenv("TRADEMATRIX_CLOCK", "2026-11-20T23:00:00Z")
    yield server
    for database in (server.name, f"{server.name}_dagster"):
        server.admin("DROP DATABASE {1} WITH (FORCE)", database="postgres", other=database)
    server.admin("DROP ROLE {0}", database="postgres")


def tradematrix(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def refusal(*arguments: str) -> str:
    result = tradematrix(*arguments)
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    [line] = result.output.strip().splitlines()
    assert line.startswith("Error: the database refused: ")
    assert not [word for word in ("SELECT", "CREATE TABLE", "INSERT", "sqlalche.me", "p@ss") if word in line], line
    return line


def test_a_role_that_may_not_make_tables(server: Server) -> None:
    assert "permission denied for schema public; have the user granted" in refusal("symbols", "list")


@pytest.mark.parametrize(
    ("table", "command"),
    [("market_symbols", "symbols list"), ("ohlc", "candles DAX"), ("session_coverage", "coverage")],
)
def test_a_role_without_rights_on_a_table(server: Server, table: str, command: str) -> None:
    server.admin("GRANT ALL ON SCHEMA public TO {0}")
    assert tradematrix("migrate").exit_code == 0
    server.admin("ALTER TABLE {1} OWNER TO postgres", other=table)
    assert f"permission denied for table {table}; have the user granted" in refusal(*command.split())


def test_a_statement_that_takes_too_long(server: Server) -> None:
    server.admin("GRANT ALL ON SCHEMA public TO {0}")
    server.admin("ALTER ROLE {0} SET statement_timeout = '1ms'")
    assert "canceling statement due to statement timeout; run it again" in refusal("migrate")


def test_a_lock_that_takes_too_long(server: Server) -> None:
    server.admin("GRANT ALL ON SCHEMA public TO {0}")
    assert tradematrix("migrate").exit_code == 0
    server.admin("ALTER ROLE {0} SET lock_timeout = '50ms'")
    with psycopg.connect(f"{server.root}/{server.name}") as holder:
        holder.execute("LOCK TABLE market_symbols")
        assert "canceling statement due to lock timeout; another session holds" in refusal("symbols", "list")


def test_doctor_reports_it_as_one_finding_among_others(server: Server) -> None:
    server.admin("GRANT ALL ON SCHEMA public TO {0}")
    assert tradematrix("migrate").exit_code == 0
    server.admin("ALTER TABLE market_symbols OWNER TO postgres")
    result = tradematrix("doctor")
    assert result.exit_code == 1
    assert "the database refused: permission denied for table market_symbols" in result.output
    assert "PostgreSQL" in result.output, "the other findings are there"


@pytest.mark.parametrize("form", ["user:password@", "?password="])
def test_psql_reaches_a_server_that_asks_for_a_password(
    server: Server, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    server.admin("GRANT ALL ON SCHEMA public TO {0}")
    if form == "?password=":
        monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", server.url.replace(":p%40ss@", "@") + "?password=p%40ss")
    own = r"\! tr '\0' ' ' < /proc/$PPID/cmdline"
    command = [sys.executable, "-c", "from tradematrix_pipelines.cli.main import main; main()", "psql", "-At"]
    done = subprocess.run(
        [*command, "-c", "select string_agg(symbol, ' ' order by id) from market_symbols", "-c", own],
        env=child_environment(load_settings()), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    symbols, arguments = done.stdout.splitlines()
    assert symbols.split() == SYMBOLS
    assert server.name in arguments
    assert "p@ss" not in arguments
    assert "p%40ss" not in arguments
