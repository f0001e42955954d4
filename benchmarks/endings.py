"""How the benchmarks end: with all that they started, whoever ends them and however.

Here: processes that run one of our functions. Not here: commands, which end by themselves with ``stack.running``.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children, parent_process

from tradematrix_pipelines.cli.signals import ends_like_ctrl_c


def die_with_parent() -> None:
    """Let this process, made by ``multiprocessing``, end at once when the one that made it is gone, even if killed."""
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
    """Take SIGTERM and SIGHUP for Ctrl-C, and when the block is left by any of them, end the workers in it."""
    with ends_like_ctrl_c():
        try:
            yield
        except BaseException:
            for child in active_children():
                child.terminate()
            raise
