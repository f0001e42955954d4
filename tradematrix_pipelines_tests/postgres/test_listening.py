"""The embedded server on loopback: with a password, only while a process wants it, and never by chance."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from sqlalchemy import create_engine

from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.postgres.cluster import SUPERUSER
from tradematrix_pipelines.postgres.embedded import lease_server
from tradematrix_pipelines.postgres.listening import listen_on, tcp_password, tcp_port_of
from tradematrix_pipelines.storage.api import let_log_in
from tradematrix_pipelines_tests.stack import free_port

KILLED = """
import os, signal, sys
from pathlib import Path
from tradematrix_pipelines.postgres.listening import listen_on
with listen_on(Path(sys.argv[1]), 5433):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "home"


def test_it_asks_for_a_password_on_loopback_and_not_on_its_socket(home: Path) -> None:
    port = free_port()
    with listen_on(home, port), lease_server(home) as lease:
        assert tcp_port_of(home) == port
        url = lease.url("postgres")
        engine = create_engine(url.set(drivername="postgresql+psycopg"))
        let_log_in(engine, SUPERUSER, password=tcp_password(home))
        engine.dispose()
        where = f"127.0.0.1:{port}/postgres"
        with psycopg.connect(f"postgresql://{SUPERUSER}:{tcp_password(home)}@{where}") as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        for wrong in ("", ":wrong"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(f"postgresql://{SUPERUSER}{wrong}@{where}")
        log = (home / "postgres" / "server.log").read_text()
        assert tcp_password(home) not in log
        with pytest.raises(UsageError, match="listens already"), listen_on(home, port):
            pass
    assert (home / "tcp-password").stat().st_mode & 0o777 == 0o600
    assert tcp_port_of(home) is None
    with lease_server(home) as lease:
        assert lease.url("postgres").query["port"] == "5432"
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port))


def test_a_server_that_runs_without_the_port_is_not_restarted(home: Path) -> None:
    says = r"runs already, without port \d+: end the programs that read"
    with lease_server(home), listen_on(home, free_port()), pytest.raises(TradeMatrixError, match=says):
        lease_server(home)


def test_a_port_that_is_taken_is_named(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with listen_on(home, taken.getsockname()[1]), pytest.raises(TradeMatrixError, match="could not create any TCP"):
            lease_server(home)
    with lease_server(home):
        pass


def test_nobody_listens_for_a_killed_process(home: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(home)], check=False)
    assert (home / "tcp-port").read_text() == "5433"
    assert tcp_port_of(home) is None
