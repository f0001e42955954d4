"""The embedded server runs as long as a process has a lease, and survives whatever is killed around it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types
import psycopg
import pytest

from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.postgres.embedded import ServerLease, lease_server
from tradematrix_pipelines.postgres.home_lock import is_held
from tradematrix_pipelines.postgres.programs import bin_dir, run
from tradematrix_pipelines.processes import has_ended
from tradematrix_pipelines_tests.stack import wait_for

pytestmark = pytest.mark.system

HOLDER = """
import sys
from pathlib import Path
from tradematrix_pipelines.postgres.embedded import lease_server
lease = lease_server(Path(sys.argv[1]))
print(lease.url("postgres").render_as_string(), flush=True)
"""
WAITING = HOLDER + "sys.stdin.read()\n"
FORKING = (
    HOLDER
    + """
import os, psycopg
child = os.fork()
if child == 0:
    lease.release()
    sys.exit(0)  # runs the exit handlers, the parent's among them
assert os.waitpid(child, 0)[1] == 0
with psycopg.connect(lease.url("postgres").render_as_string()) as connection:
    print(connection.execute("select 42").fetchone()[0], flush=True)
"""
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that the tests of this module share, one after the other. Its name has a space and a comma."""
    return tmp_path_factory.mktemp("embedded") / "my home, sweet"


@contextmanager
def holder(home: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lease until its stdin closes."""
    command = [sys.executable, "-W", "error", "-c", WAITING, str(home)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **environment}) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql://")
        yield process


def query(lease: ServerLease, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(lease.url("postgres").render_as_string(), autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def server_pid(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def socket_dir(home: Path) -> Path:
    return Path((home / "postgres" / "postmaster.pid").read_text().splitlines()[4])


def watchers(home: Path) -> list[psutil.Process]:
    """The processes that watch the server of a home."""
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            if "tradematrix_pipelines.postgres.watcher" in command and command[-1] == str(home):
                processes.append(process)
    return processes


def kill(pid: int) -> None:
    """Kill a process that is no child of ours, and wait until it is dead."""
    process = psutil.Process(pid)
    process.kill()
    with suppress(psutil.NoSuchProcess):
        while not has_ended(process):  # without a parent that waits for it, it stays a zombie
            time.sleep(0.005)


def runs(home: Path) -> bool:
    """Whether a server answers, by asking PostgreSQL's own tool rather than ours."""
    if not (home / "postgres" / "postmaster.pid").exists():
        return False
    asked = subprocess.run([bin_dir() / "pg_isready", "-q", "-h", socket_dir(home), "-p", "5432"], check=False)
    return asked.returncode == 0


def test_the_server_is_durable_local_and_roomy(home: Path) -> None:
    with lease_server(home) as lease:
        names = ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "max_connections", "TimeZone")
        settings = {name: query(lease, f"show {name}")[0][0] for name in names}
        mode = (socket_dir(home) / ".s.PGSQL.5432").stat().st_mode & 0o777
    assert settings == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "max_connections": "200",
        "TimeZone": "UTC",
    }
    assert mode == 0o700


def test_psql_of_the_lease_reaches_it(home: Path) -> None:
    with lease_server(home) as lease:
        url = lease.url("postgres").render_as_string()
        output = subprocess.check_output([lease.bin_dir / "psql", url, "-Atc", "select 6 * 7"], text=True)
    assert output == "42\n"


def test_leases_of_one_process_share_the_server_and_the_last_stops_it(home: Path) -> None:
    first, second = lease_server(home), lease_server(home)
    first.release()
    first.release()
    assert runs(home)
    second.release()
    assert not runs(home)


def test_the_server_outlives_one_process_while_another_holds_it(home: Path) -> None:
    with holder(home) as other:
        with lease_server(home):
            pid = server_pid(home)
        assert runs(home)
        other.communicate()
    assert not runs(home)
    with pytest.raises(FileNotFoundError):
        server_pid(home)
    assert pid > 0


def test_a_server_whose_only_holder_is_killed_stops_by_itself(home: Path) -> None:
    with holder(home) as other:
        other.kill()
        other.wait()
    wait_for("the server's end", lambda: not runs(home), seconds=20)
    wait_for("the end of its watcher", lambda: not is_held(home / "watch"), seconds=20)
    assert not is_held(home / "lease")


def test_a_killed_process_takes_no_server_from_another(home: Path) -> None:
    with lease_server(home) as lease:
        with holder(home) as other:
            other.kill()
            other.wait()
        time.sleep(2.5)  # the watcher looks every second
        assert query(lease, "select 1") == [(1,)]
    assert not runs(home)


def test_a_killed_watcher_is_replaced_by_the_next_lease(home: Path) -> None:
    with holder(home) as other:
        [watcher] = watchers(home)
        kill(watcher.pid)
        assert not is_held(home / "watch")
        with lease_server(home):
            assert [process.pid for process in watchers(home)] != [watcher.pid]
        other.kill()
        other.wait()
    wait_for("the server's end", lambda: not runs(home), seconds=20)


def test_a_home_that_is_gone_is_not_made_again_by_its_watcher(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with holder(home) as other:
        [watcher] = watchers(home)
        other.communicate()
    shutil.rmtree(home)
    wait_for("the watcher's end", lambda: not psutil.pid_exists(watcher.pid) or not watchers(home), seconds=20)
    assert not home.exists()


def test_a_killed_server_is_started_by_the_next_lease_with_all_its_data(home: Path) -> None:
    with lease_server(home) as lease:
        query(lease, "create table survivors as select generate_series(1, 1000) as n")
        kill(server_pid(home))
        with lease_server(home) as again:
            assert again.url("postgres") == lease.url("postgres")  # other holders' URLs stay good
            assert query(again, "select count(*), sum(n) from survivors") == [(1000, 500500)]
    assert not runs(home)


def test_a_pid_file_whose_pid_is_somebody_elses_now_is_no_server(home: Path) -> None:
    with lease_server(home):
        lines = (home / "postgres" / "postmaster.pid").read_text().splitlines()
    # Another process of the same user: PostgreSQL itself ignores processes of other users.
    data, sockets = home / "postgres", Path(lines[4])
    with subprocess.Popen(["sleep", "60"], user=data.stat().st_uid) as stranger:
        try:
            sockets.mkdir(mode=0o700)
            os.chown(sockets, data.stat().st_uid, -1)
            for file in (data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
                file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
            with lease_server(home) as lease:
                assert query(lease, "select 1") == [(1,)]
                assert socket_dir(home) == sockets
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_server_in_recovery_is_waited_for(home: Path) -> None:
    with lease_server(home):
        pass
    data = home / "postgres"
    owner, conf = data.stat().st_uid, data / "postgresql.auto.conf"
    good = conf.read_text()
    conf.write_text("restore_command = 'sleep 0.2; false'\nhot_standby = off\nlisten_addresses = ''\n")
    (data / "recovery.signal").touch()
    os.chown(data / "recovery.signal", owner, -1)
    # Started without waiting for it.
    started = run("pg_ctl", "start", "-W", "-l", str(data / "server.log"), "-D", str(data), "-o", "-k /tmp")
    assert started.returncode == 0, started.stderr
    while not (data / "postmaster.pid").exists():
        time.sleep(0.005)
    try:
        assert not runs(home)
        with lease_server(home) as lease:
            assert query(lease, "select pg_is_in_recovery()") == [(False,)]
    finally:
        conf.write_text(good)


def test_a_forked_child_gives_nothing_back(home: Path) -> None:
    command = [sys.executable, "-c", FORKING, str(home)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output.splitlines()[-1] == "42"
    assert not runs(home)


def test_a_hard_start_says_why_in_one_line(home: Path) -> None:
    with lease_server(home):
        pass
    conf = home / "postgres" / "postgresql.auto.conf"
    good = conf.read_text()
    try:
        conf.write_text("wal_level = sideways\n")
        with pytest.raises(
            TradeMatrixError, match=r"doesn't start: FATAL: .*configuration file.*server\.log"
        ) as caught:
            lease_server(home)
    finally:
        conf.write_text(good)
    assert "\n" not in str(caught.value)
    with lease_server(home) as lease:
        assert query(lease, "show wal_level") == [("replica",)]


def test_a_home_that_cannot_be_written_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TradeMatrixError, match=r"Not a directory.*TRADEMATRIX_HOME.*TRADEMATRIX_DATABASE_URL"):
        lease_server(tmp_path / "file" / "home")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "letters.txt").write_text("dear diary")
    with pytest.raises(TradeMatrixError, match="not empty"):
        lease_server(tmp_path)
    assert [path.name for path in (tmp_path / "postgres").iterdir()] == ["letters.txt"]
    assert not list(tmp_path.glob("postgres.new-*"))


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, 5_000_000))\n"
    command = [sys.executable, "-c", limited + HOLDER, str(tmp_path)]
    output = subprocess.run(command, check=False, capture_output=True, text=True).stderr.splitlines()[-1]
    assert "ServerFault: can't create the embedded database" in output
    assert output.endswith("File too large")  # the nearest to a full disk that anyone can have
    assert not list(tmp_path.glob("postgres*"))


def test_an_initdb_killed_in_the_middle_is_done_again(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING, str(tmp_path)], start_new_session=True) as starter:
        while not list(tmp_path.glob("postgres.new-*/PG_VERSION")):
            assert starter.poll() is None
            time.sleep(0.005)
        os.killpg(starter.pid, signal.SIGKILL)
    assert not (tmp_path / "postgres").exists()
    with lease_server(tmp_path) as lease:
        assert query(lease, "select 1") == [(1,)]
    assert not list(tmp_path.glob("postgres.new-*"))


def test_a_long_home_and_a_strange_environment_do_no_harm(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    strange = {"LANG": "xx_YY", "LC_ALL": "xx_YY", "PGPORT": "9", "PGDATA": "elsewhere", "PGHOST": "nowhere.invalid"}
    with holder(home, **strange, TWELVE_DATA_API_KEY="secret") as other:
        sockets = socket_dir(home)
        with lease_server(home) as lease:
            assert query(lease, "show server_encoding") == [("UTF8",)]
        servers_own = psutil.Process(server_pid(home)).environ()
        other.communicate()
    assert not sockets.exists()
    assert not (strange.keys() - {"LC_ALL", "PGDATA"} | {"TWELVE_DATA_API_KEY"}) & servers_own.keys()


@pytest.mark.parametrize("gone", ["folder", "socket"])
def test_a_socket_that_was_cleaned_away_is_made_again_where_it_was(home: Path, gone: str) -> None:
    with lease_server(home) as lease:
        query(lease, "create table if not exists kept (n int)")
        sockets = socket_dir(home)
        assert sockets != home / "postgres"
        if gone == "folder":
            shutil.rmtree(sockets)
        else:
            (sockets / ".s.PGSQL.5432").unlink()
        with lease_server(home):
            assert query(lease, "select count(*) from kept") == [(0,)], "the URL that was handed out is valid again"
            assert sockets.stat().st_mode & 0o777 == 0o700
    assert not runs(home)
    assert not sockets.exists()


def test_somebody_elses_folder_in_the_sockets_place_is_not_used(home: Path) -> None:
    with lease_server(home):
        sockets = socket_dir(home)
        shutil.rmtree(sockets)
        sockets.mkdir(mode=0o755)
        (sockets / "theirs").touch()
        try:
            with lease_server(home) as again:
                assert query(again, "select 1") == [(1,)]
                assert socket_dir(home) != sockets
                assert [path.name for path in sockets.iterdir()] == ["theirs"]
        finally:
            shutil.rmtree(sockets)


@pytest.mark.parametrize(
    "name", ['say "hello"', "a $HOME of `id`", "it's", "back\\slash; exit 1", "Zürich 東京", "100% & more", "-D x"]
)
def test_a_home_may_have_any_name(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    with lease_server(home) as lease:
        assert query(lease, "select 1") == [(1,)]
        assert (home / "postgres" / "server.log").exists()
    assert not runs(home)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_many_processes_at_once_make_one_server(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(5)]
    outcomes = [(process.communicate(timeout=60), process.returncode) for process in processes]
    assert [code for _, code in outcomes] == [0] * 5
    assert len({out for (out, _), _ in outcomes}) == 1
    assert not any(err for (_, err), _ in outcomes)
    assert not runs(tmp_path)
