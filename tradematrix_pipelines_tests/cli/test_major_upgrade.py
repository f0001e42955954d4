"""Another major version of PostgreSQL: its files are refused and stay; the way of docs/how-to/upgrade.md moves them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import Result
from sqlalchemy import make_url, text

from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.postgres import programs
from tradematrix_pipelines.postgres.embedded import lease_server
from tradematrix_pipelines.postgres.programs import open_to_system_user, run
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.contents import count_rows
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines_tests.cli.conftest import invoke

pytestmark = pytest.mark.system

OTHER = Path("/usr/lib/postgresql/15/bin")
"""Debian's PostgreSQL 15."""

needs_other = pytest.mark.skipif(not OTHER.is_dir(), reason="no PostgreSQL 15 is installed")


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that the system user may enter, whatever pytest's own is."""
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def other_version(data: Path) -> Iterator[Callable[..., None]]:
    """PostgreSQL 15's programs in the place of the embedded ones, on a data folder that they create."""

    def call(program: str, *arguments: str) -> None:
        done = run(program, *arguments, "-D", str(data))
        assert done.returncode == 0, done.stderr

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(programs, "bin_dir", lambda: OTHER)
        yield call


def make(data: Path) -> None:
    data.mkdir(parents=True)
    open_to_system_user(data)
    with other_version(data) as call:
        call("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync")


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@needs_other
def test_files_of_another_version_are_refused_and_stay(home: Path) -> None:
    data = home / "postgres"
    make(data)
    before = files(data)
    with pytest.raises(
        TradeMatrixError, match=r"was made by PostgreSQL 15, which 18 can.t open, and is unchanged: write"
    ):
        lease_server(home)
    assert files(data) == before


def test_a_version_that_is_not_installed_is_refused_too(home: Path) -> None:
    (home / "postgres").mkdir()
    (home / "postgres" / "PG_VERSION").write_text("19\n")
    with pytest.raises(TradeMatrixError, match=r"made by PostgreSQL 19, which 18 can.t open"):
        lease_server(home)
    assert [path.name for path in (home / "postgres").iterdir()] == ["PG_VERSION"]


@needs_other
def test_what_another_version_serves_is_backed_up_and_restored(
    home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data, target = home / "postgres", settings.database_url
    make(data)
    monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", f"postgresql://postgres@/tradematrix?host={data}&port=5499")
    with other_version(data) as call:
        call(
            "pg_ctl",
            "start",
            "-w",
            "-l",
            str(data / "log"),
            "-o",
            f'-p 5499 -c fsync=off -c listen_addresses="" -k {data}',
        )
    try:
        done = typed("backfill", "DAX", "--from", "2026-11-20", "--timeframe", "1d", "--json")
        assert json.loads(done.stdout)[0]["complete"] == 1
        stored = contents()
        typed("backup", "--to", str(tmp_path), "--with-dagster")
    finally:
        with other_version(data) as call:
            call("pg_ctl", "stop", "-m", "immediate")
    assert stored["version"].startswith("15.")
    assert target is not None
    url = make_url(target.get_secret_value())
    empty = url.set(database=f"{url.database}_new").render_as_string(hide_password=False)
    monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", empty)
    typed("restore", "--from", str(tmp_path), "--with-dagster")
    restored = contents()
    assert restored.pop("version").startswith("18.")
    del stored["version"]
    for name, value in stored.items():
        assert restored[name] == value, name


def typed(*arguments: str) -> Result:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result


def contents() -> dict[str, str]:
    with Database.open(load_settings()) as database, database.engine.connect() as connection:
        version = str(connection.execute(text("SHOW server_version")).scalar_one())
        candles = connection.execute(text("SELECT ohlc::text FROM ohlc ORDER BY symbol_id, timeframe, ts")).all()
        levels = connection.execute(
            text("SELECT levels_daily::text FROM levels_daily ORDER BY trade_date, symbol_id")
        ).all()
        return {
            "version": version,
            "rows": str(count_rows(database.engine)),
            "candles": str(candles),
            "levels": str(levels),
        }
