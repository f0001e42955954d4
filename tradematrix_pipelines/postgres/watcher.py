"""The process that stops the embedded server once no process has a lease, however they ended.

A killed process can't release its lease, and the last one to release may check while others are still dying. So every
server has a watcher beside it: ``python -m tradematrix_pipelines.postgres.watcher HOME``.
Here: that process. Not here: taking and releasing leases, and starting a watcher (``embedded``).
"""

import os
import sys
import time
from pathlib import Path

from tradematrix_pipelines.postgres.cluster import Cluster
from tradematrix_pipelines.postgres.home_lock import gate, lock_alone, open_lock
from tradematrix_pipelines.postgres.programs import ServerFault

_LOOK_SECONDS = 1.0


def watch(home: Path) -> None:
    """Return at once where a watcher runs; else watch in the background until no process has a lease.

    The lock of the file ``watch`` marks a running watcher. It is taken before the caller continues, and outlives it.
    """
    lock = open_lock(home / "watch")
    if not lock_alone(lock) or os.fork():
        return
    os.setsid()  # no Ctrl-C and no hangup of a terminal reaches it
    os.chdir("/")
    while not _done(home):
        time.sleep(_LOOK_SECONDS)


def _done(home: Path) -> bool:
    """Stop the server if no process has a lease on it; return whether there is nothing left to watch."""
    try:
        # The gate is not created again: a deleted home must stay deleted.
        with gate(home, create=False):
            lease = open_lock(home / "lease", create=False)
            try:
                if not lock_alone(lease):
                    return False
                Cluster(home / "postgres").stop()
            finally:
                os.close(lease)
    except FileNotFoundError:
        return True
    except (OSError, ServerFault):
        return False
    return True


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
