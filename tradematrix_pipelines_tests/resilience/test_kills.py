"""``kill -9`` in the middle of a backfill: whoever is killed, it ends complete, and nothing stored is fetched again."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.processes import has_ended
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines_tests.stack import Ui, Vendor, environment, tradematrix, ui, vendor, wait_for
from tradematrix_pipelines_tests.stored import HALF_WRITTEN

SYMBOL, FIRST, LAST = "EUR/USD", date(2026, 9, 1), date(2026, 10, 30)
SESSIONS = 44
CALLS = -(-SESSIONS * 1440 // 4999)
CHECKSUM = """
    SELECT count(*), md5(string_agg(concat_ws(' ', timeframe, ts, open, high, low, close), ',' ORDER BY timeframe, ts))
    FROM ohlc"""
LEVELS = """
    SELECT count(*), md5(string_agg(concat_ws(' ', trade_date, y_high, y_low, y_close), ',' ORDER BY trade_date))
    FROM levels_daily"""


@dataclass
class Installation:
    """A home with a database, and a slow vendor."""

    home: Path
    env: dict[str, str]
    simulator: Vendor
    engine: Engine

    def ask(self, query: str) -> tuple[Any, ...]:
        with self.engine.connect() as connection:
            return tuple(connection.execute(text(query)).one())

    def stored(self) -> int:
        """How many sessions are stored; 0 while the database is down."""
        try:
            return int(self.ask("SELECT count(*) FROM session_coverage WHERE timeframe = '1m' AND final")[0])
        except OperationalError:
            return 0


@pytest.fixture(scope="module")
def undisturbed() -> tuple[Any, ...]:
    """What the same backfill stores when nobody is killed."""
    with ExitStack() as stack:
        calm = _install(stack)
        tradematrix(calm.env, "backfill", SYMBOL, "--from", str(FIRST), "--to", str(LAST))
        return (*calm.ask(CHECKSUM), *calm.ask(LEVELS))


@pytest.fixture
def installation() -> Iterator[Installation]:
    with ExitStack() as stack:
        found = _install(stack)
        found.simulator.set_faults("slow=1")
        yield found


def _install(stack: ExitStack) -> Installation:
    home = Path(stack.enter_context(TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True))) / "home"
    home.mkdir()
    clock = "2026-11-20T23:00:00Z"
    simulator = stack.enter_context(vendor(home, clock=clock))
    env = environment(
        home,
        TRADEMATRIX_CLOCK=clock,
        TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
        TWELVE_DATA_API_KEY="any",
        TWELVE_DATA_PLAN="unlimited",
    )
    databases = stack.enter_context(open_databases(load_settings(env)))
    engine = create_engine(databases.market, pool_pre_ping=True)
    stack.callback(engine.dispose)
    tradematrix(env, "migrate")
    return Installation(home=home, env=env, simulator=simulator, engine=engine)


def run_worker(installation: Installation, web: Ui) -> int:
    """Return the pid of the process in which the run is at work."""
    del installation

    def find() -> int | None:
        tree = psutil.Process(web.process.pid).children(recursive=True)
        forking = {child.pid for child in tree if "multiprocessing.forkserver" in " ".join(child.cmdline())}
        workers = [child for child in tree if child.pid in forking and child.ppid() in forking]
        return workers[0].pid if workers else None

    return wait_for("the run worker", find, seconds=30)


def service(module: str) -> Callable[[Installation, Ui], int]:
    """Return a function that finds the pid of one of the processes of ``up``."""

    def find(installation: Installation, web: Ui) -> int:
        del installation
        heads = psutil.Process(web.process.pid).children()
        return next(child.pid for child in heads if module in child.cmdline())

    return find


def postgres(installation: Installation, web: Ui) -> int:
    """Return the pid of the embedded server."""
    del web
    return int((installation.home / "postgres" / "postmaster.pid").read_text().split()[0])


def start(web: Ui, installation: Installation) -> str:
    """Start a backfill of all assets, wait for its middle, and return its id."""
    days = [FIRST.fromordinal(n) for n in range(FIRST.toordinal(), LAST.toordinal() + 1)]
    backfill = web.backfill([day for day in days if day.weekday() < 5], [SYMBOL])
    wait_for("the middle of the backfill", lambda: 0 < installation.stored() < SESSIONS, seconds=120)
    return backfill


def finish(web: Ui, backfill: str, installation: Installation, undisturbed: tuple[Any, ...]) -> None:
    """See that the backfill ends complete, and asks only for what is missing now."""
    done = wait_for("the database", installation.stored, seconds=60)
    calls = installation.simulator.counts["calls"]
    assert 0 < done < SESSIONS, "killed too early or too late to show anything"
    installation.simulator.set_faults()
    assert web.finish(backfill, seconds=240) == "COMPLETED_SUCCESS"
    assert (*installation.ask(CHECKSUM), *installation.ask(LEVELS)) == undisturbed
    assert installation.ask(HALF_WRITTEN) == (0,)
    missing = -(-(SESSIONS - done) * 1440 // 4999)
    assert installation.simulator.counts["calls"] - calls <= missing, "a session that was stored is fetched again"


@pytest.mark.kills
@pytest.mark.parametrize(
    "victim",
    [
        run_worker,
        service("tradematrix_pipelines.defs.internals.daemon"),
        service("tradematrix_pipelines.defs.internals.webserver"),
        postgres,
    ],
    ids=["run worker", "daemon", "webserver", "postgres"],
)
def test_a_backfill_survives_the_death_of(
    victim: Callable[[Installation, Ui], int], installation: Installation, undisturbed: tuple[Any, ...]
) -> None:
    with ui(installation.env, installation.home) as web:
        backfill = start(web, installation)
        killed = victim(installation, web)
        os.kill(killed, signal.SIGKILL)
        wait_for("its death", lambda: not psutil.pid_exists(killed) or has_ended(psutil.Process(killed)), seconds=30)
        finish(web, backfill, installation, undisturbed)


@pytest.mark.kills
def test_a_backfill_survives_a_power_cut(installation: Installation, undisturbed: tuple[Any, ...]) -> None:
    with ui(installation.env, installation.home) as web:
        backfill = start(web, installation)
        server = psutil.Process(postgres(installation, web))
        up = psutil.Process(web.process.pid)
        for process in [server, *server.children(), up, *up.children(recursive=True)]:
            process.kill()
        web.process.wait(30)
    with ui(installation.env, installation.home) as web:
        finish(web, backfill, installation, undisturbed)


@pytest.mark.kills
def test_a_backfill_survives_a_code_server_that_dies_while_it_starts(installation: Installation) -> None:
    installation.simulator.set_faults()
    find = service("tradematrix_pipelines.defs.internals.daemon")
    with ui(installation.env, installation.home) as web:
        before = find(installation, web)
        backfill = web.backfill([date(2026, 10, 26), date(2026, 10, 27)], [SYMBOL])
        os.kill(before, signal.SIGKILL)

        def starting() -> psutil.Process | None:
            with suppress(psutil.NoSuchProcess, StopIteration):
                daemon = find(installation, web)
                servers = psutil.Process(daemon).children() if daemon != before else []
                return next(child for child in servers if "grpc" in child.cmdline())
            return None

        wait_for("the new daemon's code server", starting, seconds=60, every=0.05).kill()
        assert web.finish(backfill, seconds=240) == "COMPLETED_SUCCESS"


@pytest.mark.kills
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_backfill_goes_on_when_up_has_ended_and_is_started_again(
    number: signal.Signals, installation: Installation, undisturbed: tuple[Any, ...]
) -> None:
    with ui(installation.env, installation.home) as web:
        backfill = start(web, installation)
        web.process.send_signal(number)
        web.process.wait(60)
    with ui(installation.env, installation.home) as web:
        finish(web, backfill, installation, undisturbed)
