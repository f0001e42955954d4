"""Signals that end a process: SIGTERM and SIGHUP (a closed terminal) do what Ctrl-C does at that moment.

Here: that, for every command and for the benchmarks. Not here: what is ended, and in which order (``services``).
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ends_like_ctrl_c() -> Iterator[None]:
    """Forward SIGTERM and SIGHUP to the current handler of SIGINT: Python's, or Dagster's in the middle of a step.

    An ignored SIGHUP stays ignored: that is what ``nohup`` is for. Only the main thread receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, _like_ctrl_c) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _like_ctrl_c(number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(number, frame)
    else:  # ignored, by the shell that started us in the background
        raise KeyboardInterrupt


@contextmanager
def asked_to_end() -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set, even where they were ignored.

    For an orderly shutdown: an exception could be raised anywhere, even where Python can only ignore it. SIGTERM, too:
    after a run in this process Dagster handles it as SIGINT, which a shell's background processes ignore.
    """
    asked = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
