"""Several hosts: database, control, vendor and two Celery workers over real TCP, while links and hosts fail.

The hosts are network namespaces (``network``). The clock is the machine's, as in production: what a vendor grants in a
minute is counted by the database's clock, whatever a host's own says.
"""

import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psycopg
import pytest
import redis

from tradematrix_pipelines.defs.internals.workspace import answers
from tradematrix_pipelines.postgres.programs import bin_dir, open_to_system_user, run
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines_tests.deploy.network import Host, Network, network
from tradematrix_pipelines_tests.stack import Ui, Vendor, command, environment, tradematrix, wait_for
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
from tradematrix_pipelines_tests.wrong_clocks import WrongClock

pytestmark = pytest.mark.kills

SYMBOLS = ("DAX", "NDX", "DJI", "EUR/USD", "XAG/USD")
WORKERS = ("first", "second")
PASSWORD = "hush"
PLAN = 20
"""Credits a minute. A backfill may spend three quarters of them, so that one of three weeks takes minutes."""

CUT_SECONDS = 60.0
SKEW = {"first": 3, "second": -3}
NOTICED_SECONDS = 150.0
"""By then a process has noticed that the server it waits for is gone."""

_VENDOR_PORT = 8765
_COUNTS = f"""
from urllib.request import urlopen
print(urlopen("http://127.0.0.1:{_VENDOR_PORT}/_control/stats", timeout=30).read().decode())
"""
_HANGING = """
import sys
from sqlalchemy import create_engine, text
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import load_settings
with open_databases(load_settings()) as databases, create_engine(databases.market).connect() as connection:
    print("asks", flush=True)
    connection.execute(text("SELECT pg_sleep(3600)"))
"""


@dataclass(frozen=True, kw_only=True)
class FarVendor(Vendor):
    """A simulator on a host. What it says of itself it says to its own host only."""

    host: Host

    @property
    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = json.loads(self.host.run(sys.executable, "-c", _COUNTS))
        return counts


@dataclass(frozen=True, kw_only=True)
class Server:
    """A PostgreSQL server on a host."""

    host: Host
    data: Path
    process: subprocess.Popen[bytes]

    def promote(self) -> None:
        """Make a standby the server that takes writes."""
        # `pg_ctl promote` takes the server's pid for one of its own process space.
        with psycopg.connect(f"postgresql://postgres:{PASSWORD}@{self.host.address}/postgres") as connection:
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)


@dataclass(kw_only=True)
class Fleet:
    """The services on their hosts.

    Attributes:
        address: of the database, whichever server has it.
        standby: follows the first server; each commit waits for it.
        processes: those of the workers, by host.
    """

    network: Network
    address: str
    primary: Server
    standby: Server
    control: Host
    workers: dict[str, Host]
    env: dict[str, str]
    broker: str
    simulator: FarVendor
    web: Ui
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def ask(self, query: str, **terms: object) -> tuple[Any, ...]:
        """Ask the market database, over the network."""
        return asker(f"{_url(self.address)}?connect_timeout=3")(query, **terms)

    def stored(self, days: tuple[date, date]) -> int:
        """How many sessions of minutes are stored between these dates."""
        return int(self.ask(STORED, first=days[0], last=days[1])[0])

    def at_work(self) -> set[str]:
        """The hosts that carry out a run, by the runs' heartbeats."""
        with redis.Redis.from_url(self.broker, socket_timeout=5) as client:
            beats = [client.get(key) for key in client.scan_iter("tradematrix:run:*")]
        return {json.loads(beat)["space"].split()[0] for beat in beats if isinstance(beat, bytes)}

    def start_worker(self, name: str, **extra: str) -> None:
        """Start the worker of a host, in place of the one that is there."""
        if name in self.processes:
            _kill(self.processes.pop(name))
        host = self.workers[name]
        self.processes[name] = host.start(
            name, command("serve", "celery-worker", "--concurrency", "1"), {**self.env, **_home(host), **extra}
        )

    def backfill(self, weeks_ago: int) -> tuple[str, tuple[date, date]]:
        """Launch a backfill of three weeks in the UI, and return when both workers have stored something of it."""
        days = three_weeks(weeks_ago)
        launched = self.web.backfill(weekdays(days), SYMBOLS)

        def both_at_work() -> bool:
            return self.at_work() == set(WORKERS) and self.stored(days) > 0

        wait_for("both workers at work", both_at_work, seconds=240)
        return launched, days

    def finish(self, launched: str, days: tuple[date, date]) -> Stored:
        """Wait for the end of a backfill that nobody helps, and return what is stored."""
        assert self.web.finish(launched, seconds=900) == "COMPLETED_SUCCESS"
        assert_sound(self.ask, self.simulator)
        return stored_of(self.ask, SYMBOLS, days)


def _url(address: str) -> str:
    return f"postgresql://tradematrix:{PASSWORD}@{address}/tradematrix"


def _home(host: Host) -> dict[str, str]:
    return {"TRADEMATRIX_HOME": str(host.folder / f"home-{host.name}")}


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process on a host, and with it all that it has started there."""
    process.kill()
    process.wait(30)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("network")) as made:
        yield made


@pytest.fixture(scope="module")
def fleet(hosts: Network) -> Iterator[Fleet]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not there: apt-get install redis-server")
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        primary, standby = _servers(hosts, Path(folder))
        # An address of its own, which moves from one server to the other.
        address = hosts.address(100)
        primary.host.take_address(address)
        control, vendor = hosts.host("control"), hosts.host("vendor")
        workers = {name: hosts.host(name) for name in WORKERS}
        broker = f"redis://:{PASSWORD}@{control.address}:6379/0"
        simulator = FarVendor(url=f"http://{vendor.address}:{_VENDOR_PORT}", host=vendor)
        env = environment(
            control.folder / "home-control",
            TRADEMATRIX_DATABASE_URL=_url(address),
            TRADEMATRIX_LAUNCHER="celery",
            TRADEMATRIX_CELERY_BROKER=broker,
            TRADEMATRIX_CODE_SERVER=f"{control.address}:4000",
            TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
            TWELVE_DATA_API_KEY="any",
            TWELVE_DATA_PLAN=str(PLAN),
        )
        slow = ("--plan", str(PLAN), "--fault", "slow=1")
        vendor.start("vendor", command("simulate", "--host", "0.0.0.0", *slow), env)
        options = ("--bind", control.address, "--save", "", "--dir", "/", "--requirepass", PASSWORD)
        control.start("redis", ["redis-server", *options], env)
        tradematrix(env, "migrate")
        control.start("code-server", command("serve", "code-server", "--host", control.address), env)
        wait_for("the code server", lambda: answers(control.address, 4000), seconds=240)
        served = control.start("webserver", command("serve", "webserver", "--host", control.address), env)
        control.start("daemon", command("serve", "daemon"), env)
        made = Fleet(
            network=hosts,
            address=address,
            primary=primary,
            standby=standby,
            control=control,
            workers=workers,
            env=env,
            broker=broker,
            simulator=simulator,
            web=Ui(url=f"http://{control.address}:3000", process=served),
        )
        for name in WORKERS:
            made.start_worker(name)

        def ready() -> bool:
            assert served.poll() is None, (hosts.folder / "webserver.log").read_text()
            with suppress(httpx.HTTPError):
                return httpx.get(f"{made.web.url}/server_info", timeout=5).is_success
            return False

        wait_for("the web UI", ready, seconds=240)
        yield made


def _servers(hosts: Network, folder: Path) -> tuple[Server, Server]:
    """Start two servers, the second of which has all that the first has committed."""
    first, second = hosts.host("database"), hosts.host("standby")
    folder.chmod(0o755)  # for the user that a server runs as
    data, copy, password = folder / "primary", folder / "standby", folder / "password"
    for empty in (data, copy):
        empty.mkdir(mode=0o700)
        open_to_system_user(empty)
    password.write_text(PASSWORD)
    creation = ("--auth=scram-sha-256", f"--pwfile={password}", "--username=postgres", "--encoding=UTF8")
    done = run("initdb", *creation, "-D", str(data))
    assert done.returncode == 0, done.stderr
    with (data / "pg_hba.conf").open("a") as file:
        file.write(f"host all all {hosts.address(0)}/24 scram-sha-256\n")
        file.write(f"host replication postgres {hosts.address(0)}/24 scram-sha-256\n")
    primary = _serve(first, data)
    root = f"postgresql://postgres:{PASSWORD}@{first.address}/postgres"
    with psycopg.connect(root, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE tradematrix LOGIN CREATEDB PASSWORD '{PASSWORD}'")
        done = run("pg_basebackup", "--dbname", root, "-D", str(copy), "--write-recovery-conf", "--checkpoint=fast")
        assert done.returncode == 0, done.stderr
        standby = _serve(second, copy)
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        admin.execute("SELECT pg_reload_conf()")
    return primary, standby


def _serve(host: Host, data: Path) -> Server:
    """Start a server, and wait until it answers."""
    as_system_user = []
    if os.geteuid() == 0:
        user = pwd.getpwuid(data.stat().st_uid)
        whose = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
        # Who changes users is no longer ended with its parent.
        as_system_user = ["setpriv", *whose, "--pdeathsig=KILL"]
    options = ("-c", "listen_addresses=*", "-c", "unix_socket_directories=", "-c", "max_connections=100")
    program = [*as_system_user, str(bin_dir() / "postgres"), "-D", str(data), *options]
    process = host.start(f"postgres-{host.name}", program, {"LC_ALL": "C", "PATH": os.environ["PATH"]})

    def connects() -> bool:
        with (
            suppress(psycopg.OperationalError),
            psycopg.connect(f"postgresql://postgres:{PASSWORD}@{host.address}/postgres", connect_timeout=3),
        ):
            return True
        return False

    wait_for(f"the server on {host.name}", connects, seconds=60)
    return Server(host=host, data=data, process=process)


Undisturbed = Callable[[tuple[date, date]], Stored]


@pytest.fixture(scope="module")
def undisturbed(
    preparing: Callable[[], AbstractContextManager[tuple[Settings, pytest.MonkeyPatch]]],
) -> Undisturbed:
    """What the same backfill stores on one machine where nothing fails."""
    return lambda days: stored_in_peace(preparing, SYMBOLS, days)


@pytest.mark.parametrize(("weeks_ago", "how"), [(12, Host.unplugged), (20, Host.silenced)], ids=["cable", "silence"])
def test_a_link_is_cut_for_a_minute(
    fleet: Fleet,
    undisturbed: Undisturbed,
    report: Callable[[str], None],
    weeks_ago: int,
    how: Callable[[Host], AbstractContextManager[None]],
) -> None:
    launched, days = fleet.backfill(weeks_ago)
    calls = fleet.simulator.counts["calls"]
    with how(fleet.workers["first"]):
        time.sleep(CUT_SECONDS)
        stored = fleet.stored(days)
        assert fleet.simulator.counts["calls"] > calls, "the other worker went on"
        assert fleet.web.backfill_status(launched) == "REQUESTED", "cut too late to show anything"
    restored = time.monotonic()
    wait_for("more sessions", lambda: fleet.stored(days) > stored, seconds=300)
    wait_for("the worker that was cut off", lambda: "first" in fleet.at_work(), seconds=300)
    report(f"link cut for {CUT_SECONDS:.0f} s: both workers at work again after {time.monotonic() - restored:.0f} s")
    assert fleet.finish(launched, days) == undisturbed(days)


@contextmanager
def skewed(fleet: Fleet, folder: Path) -> Iterator[None]:
    """Have the workers' clocks off by some seconds, in opposite directions."""
    for name, offset in SKEW.items():
        (folder / name).mkdir()
        clock = WrongClock(folder / name)
        clock.set(offset)
        off = clock.environment
        asked = [sys.executable, "-c", "import time; print(time.time())"]
        shown = subprocess.run(asked, env={**fleet.env, **off}, capture_output=True, text=True, check=True).stdout
        assert abs(float(shown) - time.time() - offset) < 1, "the clock is not off"
        fleet.start_worker(name, **off)
    try:
        yield
    finally:
        for name in SKEW:
            fleet.start_worker(name)


def test_clocks_are_seconds_off(fleet: Fleet, undisturbed: Undisturbed, tmp_path: Path) -> None:
    with skewed(fleet, tmp_path):
        launched, days = fleet.backfill(28)
        stored = fleet.finish(launched, days)
    assert stored == undisturbed(days)
    assert fleet.ask("SELECT count(*) FROM vendor_credits WHERE reserved_at > clock_timestamp()") == (0,)


def test_the_database_fails_over(fleet: Fleet, undisturbed: Undisturbed, report: Callable[[str], None]) -> None:
    hanging = fleet.workers["second"].start(
        "hanging", [sys.executable, "-c", _HANGING], {**fleet.env, **_home(fleet.workers["second"])}
    )
    launched, days = fleet.backfill(36)
    asked = fleet.network.folder / "hanging.log"
    wait_for("a query under way", lambda: "asks" in asked.read_text(), seconds=60)
    begun = time.monotonic()
    # Whoever waits for its answer gets none, and no reset either.
    fleet.primary.host.silence()
    _kill(fleet.primary.process)
    wait_for("its end", lambda: not fleet.primary.host.pids(), seconds=30)
    fleet.standby.promote()
    fleet.standby.host.take_address(fleet.address)

    def stored() -> int:
        with suppress(Exception):  # the address has only just moved
            return fleet.stored(days) or 1
        return 0

    at_first = wait_for("the database", stored, seconds=120)
    promoted = time.monotonic()
    assert fleet.web.backfill_status(launched) in {"", "REQUESTED"}, "too late to show anything"
    wait_for("more sessions", lambda: stored() > at_first, seconds=600)
    report(f"failed over in {promoted - begun:.0f} s, sessions again {time.monotonic() - promoted:.0f} s later")
    hanging.wait(max(1.0, NOTICED_SECONDS - (time.monotonic() - begun)))
    report(f"a query under way ended within {time.monotonic() - begun:.0f} s")
    assert fleet.finish(launched, days) == undisturbed(days)
