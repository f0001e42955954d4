"""Fixtures of the tests of sensors and schedules."""

from collections.abc import Iterator

import pytest

from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines_tests.defs.day import OPEN, Day


@pytest.fixture
def day(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """An installation of its own on a simulator of its own, on the free plan, at OPEN."""
    del settings
    clock = FrozenClock(OPEN)
    with Simulator(clock=clock) as simulator:
        monkeypatch.setenv("TWELVE_DATA_API_KEY", "any")
        monkeypatch.setenv("TWELVE_DATA_PLAN", "100/800")
        monkeypatch.setenv("TRADEMATRIX_TWELVE_DATA_URL", simulator.url)
        monkeypatch.setenv("TRADEMATRIX_HISTORY_START", "2026-11-17")
        own = load_settings().model_copy(update={"clock": clock})
        # As `up` does before the first tick.
        with Database.open(own), open_instance(own) as instance:
            sync_symbols(instance, ["DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"])
            yield Day(own, instance, simulator, clock)
