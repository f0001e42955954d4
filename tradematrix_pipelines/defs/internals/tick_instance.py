"""Dagster's instance for ticks: Dagster opens one for each tick that asks for it, and closes it at the tick's end.

Here: opening one that stays, and giving it to a tick's context. Where Dagster has moved what this takes, a tick opens
its own as before.
"""

from contextlib import ExitStack
from contextvars import copy_context

import dagster as dg

Context = dg.SensorEvaluationContext | dg.ScheduleEvaluationContext


def open_instance_of(context: Context, stack: ExitStack) -> dg.DagsterInstance | None:
    """Open the instance that a tick's context refers to, until ``stack`` ends; ``None`` = it refers to none."""
    reference = context.instance_ref
    if reference is None:
        return None
    # An open instance is the current one of those who load definitions in its block. This one outlives the tick, so
    # that it is current in a context of its own: left in the tick's, it would be found there when it is closed.
    own = copy_context()
    instance = own.run(dg.DagsterInstance.from_ref(reference).__enter__)
    stack.callback(own.run, instance.__exit__, None, None, None)
    return instance


def lend_instance(context: Context, instance: dg.DagsterInstance | None) -> None:
    """Give an open instance to a tick whose context has none yet."""
    if instance is not None and getattr(context, "_instance", instance) is None:
        context._instance = instance  # noqa: SLF001 - what this is about
