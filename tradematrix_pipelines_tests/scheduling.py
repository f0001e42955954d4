"""Which tests run in one worker: those that share what their module has made, so that it is made once.

A fixture of a module may bring in weeks of candles. ``--dist loadgroup`` of pytest-xdist 3.8 is for this, and
does nothing with pytest 9.2.
"""

from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_REPOSITORY = Path(__file__).parents[1]
_LONGEST = {"resilience", "deploy", "test_up.py"}
"""Folders and modules whose tests wait for minutes: they begin first, and the others run meanwhile."""


class ModuleScheduling(LoadScopeScheduling):
    """Hands out whole modules where their tests share a fixture, the largest first, and single tests otherwise."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if _shares(module) else nodeid


@cache
def _shares(module: str) -> bool:
    path = _REPOSITORY / module
    sources = (path, path.with_name("conftest.py"))
    return any('scope="module"' in source.read_text() for source in sources if source.exists())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what waits longest first."""
    items.sort(key=lambda item: _LONGEST.isdisjoint(item.path.parts))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ModuleScheduling:
    """Use it instead of the scheduling that ``--dist`` names."""
    return ModuleScheduling(config, log)
