"""Makes the daemon's retry of a died run survive a code server that is down at that moment.

Dagster tries once to make the run that retries a died one. Where that fails, because the same cause has ended the code
server too, it gives the run up for good, and its backfill ends as failed. It has no setting for that: this replaces the
function that makes the run. Calling it again is safe, because it first looks for a run that it has already made.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import dagster as dg
import stamina

LONGEST = timedelta(minutes=3)
"""How long the daemon goes on asking: a code server is back within seconds, on a loaded machine within a minute."""

_logger = logging.getLogger(__name__)


def keep_retrying_runs() -> None:
    """Replace Dagster's function in this process; where that has moved, its own single attempt stays. Idempotent."""
    from dagster._daemon.auto_run_reexecution import auto_run_reexecution  # noqa: PLC0415 - for the daemon only

    original = getattr(auto_run_reexecution, "retry_run", None)
    if original is None:
        _logger.warning("this Dagster's retries of runs can't be repeated: a code server that is down loses them")
    elif not hasattr(original, "once"):
        auto_run_reexecution.retry_run = _repeated(original)


def _repeated(once: Callable[..., None]) -> Callable[..., None]:
    def retry_run(failed_run: dg.DagsterRun, workspace_context: Any) -> None:
        retrying = stamina.retry_context(on=Exception, attempts=None, timeout=LONGEST, wait_initial=0.5, wait_max=10.0)
        for attempt in retrying:
            with attempt:
                once(failed_run, workspace_context)

    retry_run.once = once  # type: ignore[attr-defined]  # marks it
    return retry_run
