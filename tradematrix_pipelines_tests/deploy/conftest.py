"""The command as a user types it, in an installation of the test's own."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.settings import Settings


@pytest.fixture
def run(settings: Settings) -> Callable[..., Result]:
    """Run ``tradematrix`` with these arguments."""
    del settings
    return lambda *arguments: CliRunner().invoke(main, list(arguments))
