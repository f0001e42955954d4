"""Opens the market database for one tick of a sensor or schedule, without migrating it.

Not here: what the tick does; what a code server keeps open between ticks (``kept_open``); and how runs (``resources``)
and commands open it, which do migrate the schema.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

import dagster as dg

from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.schema import SchemaMismatch

Context = TypeVar("Context", dg.SensorEvaluationContext, dg.ScheduleEvaluationContext)
Result = TypeVar("Result")


def on_database(
    settings: Settings,
) -> Callable[[Callable[[Context, Database], Result]], Callable[[Context], Result | dg.SkipReason]]:
    """Turn a function of context and open database into a tick; a schema that does not match skips the tick."""
    kept = installation().kept

    def decorate(evaluate: Callable[[Context, Database], Result]) -> Callable[[Context], Result | dg.SkipReason]:
        def tick(context: Context) -> Result | dg.SkipReason:
            with ExitStack() as stack:
                try:
                    database = stack.enter_context(Database.connect(settings) if kept is None else kept.lent(context))
                except SchemaMismatch as mismatch:
                    return dg.SkipReason(str(mismatch))
                return evaluate(context, database)

        # Dagster names a sensor after its function; wraps() would also expose the database parameter.
        tick.__name__ = evaluate.__name__
        return tick

    return decorate
