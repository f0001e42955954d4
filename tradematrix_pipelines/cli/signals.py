"""How a process is told to end: SIGTERM and SIGHUP (a closed terminal) mean what Ctrl-C means at that moment.

Here: that, for every command and for the benchmarks. Not here: what is to be ended, and in which order (``services``).
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ends_like_ctrl_c() -> Iterator[None]:
    """Hand SIGTERM and SIGHUP on to whoever handles SIGINT now: Python, or Dagster in the middle of a step.

    A SIGHUP that is ignored stays so: that is what ``nohup`` is for. Only the main thread hears signals.
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
    """Yield an event that SIGINT sets, also where it was ignored.

    For what has to end in order: an exception could come anywhere, also where Python can only ignore it.
    """
    asked = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
