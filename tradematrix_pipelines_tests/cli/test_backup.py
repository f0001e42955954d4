"""``tradematrix backup`` and ``restore``: a database as a file, and back in another one, row for row."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, create_engine, make_url, text

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.postgres.clients import for_client
from tradematrix_pipelines.postgres.embedded import ServerLease
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.tables import metadata


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=environment)


def url_of(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


def contents(engine: Engine) -> dict[str, str | None]:
    """A hash of all rows of each table."""
    with engine.connect() as connection:
        return {
            name: connection.execute(
                text(f"SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM {name} AS t")
            ).scalar_one()
            for name in metadata.tables
        }


@pytest.fixture(scope="module")
def market(module_installation: Callable[..., Settings]) -> Settings:
    settings = module_installation()
    result = run("backfill", "DAX", "--from", "2026-11-18", "--to", "2026-11-20")
    assert result.exit_code == 0, result.output
    return settings


@pytest.fixture(scope="module")
def saved(market: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backups") / "monday"
    result = run("backup", "--to", str(path), "--with-dagster", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert {row["database"]: row["bytes"] for row in rows} == {
        name: (path / f"{name}.dump").stat().st_size for name in ("market", "dagster")
    }
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in path.iterdir()} == {
        "market.dump": "0o600", "dagster.dump": "0o600",
    }  # fmt: skip
    return path


@pytest.fixture
def empty(postgres: ServerLease, market: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the environment that of an installation without a table; return the URL of its database."""
    url = postgres.url(f"restored_{uuid4().hex[:12]}").render_as_string(hide_password=False)
    monkeypatch.setenv("TRADEMATRIX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", url)
    return url


def test_a_restored_database_equals_the_one_that_was_saved(market: Settings, saved: Path, empty: str) -> None:
    result = run("restore", "--from", str(saved), "--with-dagster", "--json")
    assert result.exit_code == 0, result.output
    restored, original = create_engine(make_url(empty)), create_engine(make_url(url_of(market)))
    try:
        assert contents(restored) == contents(original)
        with restored.connect() as connection:
            counts = {row["table"]: row["rows"] for row in json.loads(result.stdout)}
            assert counts["ohlc"] == connection.execute(text("SELECT count(*) FROM ohlc")).scalar_one() > 0
            connection.execute(text("SET ROLE tradematrix_reader"))
            for view in ("api.candles", "legacy.ohlc"):
                assert connection.execute(text(f"SELECT count(*) FROM {view}")).scalar_one() == counts["ohlc"]
    finally:
        restored.dispose()
        original.dispose()
    compared = run("compare", "--with", url_of(market), "--json")
    assert compared.exit_code == 0, compared.output
    assert {row["timeframe"] for row in json.loads(compared.stdout)} == {"1m", "5m", "15m", "1h", "1d", "levels"}
    with open_instance(load_settings()) as instance:
        assert len(instance.get_materialized_partitions(dg.AssetKey("ohlc_1m"))) == 3


def test_a_database_with_tables_is_not_restored_into(market: Settings, saved: Path) -> None:
    result = run("restore", "--from", str(saved))
    assert result.exit_code == 2
    assert "has tables: restore into a new one, named by TRADEMATRIX_DATABASE_URL" in result.output


def test_a_file_without_its_end_leaves_the_database_empty(saved: Path, empty: str) -> None:
    cut = saved.parent / "cut"
    cut.mkdir()
    # The tables are made before the rows that are not there.
    (cut / "market.dump").write_bytes((saved / "market.dump").read_bytes()[:-2000])
    result = run("restore", "--from", str(cut))
    assert result.exit_code == 1
    assert result.output.startswith("Error: pg_restore: error: ")
    assert len(result.output.strip().splitlines()) == 1
    engine = create_engine(make_url(empty))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT to_regclass('ohlc') IS NULL")).scalar_one()
    engine.dispose()
    assert run("restore", "--from", str(saved)).exit_code == 0


def test_a_folder_without_a_backup_is_named(saved: Path, empty: str) -> None:
    result = run("restore", "--from", str(saved.parent / "elsewhere"))
    assert result.exit_code == 2
    assert "market.dump: name the folder that `tradematrix backup` filled" in result.output


def test_a_backup_that_fails_leaves_the_one_before(
    market: Settings, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (saved / "market.dump").read_bytes()
    # A client that may not read: the dump fails after the connection is made.
    monkeypatch.setenv("PGOPTIONS", "-c role=tradematrix_reader")
    result = run("backup", "--to", str(saved))
    assert result.exit_code == 1
    assert "permission denied" in result.output
    assert sorted(file.name for file in saved.iterdir()) == ["dagster.dump", "market.dump"]
    assert (saved / "market.dump").read_bytes() == before


@pytest.mark.parametrize("url", ["postgresql://me:hidden@host:5433/x", "postgresql://me@host:5433/x?password=hidden"])
def test_a_password_is_no_argument(url: str) -> None:
    bare, environment = for_client(make_url(url), {"LANG": "C"})
    assert bare == "postgresql://me@host:5433/x"
    assert environment == {"LANG": "C", "PGPASSWORD": "hidden"}
