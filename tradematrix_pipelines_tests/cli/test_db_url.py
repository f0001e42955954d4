"""``tradematrix db-url``: a URL that psycopg takes as it is, of the embedded server and of another."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from click.testing import CliRunner, Result

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.postgres.embedded import lease_server
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.api import READER
from tradematrix_pipelines_tests.stack import environment, free_port, running, wait_for

Run = Callable[..., Result]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with an embedded server."""
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "home"
        monkeypatch.setenv("TRADEMATRIX_HOME", str(path))
        monkeypatch.delenv("TRADEMATRIX_DATABASE_URL", raising=False)
        yield path


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["db-url", *arguments])
    assert result.exit_code == 0, result.output
    [url] = result.stdout.splitlines()
    return url


def user(url: str) -> object:
    with psycopg.connect(url) as connection:
        connection.execute("SELECT count(*) FROM api.candles")
        row = connection.execute("SELECT current_user || '@' || current_database()").fetchone()
        return row and row[0]


def test_the_embedded_servers_socket(home: Path) -> None:
    with lease_server(home):
        assert user(printed()) == "postgres@tradematrix"
        assert user(printed("--role", "reader")) == f"{READER}@tradematrix"
        result = CliRunner().invoke(main, ["db-url"])
        assert "runs while `tradematrix up` does; `up --pg-port` lets it listen" in result.stderr


def test_another_server(run: Run, settings: Settings) -> None:
    assert settings.database_url is not None
    name = settings.database_url.get_secret_value().rpartition("/")[2].partition("?")[0]
    assert user(printed()) == f"postgres@{name}"
    [row] = json.loads(run("db-url", "--json").stdout)
    assert row == {"url": printed(), "role": "owner"}
    reader = run("db-url", "--role", "reader")
    assert reader.stdout.startswith(f"postgresql://{READER}@")
    assert f"ALTER ROLE {READER} LOGIN PASSWORD" in reader.stderr


def test_without_the_role_it_says_how_to_make_it(run: Run, settings: Settings) -> None:
    assert settings.database_url is not None
    assert run("migrate").exit_code == 0
    with psycopg.connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute(f"REVOKE SELECT ON ALL TABLES IN SCHEMA api FROM {READER}")
    result = run("db-url", "--role", "reader")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"have run GRANT USAGE ON SCHEMA api TO {READER}; GRANT SELECT" in result.stderr


def test_up_listens_on_a_port_with_a_password(home: Path) -> None:
    home.mkdir()
    ports = free_port(), free_port()
    env = environment(home)
    with running(env, "up", "--port", str(ports[0]), "--pg-port", str(ports[1]), log=home / "up.log"):
        wait_for("the port", lambda: f"Postgres on 127.0.0.1:{ports[1]}" in (home / "up.log").read_text(), seconds=120)
        for role, name in (("owner", "postgres"), ("reader", READER)):
            url = printed("--role", role)
            assert url.startswith(f"postgresql://{name}:")
            assert f"@127.0.0.1:{ports[1]}/" in url
            assert user(url) == f"{name}@tradematrix"
            password = url.partition(f"{name}:")[2].partition("@")[0]
            for log in (home / "up.log", home / "postgres" / "server.log"):
                assert password not in log.read_text(), log


def test_a_port_is_for_the_embedded_server(run: Run) -> None:
    result = run("up", "--pg-port", "5433")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "--pg-port is for the embedded Postgres" in result.stderr
