"""Starts and ends in a row, each end by what another hand might do: nothing of any of them is left, nor in the way."""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import TimeoutExpired
from tempfile import TemporaryDirectory

import pytest

from tradematrix_pipelines_tests.stack import environment, free_port, ui, wait_until_nothing_is_left

pytestmark = pytest.mark.system

STARTS = int(os.environ.get("TRADEMATRIX_TEST_STARTS", "20"))
ENDS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL]


@pytest.fixture
def home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        found = Path(folder) / "home"
        found.mkdir()
        yield found


@pytest.mark.kills
def test_starts_and_ends_in_a_row_leave_nothing(home: Path) -> None:
    # Live pulls of the simulator are on their way when it ends, a minute of the market taking three seconds.
    env = environment(home, TRADEMATRIX_AUTOMATION="1", TRADEMATRIX_CLOCK="2026-11-24T15:00:00Z*20")
    dice, port = random.Random(7), free_port()
    for number in range(STARTS):
        end = ENDS[number % len(ENDS)]
        with ui(env, home, port=port) as web:
            try:
                web.process.wait(dice.uniform(0, 12))
            except TimeoutExpired:
                web.process.send_signal(end)
            ended = web.process.wait(60)
            assert ended == (-signal.SIGKILL if end is signal.SIGKILL else 0), (number, end.name)
        # The next start comes while a killed one is still being cleared away; of the others nothing is left.
        if end is not signal.SIGKILL:
            wait_until_nothing_is_left(home, seconds=3)
    wait_until_nothing_is_left(home)
