"""Who may do what: roles in Postgres, TLS to it, a proxy with a password, names of the web UI, closed folders."""

import asyncio
import os
import pwd
import re
import shutil
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import httpx
import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import sql
from sqlalchemy import text
from starlette.responses import PlainTextResponse

from tradematrix_pipelines.board.app import make_app
from tradematrix_pipelines.board.server import running
from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.webserver import OwnNames
from tradematrix_pipelines.folders import private_folder
from tradematrix_pipelines.postgres.programs import run
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines_tests.stack import free_port, wait_for

pytestmark = pytest.mark.system

DEPLOY = Path(__file__).parents[2] / "deploy"
ROLES = ("tradematrix_migrate", "tradematrix_write", "tradematrix_read")
DAY = ("--from", "2026-11-20", "--to", "2026-11-20")


class Server:
    """Two databases of the test's own, with the roles of deploy/roles.sql."""

    def __init__(self, address: str) -> None:
        self.address, self.market = address, f"roles_{uuid4().hex[:8]}"
        self.root = f"postgresql://postgres:root-pw@{address}"

    def make_roles(self) -> None:
        page = (DEPLOY.parent / "docs" / "how-to" / "run-on-a-server.md").read_text()
        [shown] = re.findall(r"^psql (.+) postgres$", page, re.MULTILINE)
        terms = shown.replace("tradematrix", self.market).replace("deploy/", f"{DEPLOY}/").split()
        done = run("psql", "-q", *terms, f"{self.root}/postgres")
        assert done.returncode == 0, done.stderr
        for role in ROLES:
            self.admin("ALTER ROLE {} PASSWORD 'pw'", role)

    def admin(self, statement: str, *names: str, database: str = "postgres") -> None:
        with psycopg.connect(f"{self.root}/{database}", autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]  # the tests' own

    def tradematrix(self, role: str, *arguments: str, home: Path, query: str = "") -> Result:
        environment = {
            "TRADEMATRIX_DATABASE_URL": f"postgresql://{role}:pw@{self.address}/{self.market}{query}",
            "TRADEMATRIX_HOME": str(home),
            "TRADEMATRIX_AUTO_MIGRATE": "0",
            "TRADEMATRIX_CLOCK": "2026-11-20T23:00:00Z",
        }
        return CliRunner().invoke(main, list(arguments), env=environment)


@pytest.fixture
def server(tcp_postgres: str) -> Iterator[Server]:
    made = Server(tcp_postgres)
    yield made
    for name in (made.market, f"{made.market}_dagster"):
        made.admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    for role in (*ROLES, "tradematrix_reader"):
        made.admin("DROP ROLE IF EXISTS {}", role)


def test_each_role_may_do_its_own_and_no_more(server: Server, tmp_path: Path) -> None:
    server.make_roles()
    server.make_roles()  # as often as one likes
    refused = server.tradematrix("tradematrix_write", "migrate", home=tmp_path)
    assert (refused.exit_code, "permission denied for schema public" in refused.output) == (1, True), refused.output
    migrated = server.tradematrix("tradematrix_migrate", "migrate", home=tmp_path)
    assert migrated.exit_code == 0, migrated.output
    stored = server.tradematrix("tradematrix_write", "backfill", "DAX", *DAY, home=tmp_path)
    assert stored.exit_code == 0, stored.output
    again = server.tradematrix("tradematrix_write", "backfill", "DAX", *DAY, "--refresh", home=tmp_path)
    assert again.exit_code == 0, again.output
    read = server.tradematrix("tradematrix_read", "candles", "DAX", "--timeframe", "1d", "--json", home=tmp_path)
    assert (read.exit_code, "2026-11-20" in read.output) == (0, True), read.output
    added = server.tradematrix("tradematrix_read", "symbols", "deactivate", "DAX", home=tmp_path)
    assert (added.exit_code, "read-only" in added.output or "denied" in added.output) == (1, True), added.output
    writer = f"postgresql://tradematrix_write:pw@{server.address}/{server.market}"
    with psycopg.connect(writer, autocommit=True) as connection:
        for statement in ("DROP TABLE ohlc", "CREATE TABLE t ()", "TRUNCATE ohlc", "ALTER TABLE ohlc ADD c int"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[arg-type]  # the tests' own
    reader = f"postgresql://tradematrix_read:pw@{server.address}/{server.market}"
    with psycopg.connect(f"{reader}?options=-cdefault_transaction_read_only%3Doff", autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM session_coverage").fetchone() == (5,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM ohlc")
    stranger = f"postgresql://guest:guest-pw@{server.address}/{server.market}"
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(stranger)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that vouches for itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not there: it makes the certificate")
    pem, key = tmp_path / "server.pem", tmp_path / "server.key"
    named = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:board.example.com")
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", pem, *named)
    subprocess.run([openssl, *made], check=True, capture_output=True)
    return pem, key


@pytest.fixture
def tls_server(certificate: tuple[Path, Path]) -> Iterator[str]:
    """``host:port`` of a server that takes no connection without TLS. The bundled PostgreSQL is built without it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found and "CI" in os.environ:
        pytest.fail("there is no PostgreSQL with TLS: .ci/run installs it")
    if not found:
        pytest.skip("there is no PostgreSQL with TLS: apt-get install postgresql")
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.getuid())
    with TemporaryDirectory(prefix="tradematrix-") as folder:
        data, port = Path(folder) / "data", free_port()
        os.chown(folder, account.pw_uid, account.pw_gid)

        def call(program: str, *arguments: str) -> None:
            command = [found[-1] / program, *arguments]
            quiet = subprocess.DEVNULL
            subprocess.run(command, user=account.pw_uid, group=account.pw_gid, cwd=folder, stdout=quiet, check=True)

        password = Path(folder) / "password"
        password.write_text("root-pw")
        call("initdb", "--auth=scram-sha-256", f"--pwfile={password}", "--username=postgres", "--no-sync", f"-D{data}")
        for source, name in zip(certificate, ("server.crt", "server.key"), strict=True):
            copy = Path(shutil.copy(source, data / name))
            copy.chmod(0o600)
            os.chown(copy, account.pw_uid, account.pw_gid)
        (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c ssl=on -c fsync=off"
        call("pg_ctl", "start", "-w", f"-D{data}", f"-l{folder}/log", "-o", options)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            call("pg_ctl", "stop", "-m", "immediate", f"-D{data}")


def test_every_connection_is_encrypted_where_the_url_asks_for_it(
    tls_server: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def name(query: str) -> None:
        monkeypatch.setenv("TRADEMATRIX_DATABASE_URL", f"postgresql://postgres:root-pw@{tls_server}/market{query}")

    monkeypatch.setenv("TRADEMATRIX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRADEMATRIX_CLOCK", "2026-11-20T23:00:00Z")
    name(f"?sslmode=verify-full&sslrootcert={certificate[0]}")
    with Database.open(load_settings()) as database, open_instance(load_settings()) as instance:
        encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        with database.engine.connect() as connection:
            assert connection.execute(text(encrypted)).scalar_one() is True
        with instance.event_log_storage.index_connection() as connection:
            assert connection.exec_driver_sql(encrypted).scalar_one() is True
    # The bulk reader is a driver of its own.
    assert CliRunner().invoke(main, ["candles", "DAX", "--json"]).exit_code == 0
    other = tmp_path / "other.pem"
    other.write_text(certificate[0].read_text().replace("MII", "MIJ", 1))
    for query in ("?sslmode=disable", f"?sslmode=verify-full&sslrootcert={other}"):
        name(query)
        refused = CliRunner().invoke(main, ["symbols", "list"])
        assert (refused.exit_code, refused.output.count("\n")) == (1, 1), refused.output
        assert "can't use database 'market'" in refused.output
        assert "root-pw" not in refused.output


def test_a_proxy_asks_for_a_password_and_answers_to_its_names_alone(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    nginx = shutil.which("nginx")
    if nginx is None and "CI" in os.environ:
        pytest.fail("nginx is not there: .ci/run installs it")
    if nginx is None:
        pytest.skip("nginx is not there: apt-get install nginx-light")
    port = free_port()
    # The password is "pass word", as `openssl passwd -apr1` writes it.
    written = subprocess.check_output(["openssl", "passwd", "-apr1", "pass word"], text=True)
    (tmp_path / "htpasswd").write_text(f"me:{written}")
    with running(make_app(load_settings({"TRADEMATRIX_HOME": str(tmp_path)}))) as board:
        site = (DEPLOY / "nginx" / "tradematrix.conf").read_text()
        for old, new in (
            ("/etc/nginx/tradematrix.pem", str(certificate[0])),
            ("/etc/nginx/tradematrix.key", str(certificate[1])),
            ("/etc/nginx/tradematrix.htpasswd", str(tmp_path / "htpasswd")),
            ("http://127.0.0.1:3001", board),
            ("listen 443", f"listen 127.0.0.1:{port}"),
        ):
            assert old in site
            site = site.replace(old, new)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{kind}_temp_path {tmp_path}; " for kind in kinds)
        user = "user root; " if os.geteuid() == 0 else ""
        (tmp_path / "nginx.conf").write_text(
            f"{user}daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
            f"http {{ access_log off; {paths}\n{site}\n}}"
        )
        with subprocess.Popen([nginx, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log"]) as proxy:
            try:
                trusted = ssl.create_default_context(cafile=certificate[0])
                with httpx.Client(verify=trusted, base_url=f"https://127.0.0.1:{port}", trust_env=False) as client:

                    def ask(name: str, **options: object) -> httpx.Response | None:
                        try:
                            return client.get("/healthz", headers={"Host": name}, **options)  # type: ignore[arg-type]
                        except httpx.TransportError:
                            return None

                    wait_for("nginx", lambda: ask("board.example.com"), seconds=20)
                    refused, let_in = ask("board.example.com"), ask("board.example.com", auth=("me", "pass word"))
                    assert refused is not None
                    assert refused.status_code == 401
                    assert let_in is not None
                    assert let_in.status_code == 200
                    wrong = ask("board.example.com", auth=("me", "password"))
                    assert wrong is not None
                    assert wrong.status_code == 401
                    assert ask("evil.example.com", auth=("me", "pass word")) is None, "no answer at all"
            finally:
                proxy.terminate()


@pytest.mark.parametrize(("named", "status"), [("127.0.0.1:3000", 200), ("Desk.example", 200), ("evil.example", 400)])
def test_the_web_ui_answers_to_its_own_names(named: str, status: int) -> None:
    app = OwnNames(PlainTextResponse("the UI"), host="127.0.0.1", names=("desk.example",))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://any") as client:
            return await client.get("/", headers={"Host": named})

    assert asyncio.run(ask()).status_code == status


def test_a_home_is_closed_whatever_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private_folder(tmp_path / "home" / "logs")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("home", "home/logs")]
    assert modes == [0o700, 0o700]
    tmp_path.chmod(0o755)
    private_folder(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755, "what is there is its owner's business"
