"""What all tests share: the real market data, and a real Postgres with fresh databases for each test."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from sqlalchemy import make_url

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.postgres.embedded import ServerLease, lease_server
from tradematrix_pipelines.postgres.programs import open_to_system_user, run
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.database import Database

pytest_plugins = ["tradematrix_pipelines_tests.scheduling", "tradematrix_pipelines_tests.vendor_fixtures"]

# A loaded machine is slow, not wrong.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")
# For ``make mutants``: the same examples each time, and a failure is enough: nobody reads the smallest one.
hypothesis.settings.register_profile(
    "mutants",
    derandomize=True,
    deadline=None,
    database=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)

_REPOSITORY = Path(__file__).parents[1]
_DAGSTER, _MARKET = "template_dagster", "template_market"
NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
"""A Friday evening after every close, where a test's clock stands unless it says otherwise."""


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that take a PostgreSQL server, directly or through another fixture."""
    for item in items:
        if {"postgres", "tcp_postgres"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.postgres)


@pytest.fixture(scope="session", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep out of the reach of a developer's ``.env``."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    yield
    os.chdir(before)


@pytest.fixture(scope="session", autouse=True)
def hangups_count() -> Iterator[None]:
    """Give children the default for SIGHUP, also where the tests run under ``nohup``, which children would inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real market data, published pivots and recorded answers; it is not part of the project."""
    folder = Path(os.environ.get("TRADEMATRIX_TEST_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real market data in {folder}: set TRADEMATRIX_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[ServerLease]:
    """An embedded server for the whole run of this worker: of its own, or in the home in TRADEMATRIX_TEST_SERVER."""
    kept = os.environ.get("TRADEMATRIX_TEST_SERVER")
    # Not in pytest's own folder: it closes that to other users, and the server of a root user runs as one of them.
    with (
        nullcontext(kept) if kept else TemporaryDirectory(prefix="tradematrix-") as home,
        lease_server(Path(home)) as lease,
    ):
        with _admin(lease) as connection:
            # A crash of the machine loses no more than this run of the tests.
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(f"ALTER SYSTEM SET {name} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield lease


def _admin(lease: ServerLease) -> "psycopg.Connection[tuple[object, ...]]":
    url = lease.url("postgres").set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


@cache
def _make_templates(lease: ServerLease) -> None:
    """Let Dagster make its tables once, and the migrations theirs; a copy takes a tenth of the time."""
    with TemporaryDirectory(prefix="tradematrix-") as home, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv(
            "TRADEMATRIX_DAGSTER_DATABASE_URL", lease.url(_DAGSTER).render_as_string(hide_password=False)
        )
        monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", lease.url(_MARKET).render_as_string(hide_password=False))
        monkeypatch.setenv("TRADEMATRIX_HOME", home)
        monkeypatch.setenv("TRADEMATRIX_CLOCK", NOW.isoformat())
        with open_instance(load_settings()), Database.open(load_settings()):
            pass


@pytest.fixture(scope="session")
def tcp_postgres() -> Iterator[str]:
    """``host:port`` of a server on TCP that asks for passwords, with users ``maker`` and ``guest``."""
    with TemporaryDirectory(prefix="tradematrix-") as folder:
        data, password = Path(folder) / "data", Path(folder) / "password"
        data.mkdir()
        open_to_system_user(data)
        password.write_text("root-pw")
        creation = ("--auth=scram-sha-256", f"--pwfile={password}", "--username=postgres", "--no-sync")  # SQL_ASCII
        assert run("initdb", *creation, "-D", str(data)).returncode == 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = ("-w", "-l", str(data / "log"), "-o", f'-h 127.0.0.1 -p {port} -k "" -c fsync=off')
        assert run("pg_ctl", "start", *options, "-D", str(data)).returncode == 0
        try:
            with psycopg.connect(f"postgresql://postgres:root-pw@127.0.0.1:{port}/postgres", autocommit=True) as admin:
                admin.execute("CREATE ROLE maker LOGIN CREATEDB PASSWORD 'p@ss/word'")
                admin.execute("CREATE ROLE guest LOGIN PASSWORD 'guest-pw'")
                admin.execute("CREATE DATABASE lobby")
            yield f"127.0.0.1:{port}"
        finally:
            run("pg_ctl", "stop", "-m", "immediate", "-D", str(data))


def install(
    postgres: ServerLease,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    like: Settings | None = None,
    **environment: str,
) -> Settings:
    """Make this process's environment that of an installation of its own, and return its settings.

    Two fresh databases, or copies of those of ``like``, which nobody has open; an empty home, the clock at NOW;
    ``environment`` adds to it.
    """
    _make_templates(postgres)
    for name in [name for name in os.environ if name.startswith(("TRADEMATRIX_", "DAGSTER_", "TWELVE_DATA_"))]:
        monkeypatch.delenv(name)
    name = f"market_{uuid4().hex[:12]}"
    with _admin(postgres) as connection:
        template = _DAGSTER if like is None else f"{_name(like)}_dagster"
        connection.execute(f"CREATE DATABASE {name}_dagster TEMPLATE {template} STRATEGY file_copy")
        if like is not None:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {_name(like)} STRATEGY file_copy")
    url = postgres.url(name)
    own = {
        "TRADEMATRIX_HOME": str(home),
        "TRADEMATRIX_DATABASE_URL": url.render_as_string(hide_password=False),
        "TRADEMATRIX_CLOCK": NOW.isoformat(),
    }
    for name, value in (own | environment).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def _name(settings: Settings) -> str:
    """Return the name of an installation's market database."""
    assert settings.database_url is not None
    return str(make_url(settings.database_url.get_secret_value()).database)


@pytest.fixture
def settings(
    request: pytest.FixtureRequest, postgres: ServerLease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """The settings of an installation of the test's own: a copy of its module's ``prepared`` where it takes that."""
    like = request.getfixturevalue("prepared") if "prepared" in request.fixturenames else None
    return install(postgres, tmp_path / "home", monkeypatch, like=like)


@pytest.fixture(scope="module")
def preparing(
    postgres: ServerLease, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractContextManager[tuple[Settings, pytest.MonkeyPatch]]]:
    """Makes the installation that a module's fixture ``prepared`` fills once and closes; tests take copies of it."""

    @contextmanager
    def prepare() -> Iterator[tuple[Settings, pytest.MonkeyPatch]]:
        with pytest.MonkeyPatch.context() as monkeypatch:
            yield install(postgres, tmp_path_factory.mktemp("prepared") / "home", monkeypatch), monkeypatch

    return prepare


@pytest.fixture(scope="module")
def module_installation(
    postgres: ServerLease, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Settings]]:
    """Makes an installation that the tests of a module share: call it once with what it adds to the environment."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        home = tmp_path_factory.mktemp("installation") / "home"
        yield lambda **environment: install(postgres, home, monkeypatch, **environment)


@pytest.fixture
def database(settings: Settings, postgres: ServerLease) -> Iterator[Database]:
    """That installation's market database, open, with the default symbols."""
    # Another fixture may have opened it before.
    with _admin(postgres) as connection, suppress(psycopg.errors.DuplicateDatabase):
        connection.execute(f"CREATE DATABASE {_name(settings)} TEMPLATE {_MARKET} STRATEGY file_copy")
    with Database.open(settings) as opened:
        yield opened


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a measured time, which is what docs/reference/outages.md has."""

    def line(measured: str) -> None:
        with capsys.disabled():
            print(f"\n{measured}")  # noqa: T201 - a measurement

    return line
