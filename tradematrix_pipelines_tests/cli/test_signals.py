"""Being asked to end, also after Dagster has had its way with the signals of a process in the background."""

import os
import signal

import pytest
from dagster._utils.interrupts import capture_interrupts

from tradematrix_pipelines.cli.signals import asked_to_end, ends_like_ctrl_c


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_process_in_the_background_ends_after_a_run_of_dagster(number: signal.Signals) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a script's shell starts it
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with ends_like_ctrl_c():
            with capture_interrupts():
                pass
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN, (
                "Dagster leaves it alone: all this is for nothing"
            )
            with asked_to_end() as asked:
                os.kill(os.getpid(), number)
                assert asked.wait(5)
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGHUP, hangup)
