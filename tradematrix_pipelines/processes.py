"""Whether a process of this machine has ended: that rule alone. Who ends which process is elsewhere (``cli.guard``)."""

import psutil  # type: ignore[import-untyped]  # psutil ships no types


def has_ended(process: psutil.Process) -> bool:
    """Whether none of its threads runs any more.

    The main thread of a killed process may become a zombie before the others are done. Until they are, the process
    keeps its open files, and with them its locks.

    Raises:
        psutil.AccessDenied: another user's process can't be asked.
    """
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1)
    except psutil.NoSuchProcess:  # its subclass for zombies included: some systems say no more of one
        return True
