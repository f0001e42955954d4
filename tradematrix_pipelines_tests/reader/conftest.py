"""A market that the tests of a module read: two weeks of DAX and EUR/USD, as the simulator has them."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.settings import Settings

FIRST, LAST = "2026-11-09", "2026-11-20"


@pytest.fixture(scope="module")
def market(module_installation: Callable[..., Settings]) -> Settings:
    """The settings of an installation that has them; its clock stands on the Friday evening after."""
    settings = module_installation()
    result = CliRunner().invoke(main, ["backfill", "DAX", "EUR/USD", "--from", FIRST, "--to", LAST])
    assert result.exit_code == 0, result.output
    return settings
