"""``kill -9`` at random points, again and again, under live pulls and backfills: everything ends complete by itself.

The victims are the run worker, the code server, the daemon, the webserver, Postgres and ``up`` itself, which is then
started again. The seed is printed; ``TRADEMATRIX_TEST_SEED`` sets it, ``TRADEMATRIX_TEST_KILLS`` says how many kills.
"""

import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import NullPool, create_engine, text

from tradematrix_pipelines.clock import FastClock, SystemClock, format_clock
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.processes import has_ended
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines_tests.stack import (
    ENDED,
    Ui,
    Vendor,
    environment,
    free_port,
    left_behind,
    tradematrix,
    ui,
    vendor,
    wait_for,
    wait_until_nothing_is_left,
)
from tradematrix_pipelines_tests.stored import Range, state_of

KILLS = int(os.environ.get("TRADEMATRIX_TEST_KILLS", "50"))
SEED = int(os.environ.get("TRADEMATRIX_TEST_SEED", str(random.SystemRandom().randrange(10**6))))
VICTIMS = ("worker", "code server", "daemon", "webserver", "postgres", "up")
PAUSE = (3.0, 18.0)
"""Seconds from one kill's recovery to the next kill."""

LAUNCHES = 60.0
"""Seconds from one backfill to the next."""

PLAN = "unlimited"
# All five markets are open; six seconds are a minute, so that Xetra closes six minutes later.
START, SPEED = datetime(2026, 11, 24, 15, 30, tzinfo=UTC), 10
CLOSES_IN_IT = ("DAX", date(2026, 11, 24))
WEEKS = [date(2026, 10, 26) + timedelta(days=7 * week) for week in range(4)]
SYMBOLS = ("EUR/USD", "DAX", "XAG/USD", "NDX", "DJI")


@dataclass
class Run:
    """An installation under fire."""

    home: Path
    env: dict[str, str]
    simulator: Vendor
    port: int
    dice: random.Random
    backfills: dict[str, Range] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VICTIMS, 0))
    next_launch: float = 0.0
    _stack: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def up(self) -> Iterator[None]:
        """``up``, which may be another process at the end than at the beginning."""
        self.start()
        try:
            yield
        finally:
            self._stack.close()

    def start(self) -> None:
        self._stack.close()
        self.web: Ui = self._stack.enter_context(ui(self.env, self.home, port=self.port))

    def family(self, *words: str) -> list[psutil.Process]:
        """The processes of this installation with one of these words in their command."""
        family = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                command = " ".join(process.cmdline())
                mine = process.environ().get("TRADEMATRIX_HOME") == str(self.home)
                if mine and not has_ended(process) and any(word in command for word in words):
                    family.append(process)
        return family

    def kill(self, victim: str) -> bool:
        """Kill one; return whether there was one."""
        process = self._find(victim)
        if process is None:
            return False
        with suppress(psutil.NoSuchProcess):
            process.kill()
        self.kills[victim] += 1
        if victim == "up":
            self.web.process.wait(30)
            self.start()
        return True

    def _find(self, victim: str) -> psutil.Process | None:
        if victim == "up":
            return psutil.Process(self.web.process.pid)
        if victim == "postgres":
            try:
                return psutil.Process(int((self.home / "postgres" / "postmaster.pid").read_text().split()[0]))
            except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
                return None
        words = {
            "worker": ("multiprocessing.forkserver",),  # the process that forks them, too
            "code server": ("dagster api grpc",),
            "daemon": ("tradematrix_pipelines.defs.internals.daemon",),
            "webserver": ("tradematrix_pipelines.defs.internals.webserver",),
        }[victim]
        candidates: list[psutil.Process] = []
        with suppress(TimeoutError):
            candidates = wait_for(victim, lambda: self.family(*words), seconds=20)
        return self.dice.choice(candidates) if candidates else None

    def launch(self, chunks: Iterator[tuple[str, date]]) -> None:
        """Launch the next backfill every now and then, whether or not the last one has ended."""
        if time.monotonic() < self.next_launch:
            return
        chunk = next(chunks, None)
        if chunk is None:
            return
        symbol, monday = chunk
        days = [monday + timedelta(days=day) for day in range(5)]
        launched = self.web.backfill(days, [symbol])
        self.backfills[launched] = (symbol, days[0], days[-1], days[-1])
        self.next_launch = time.monotonic() + LAUNCHES

    def ask(self, query: str, **terms: object) -> tuple[Any, ...]:
        """Ask the market database, with a lease for no longer than that."""
        with open_databases(load_settings(self.env)) as databases:
            engine = create_engine(databases.market, poolclass=NullPool)
            with engine.connect() as connection:
                return tuple(connection.execute(text(query), terms).one())

    def history(self) -> dict[str, list[str]]:
        """Return how the runs of each backfill ended, newest first."""
        return {
            backfill: [str(run["status"]) for run in self.web.runs(tags={"dagster/backfill": backfill})]
            for backfill in self.backfills
        }

    def state(self, wanted: Range) -> dict[str, tuple[Any, ...]]:
        """What is stored of a range."""
        return state_of(self.ask, wanted)


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def installed(stack: ExitStack, home: Path, clock: str) -> Run:
    home.mkdir()
    simulator = stack.enter_context(vendor(home, "--plan", PLAN, clock=clock))
    env = environment(
        home,
        TRADEMATRIX_AUTOMATION="1",
        TRADEMATRIX_CLOCK=clock,
        TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
        TWELVE_DATA_API_KEY="any",
        TWELVE_DATA_PLAN=PLAN,
    )
    return Run(home=home, env=env, simulator=simulator, port=free_port(), dice=random.Random(SEED))


@pytest.mark.kills
def test_everything_ends_complete_by_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{KILLS} kills, TRADEMATRIX_TEST_SEED={SEED}")  # noqa: T201 - to run it again
    clock = format_clock(FastClock(start=START, speed=SPEED, origin=SystemClock().now()))
    with ExitStack() as stack:
        run = installed(stack, folder / "home", clock)
        run.simulator.set_faults("slow=2")
        begun = time.monotonic()
        with run.up():
            under_fire(run)
            fired = time.monotonic() - begun
            run.simulator.set_faults()
            wanted = ranges(run)
            with suppress(TimeoutError):
                wait_for("everything to be complete", lambda: not missing(run, wanted), seconds=900, every=5)
            assert missing(run, wanted) == [], run.history()
            disturbed = {part: run.state(part) for part in wanted}
            assert run.web.process.poll() is None, (run.home / "up.log").read_text()
        with capsys.disabled():
            kills = ", ".join(f"{name} {number}" for name, number in run.kills.items())
            seconds = f"{fired:.0f} s of kills, {time.monotonic() - begun:.0f} s in all"
            print(f"{kills}; {len(run.backfills)} backfills; {seconds}")  # noqa: T201 - what it was like
        calm = installed(stack, folder / "calm", "2026-11-26T12:00:00Z")
        undisturbed = backfilled(calm, wanted)
    assert disturbed == undisturbed
    wait_until_nothing_is_left(run.home)
    assert left_behind(run.home) == []


def under_fire(run: Run) -> None:
    """Kill, at random points, in rounds: so that no service dies so often that ``up`` rightly gives up."""
    chunks = iter([(symbol, week) for week in WEEKS for symbol in SYMBOLS])
    victims: list[str] = []
    killed = 0
    for turn in count():
        assert turn < 2 * KILLS + 12, f"too few to kill: {run.kills}"
        if killed == KILLS:
            break
        victims = victims or run.dice.sample(VICTIMS, len(VICTIMS))
        until = time.monotonic() + run.dice.uniform(*PAUSE)
        while time.monotonic() < until:
            # The UI is down for a while after some of the kills.
            with suppress(httpx.HTTPError, RuntimeError):
                run.launch(chunks)
            time.sleep(0.5)
        killed += run.kill(victims.pop())
        wait_for("the UI after a kill", lambda: answers(run), seconds=180)


def answers(run: Run) -> bool:
    assert run.web.process.poll() is None, (run.home / "up.log").read_text()
    try:
        return run.web.runs(statuses=["QUEUED"]) is not None
    except (httpx.HTTPError, RuntimeError):
        return False


def ranges(run: Run) -> Sequence[Range]:
    """What has to be there: what was backfilled, and the session that closed meanwhile, if it did."""
    backfilled = list(run.backfills.values())
    assert backfilled, "nothing was backfilled"
    symbol, day = CLOSES_IN_IT
    return [*backfilled, (symbol, day, day, day + timedelta(days=1))]


def missing(run: Run, wanted: Sequence[Range]) -> list[str]:
    """Return what is not there yet: backfills that have not ended, sessions that are not complete, levels."""
    assert run.web.process.poll() is None, (run.home / "up.log").read_text()
    open_ = [
        f"backfill {name}: {status}" for name in run.backfills if (status := run.web.backfill_status(name)) not in ENDED
    ]
    for symbol, first, last, after in wanted:
        state = run.state((symbol, first, last, after))
        days = (last - first).days + 1
        total, _, incomplete = state["session_coverage"]
        if (total, incomplete) != (5 * days, 0):
            open_.append(f"{symbol} {first} {last}: {total} of {5 * days} sessions, {incomplete} of them incomplete")
        levels = state["levels_daily"][0]
        if levels < max(1, days - 1):
            open_.append(f"{symbol} {first} {after}: {levels} of {max(1, days - 1)} levels")
    return open_


def backfilled(calm: Run, wanted: Sequence[Range]) -> dict[Range, dict[str, tuple[Any, ...]]]:
    """The same by commands, with nobody killed."""
    for symbol in {part[0] for part in wanted}:
        mine = [part for part in wanted if part[0] == symbol]
        first, last = min(part[1] for part in mine), max(part[2] for part in mine)
        tradematrix(calm.env, "backfill", symbol, "--from", str(first), "--to", str(last), timeout=900)
    return {part: calm.state(part) for part in wanted}
