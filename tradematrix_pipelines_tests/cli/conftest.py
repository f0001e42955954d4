"""The command as a user types it, and a vendor whose calls can be counted."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)


Preparing = Callable[[], AbstractContextManager[tuple[Settings, pytest.MonkeyPatch]]]
"""The type of the fixture ``preparing``."""


def invoke(*arguments: str) -> Result:
    """Run ``tradematrix`` with these arguments, in the installation of the environment."""
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def run(settings: Settings) -> Callable[..., Result]:
    """Run ``tradematrix`` with these arguments, in an installation of the test's own."""
    del settings
    return invoke


@pytest.fixture
def simulator(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulator of its own as Twelve Data."""
    del settings
    with simulating(monkeypatch) as running:
        yield running


@contextmanager
def simulating(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulator as Twelve Data of the environment's installation."""
    with Simulator(clock=FrozenClock(NOW)) as running:
        monkeypatch.setenv("TWELVE_DATA_API_KEY", "any")
        monkeypatch.setenv("TWELVE_DATA_PLAN", "unlimited")
        monkeypatch.setenv("TRADEMATRIX_TWELVE_DATA_URL", running.url)
        yield running
