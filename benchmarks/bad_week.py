"""The faults of the bad week: of the vendor, the machine, the daemon.

Here: which faults, and when. Not here: the week (``trading_week``), or the expected outcome (``week``).
"""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from tradematrix_pipelines.clock import FrozenClock, format_clock
from tradematrix_pipelines.defs.io_manager import PostgresIOManager
from tradematrix_pipelines.defs.live import plan_pulls, pull_symbols
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.vendors.registry import open_vendors

_HOUR = timedelta(hours=1)
_CHILD = "from benchmarks.bad_week import pull_once; pull_once()"
_TIMEOUT = 60.0


class BadWeek:
    """The faults of a week that starts on ``monday``, applied minute by minute."""

    def __init__(self, monday: datetime, simulator: Simulator) -> None:
        tuesday, wednesday, thursday, friday = (monday + timedelta(days=n) for n in range(1, 5))
        self._simulator = simulator
        self._faults = {
            # Bursts of 500, 502 and 503.
            tuesday + 9 * _HOUR: ("broken=1/3",),
            tuesday + 11 * _HOUR: (),
            # An hour in which nothing answers, while all five markets are open.
            wednesday + 14.75 * _HOUR: ("broken=1/1",),
            wednesday + 15.75 * _HOUR: (),
            # The middle minute of the session has other values for a while, then the old ones again.
            thursday + 9 * _HOUR: ("revised=0.001@EUR/USD",),
            thursday + 11 * _HOUR: (),
        }
        self._off = (thursday + 13 * _HOUR, thursday + 16 * _HOUR)
        self._kills = {friday + 10 * _HOUR, friday + 15 * _HOUR}
        self.kills = 0

    def on_minute(self, tick: datetime) -> bool:
        """Apply the faults of ``tick``; return whether the machine is on at this minute."""
        if tick in self._faults:
            self._simulator.set_faults(*self._faults[tick])
        if tick in self._kills:
            self._kill_a_pull(tick)
            return False
        return not self._off[0] <= tick < self._off[1]

    def _kill_a_pull(self, tick: datetime) -> None:
        """Start the pull that the daemon would start at ``tick``, and kill it while its first answer is on the way."""
        calls = self._simulator.counts.calls
        own = {"TRADEMATRIX_CLOCK": format_clock(FrozenClock(tick)), "PYTHONPATH": str(Path.cwd())}
        with subprocess.Popen([sys.executable, "-c", _CHILD], env={**os.environ, **own}) as child:
            deadline = time.monotonic() + _TIMEOUT
            while self._simulator.counts.calls == calls and child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.001)
            child.send_signal(signal.SIGKILL)
            self.kills += child.wait() == -signal.SIGKILL


def pull_once() -> None:
    """Carry out a live tick of the environment's installation."""
    settings = load_settings()
    with (
        Database.open(settings) as database,
        open_vendors(settings, ledger=open_ledger(database.engine, settings)) as vendors,
    ):
        pulls = plan_pulls(database, settings, now=database.clock.now())
        pull_symbols(database, vendors, PostgresIOManager(database=database), [symbol for symbol, _ in pulls.due])
