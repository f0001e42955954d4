"""What happens to a database in the middle of a backfill: it ends complete, by itself, when the database works again.

`up` runs on a server of the test's own, whose disk is as small as a file; its supervisor starts it again when it has
ended, as systemd would. docs/reference/outages.md has what was measured.
"""

import pwd
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from tradematrix_pipelines.cli.guard import Guard
from tradematrix_pipelines.postgres.programs import bin_dir, open_to_system_user, run
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines_tests.resilience.disks import Disk, disk
from tradematrix_pipelines_tests.stack import Ui, Vendor, environment, free_port, ui, vendor, wait_for
from tradematrix_pipelines_tests.stored import (
    STORED,
    Stored,
    asker,
    assert_sound,
    stored_in_peace,
    stored_of,
    three_weeks,
    weekdays,
)

pytestmark = pytest.mark.kills

SYMBOLS = ("DAX", "NDX", "EUR/USD")
PLAN = "6"
"""Credits a minute. A backfill may spend five of them, so that one of three weeks takes minutes."""

SECONDS = 60.0
"""How long a fault lasts."""


class Server:
    """A PostgreSQL server on a small disk, started again by its supervisor when it has ended."""

    def __init__(self, disk: Disk, guard: Guard, log: Path) -> None:
        self.disk, self.data, self.port = disk, disk.folder / "data", free_port()
        self._guard, self._log = guard, log
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def url(self, user: str, database: str = "tradematrix") -> str:
        """Return the URL of a database for a user, all of whom are trusted."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Make the data, and a user who is not a superuser."""
        self.data.mkdir(mode=0o700)
        open_to_system_user(self.data)
        options = ("max_connections=40", "max_wal_size=128MB", "min_wal_size=32MB", "shared_buffers=32MB")
        settings = [f"--set={option}" for option in options]
        done = run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", *settings, "-D", str(self.data))
        assert done.returncode == 0, done.stderr
        self.start()
        with psycopg.connect(self.url("postgres", "postgres"), autocommit=True) as admin:
            admin.execute("CREATE ROLE tradematrix LOGIN CREATEDB")

    def start(self) -> None:
        """Start it with its supervisor, and wait until it answers."""
        self._stopping.clear()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._supervisor.start()
        wait_for("the server", self.answers, seconds=180)

    def stop(self) -> None:
        """End it and its supervisor."""
        self._stopping.set()
        while self._supervisor.is_alive():
            # It may be about to start another.
            if self._process is not None:
                self._process.kill()
            self._supervisor.join(0.2)

    def restart(self) -> None:
        """Restart it as an administrator does, closing its connections."""
        done = run("pg_ctl", "stop", "-m", "fast", "-w", "-D", str(self.data))
        assert done.returncode == 0, done.stderr
        wait_for("the server", self.answers, seconds=60)

    def answers(self) -> bool:
        """Whether it takes connections."""
        with suppress(psycopg.Error), psycopg.connect(self.url("postgres", "postgres"), connect_timeout=3):
            return True
        return False

    def _supervise(self) -> None:
        user = pwd.getpwuid(self.data.stat().st_uid)
        options = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", f"port={self.port}")
        while not self._stopping.is_set():
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [bin_dir() / "postgres", "-D", str(self.data), *options],
                    env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
                    cwd="/",
                    user=user.pw_uid,
                    group=user.pw_gid,
                    extra_groups=(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    process_group=self._guard.group,
                )
            self._process.wait()
            self._stopping.wait(1)


@dataclass(kw_only=True)
class Installation:
    """``up`` with its database and its vendor."""

    server: Server
    simulator: Vendor
    web: Ui
    log: Path
    ask: Callable[..., tuple[Any, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.ask = asker(f"{self.server.url('tradematrix')}?connect_timeout=3")

    def stored(self, days: tuple[date, date]) -> int:
        """How many sessions of minutes are stored between these dates."""
        return int(self.ask(STORED, first=days[0], last=days[1])[0])

    def is_storing(self, days: tuple[date, date], *, more_than: int) -> bool:
        """Whether it can be asked, and more is stored than that."""
        assert self.web.process.poll() is None, self.log.read_text()
        with suppress(Exception):  # the server is down, or has no connection left
            return self.stored(days) > more_than
        return False


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True))
        home = Path(folder) / "home"
        home.mkdir()
        small = stack.enter_context(disk(800))
        guard = Guard()
        stack.callback(guard.end)
        server = Server(small, guard, home / "postgres.log")
        stack.callback(server.stop)
        server.create()
        simulator = stack.enter_context(vendor(home, "--plan", PLAN, "--fault", "slow=1"))
        env = environment(
            home,
            TRADEMATRIX_DATABASE_URL=server.url("tradematrix"),
            TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
            TWELVE_DATA_API_KEY="any",
            TWELVE_DATA_PLAN=PLAN,
        )
        web = stack.enter_context(ui(env, home))
        yield Installation(server=server, simulator=simulator, web=web, log=home / "up.log")


@pytest.fixture(scope="module")
def undisturbed(
    preparing: Callable[[], AbstractContextManager[tuple[Settings, pytest.MonkeyPatch]]],
) -> Callable[[tuple[date, date]], Stored]:
    """What the same backfill stores where nothing fails."""
    return lambda days: stored_in_peace(preparing, SYMBOLS, days)


@contextmanager
def restarted(server: Server) -> Iterator[None]:
    """The server is restarted, as for an update."""
    server.restart()
    yield


@contextmanager
def out_of_connections(server: Server) -> Iterator[None]:
    """Others take all connections that there are, and each one that becomes free, for a minute."""
    with ExitStack() as taken:
        first_refused = None
        while first_refused is None or time.monotonic() - first_refused < SECONDS:
            try:
                taken.enter_context(psycopg.connect(server.url("tradematrix", "postgres"), connect_timeout=3))
            except psycopg.OperationalError:
                first_refused = first_refused or time.monotonic()
                time.sleep(0.05)
    yield


@contextmanager
def disk_full(server: Server) -> Iterator[None]:
    """The server's disk has no room for a minute."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        server.disk.fill()
        time.sleep(1)
    server.disk.free()
    yield


@contextmanager
def disk_read_only(server: Server) -> Iterator[None]:
    """The kernel makes the server's disk read-only for an error in it; a minute later a person has mended it."""
    server.disk.fail()
    time.sleep(SECONDS)
    server.stop()
    server.disk.repair()
    server.start()
    yield


@contextmanager
def disk_slow(server: Server) -> Iterator[None]:
    """The server's disk stands still for three of every four seconds."""
    with server.disk.stalling(seconds=SECONDS, standing=3, moving=1):
        yield


@pytest.mark.parametrize(
    ("weeks_ago", "fault"),
    [(12, restarted), (20, out_of_connections), (28, disk_full), (36, disk_read_only), (45, disk_slow)],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_backfill_survives(
    installation: Installation,
    undisturbed: Callable[[tuple[date, date]], Stored],
    report: Callable[[str], None],
    weeks_ago: int,
    fault: Callable[[Server], AbstractContextManager[None]],
) -> None:
    web, days = installation.web, three_weeks(weeks_ago)
    launched = web.backfill(weekdays(days), SYMBOLS)
    wait_for("the middle of the backfill", lambda: installation.is_storing(days, more_than=0), seconds=240)
    with fault(installation.server):
        begun = time.monotonic()
        at_first = wait_for("the database", lambda: _count(installation, days), seconds=120)
        assert at_first < len(SYMBOLS) * len(weekdays(days)), "too late to show anything"
        wait_for("more sessions", lambda: installation.is_storing(days, more_than=at_first), seconds=600)
        recovered = time.monotonic() - begun
    assert web.finish(launched, seconds=900) == "COMPLETED_SUCCESS"
    ended = time.monotonic() - begun
    report(f"{fault.__name__}: sessions again after {recovered:.0f} s, all after {ended:.0f} s")
    assert stored_of(installation.ask, SYMBOLS, days) == undisturbed(days)
    assert_sound(installation.ask, installation.simulator)
    assert web.process.poll() is None, installation.log.read_text()


def _count(installation: Installation, days: tuple[date, date]) -> int | None:
    with suppress(Exception):  # the server has only just come back
        return installation.stored(days)
    return None
