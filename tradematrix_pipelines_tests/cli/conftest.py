"""The command as a user types it, and a vendor whose calls can be counted."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)


@pytest.fixture
def run(settings: Settings) -> Callable[..., Result]:
    """Run ``tradematrix`` with these arguments, in an installation of the test's own."""
    del settings
    return lambda *arguments: CliRunner().invoke(main, list(arguments))


@pytest.fixture
def simulator(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulator of its own as Twelve Data."""
    del settings
    with Simulator(clock=FrozenClock(NOW)) as running:
        monkeypatch.setenv("TWELVE_DATA_API_KEY", "any")
        monkeypatch.setenv("TWELVE_DATA_PLAN", "unlimited")
        monkeypatch.setenv("TRADEMATRIX_TWELVE_DATA_URL", running.url)
        yield running
