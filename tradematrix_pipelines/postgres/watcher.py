"""The process that stops the embedded server when nobody holds a lease, whichever way its holders ended.

A process that is killed can't give its lease back, and the last one to give its lease back may look while others are
still dying. So each server has a watcher beside it: ``python -m tradematrix_pipelines.postgres.watcher HOME``.
Here: that process. Not here: taking and giving back leases, and seeing that a watcher is there (``embedded``).
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
    """Return at once where there is a watcher; else go on in the background until the server has no holder.

    The lock of the file ``watch`` says that there is one. It is taken before the caller goes on, and outlives it.
    """
    lock = open_lock(home / "watch")
    if not lock_alone(lock) or os.fork():
        return
    os.setsid()  # no Ctrl-C and no hangup of a terminal reaches it
    os.chdir("/")
    while not _done(home):
        time.sleep(_LOOK_SECONDS)


def _done(home: Path) -> bool:
    """Stop the server if nobody holds a lease on it; return whether there is nothing left to watch."""
    try:
        # The gate is not made anew: a home that is gone is not to come back.
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
