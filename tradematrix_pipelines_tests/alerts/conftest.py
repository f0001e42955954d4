"""Receivers of alerts."""

from collections.abc import Iterator

import pytest

from tradematrix_pipelines_tests.alerts.receiver import Receiver, running_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def second() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running
