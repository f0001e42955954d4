"""Fixtures of the tests of sensors and schedules."""

from collections.abc import Iterator

import pytest

from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines_tests.defs.day import Day, running_day


@pytest.fixture
def day(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """An installation of its own on a simulator of its own, on the free plan, at OPEN."""
    del settings
    with running_day(monkeypatch) as day:
        yield day
