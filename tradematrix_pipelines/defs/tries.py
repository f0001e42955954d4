"""How often a step and its run are tried: thrice for what may pass in minutes, once for what a person has to change.

Dagster tries a step again by its retry policy, whatever it failed for, and a run by ``run_retries`` in
``dagster.yaml``, unless it was a step that failed. Here: that policy, and what keeps both from trying in vain. Not
here: which of a vendor's errors may pass (``vendors.errors``), nor the tries of one call (``vendors.retrying``).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from tradematrix_pipelines.defs.internals.names import MAX_RETRIES_TAG
from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.storage.candles import RefusedCandles
from tradematrix_pipelines.storage.schema import SchemaTooNew
from tradematrix_pipelines.vendors.errors import PermanentError

PATIENCE = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""Minutes of patience with a vendor that fails; what is stored by then is not asked for again."""

NO_RUN_RETRIES = {MAX_RETRIES_TAG: "0"}
"""Tag of runs that the daemon does not start again."""

INTERRUPTED = "interrupted: what was stored by then stays"
"""What a step says that somebody has cancelled."""

_PERMANENT = (UsageError, PermanentError, RefusedCandles, SchemaTooNew)


@contextmanager
def step_without_retries(*, whatever_happens: bool) -> Iterator[None]:
    """Keep the step's policy from trying again what a person has to change, or has cancelled.

    Args:
        whatever_happens: and everything else too: somebody waits for the answer.

    Raises:
        dagster.Failure: in place of such an error.
    """
    try:
        yield
    except dg.Failure:
        raise
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as interrupt:
        # The policy takes an interrupt for one more reason to wait and go on.
        raise dg.Failure(INTERRUPTED, allow_retries=False) from interrupt
    except Exception as error:
        if whatever_happens or isinstance(error, _PERMANENT):
            raise dg.Failure(_one_line(error), allow_retries=False) from error
        raise


@contextmanager
def run_without_retries(context: dg.InitResourceContext) -> Iterator[None]:
    """Keep the daemon from starting a run again whose resources can't be opened until a person changes something."""
    try:
        yield
    except _PERMANENT:
        if context.run is not None and context.instance is not None:
            context.instance.add_run_tags(context.run.run_id, NO_RUN_RETRIES)
        raise


def _one_line(error: Exception) -> str:
    text = str(error) if isinstance(error, TradeMatrixError) else f"{type(error).__name__}: {error}"
    return text.partition("\n")[0]
