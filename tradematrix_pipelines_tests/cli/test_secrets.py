"""Key, password and connection string are nowhere a person or a log collector could read them, failures included."""

from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.simulator.server import Simulator

KEY, PASSWORD = "7c0ffee7c0ffee7c0ffee7c0ffee5eed", "p@ss/word"
SECRETS = (KEY, PASSWORD, "p%40ss%2Fword", "maker:")


@pytest.fixture
def database(tcp_postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    url = f"postgresql://maker:p%40ss%2Fword@{tcp_postgres}/secrets_{uuid4().hex[:8]}"
    monkeypatch.setenv("TRADEMATRIX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", url)
    monkeypatch.setenv("TRADEMATRIX_CLOCK", "2026-11-20T23:00:00Z")
    monkeypatch.setenv("TWELVE_DATA_API_KEY", KEY)
    return url


def everything_stored(url: str) -> str:
    """Every text in every table of both databases."""
    texts = []
    for database_url in (url, f"{url}_dagster"):
        with psycopg.connect(database_url) as connection:
            tables = connection.execute(
                "SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            for (table,) in tables:
                rows = connection.execute(f"SELECT t::text FROM {table} AS t").fetchall()  # type: ignore[arg-type]  # quoted by format
                texts += [row[0] for row in rows]
    return "\n".join(texts)


def everything_written(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("fault", ["bad key", "broken", "html"])
def test_a_failing_run_reveals_no_secret(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    faults = [] if fault == "bad key" else [fault]
    with Simulator(key="another" if fault == "bad key" else None, faults=faults) as running:
        monkeypatch.setenv("TRADEMATRIX_TWELVE_DATA_URL", running.url)
        result = CliRunner().invoke(main, ["backfill", "EUR/USD", "--from", "2026-11-20", "--to", "2026-11-20"])
        doctor = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    stored = everything_stored(database)
    assert "EUR/USD" in stored, "nothing was looked at"
    places = {
        "output": result.output,
        "doctor": doctor.output,
        "databases": stored,
        "files": everything_written(tmp_path / "home"),
    }
    leaks = [(place, secret) for place, text in places.items() for secret in SECRETS if secret in text]
    assert leaks == []


def test_a_lost_database_reveals_no_secret(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", database.replace("word@", "wrong@"))
    result = CliRunner().invoke(main, ["symbols", "list"])
    assert result.exit_code == 1
    assert not [secret for secret in (*SECRETS, "p@ss/wrong", "wrong@") if secret in result.output]
    assert len(result.output.strip().splitlines()) == 1
