"""How a sensor or schedule gets at the market database: opened for one tick, and never migrated by it.

Not here: what it does there; and how runs (``resources``) and commands open it, which bring the schema up to date.
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
    """Make a tick of a function of its context and the open database; a schema that does not fit skips the tick."""

    def decorate(evaluate: Callable[[Context, Database], Result]) -> Callable[[Context], Result | dg.SkipReason]:
        def tick(context: Context) -> Result | dg.SkipReason:
            try:
                database = Database.connect(settings)
            except SchemaMismatch as mismatch:
                return dg.SkipReason(str(mismatch))
            with database:
                return evaluate(context, database)

        # Dagster names a sensor after its function; wraps() would show it the parameter that is not its own.
        tick.__name__ = evaluate.__name__
        return tick

    return decorate
