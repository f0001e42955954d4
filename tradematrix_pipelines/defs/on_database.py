"""Opens the market database for one tick of a sensor or schedule, without migrating it.

Not here: what the tick does; and how runs (``resources``) and commands open it, which do migrate the schema.
"""

from collections.abc import Callable
from typing import TypeVar

import dagster as dg

from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.schema import SchemaMismatch

Context = TypeVar("Context", dg.SensorEvaluationContext, dg.ScheduleEvaluationContext)
Result = TypeVar("Result")


def on_database(
    settings: Settings,
) -> Callable[[Callable[[Context, Database], Result]], Callable[[Context], Result | dg.SkipReason]]:
    """Turn a function of context and open database into a tick; a schema that does not match skips the tick."""

    def decorate(evaluate: Callable[[Context, Database], Result]) -> Callable[[Context], Result | dg.SkipReason]:
        def tick(context: Context) -> Result | dg.SkipReason:
            try:
                database = Database.connect(settings)
            except SchemaMismatch as mismatch:
                return dg.SkipReason(str(mismatch))
            with database:
                return evaluate(context, database)

        # Dagster names a sensor after its function; wraps() would also expose the database parameter.
        tick.__name__ = evaluate.__name__
        return tick

    return decorate
