"""How often a step and its run are attempted: a step three times for transient errors, once where a person has to act.

Dagster retries a step by its retry policy, whatever the error, and a run by ``run_retries`` in ``dagster.yaml``, unless
a step failed. Here: that policy, and what prevents useless retries of both. Not here: which of a vendor's errors are
transient (``vendors.errors``), nor the attempts of one call (``vendors.retrying``).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from tradematrix_pipelines.defs.internals.names import MAX_RETRIES_TAG
from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.storage.candles import RefusedCandles
from tradematrix_pipelines.storage.schema import SchemaTooNew
from tradematrix_pipelines.vendors.errors import PermanentError

RETRY_POLICY = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""Retries for some minutes while a vendor fails; what is stored by then is not fetched again."""

NO_RUN_RETRIES = {MAX_RETRIES_TAG: "0"}
"""Tag of runs that the daemon does not retry."""

INTERRUPTED = "interrupted: what was stored by then stays"
"""Description of the failure of a cancelled step."""

_PERMANENT = (UsageError, PermanentError, RefusedCandles, SchemaTooNew)


@contextmanager
def step_without_retries(*, for_all_errors: bool) -> Iterator[None]:
    """Keep the step's policy from retrying errors that a person has to fix, and cancelled steps.

    Args:
        for_all_errors: don't retry any other error either, e.g. because a user waits for the result.

    Raises:
        dagster.Failure: in place of such an error.
    """
    try:
        yield
    except dg.Failure:
        raise
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as interrupt:
        # The policy would retry an interrupt like any other error.
        raise dg.Failure(INTERRUPTED, allow_retries=False) from interrupt
    except Exception as error:
        if for_all_errors or isinstance(error, _PERMANENT):
            raise dg.Failure(_one_line(error), allow_retries=False) from error
        raise


@contextmanager
def run_without_retries(context: dg.InitResourceContext) -> Iterator[None]:
    """Keep the daemon from retrying a run whose resources can't be opened until a person changes something."""
    try:
        yield
    except _PERMANENT:
        if context.run is not None and context.instance is not None:
            context.instance.add_run_tags(context.run.run_id, NO_RUN_RETRIES)
        raise


def _one_line(error: Exception) -> str:
    text = str(error) if isinstance(error, TradeMatrixError) else f"{type(error).__name__}: {error}"
    return text.partition("\n")[0]
