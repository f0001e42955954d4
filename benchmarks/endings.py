"""Makes the benchmarks end together with all that they started, however they end.

Here: processes that run one of our functions. Not here: commands, which end by themselves with ``stack.running``.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children, parent_process

from tradematrix_pipelines.cli.signals import ends_like_ctrl_c


def die_with_parent() -> None:
    """Make this process, a child made by ``multiprocessing``, exit as soon as its parent has ended, even if killed."""
    parent = parent_process()
    if parent is None:
        msg = "only a process made by multiprocessing has such a parent"
        raise RuntimeError(msg)

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="watch parent", daemon=True).start()


@contextmanager
def ends_with_children() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP as Ctrl-C, and terminate the workers when the block ends with an exception."""
    with ends_like_ctrl_c():
        try:
            yield
        except BaseException:
            for child in active_children():
                child.terminate()
            raise
