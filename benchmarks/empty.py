"""Dagster's least: a job that does nothing, and a sensor and a schedule that have nothing to do. Baseline of others."""

import dagster as dg


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job(executor_def=dg.in_process_executor)
def empty() -> None:
    """Run a step that does nothing."""
    nothing()


@dg.sensor(job=empty, minimum_interval_seconds=30)
def empty_sensor() -> dg.SkipReason:
    """Ask for nothing."""
    return dg.SkipReason("nothing to do")


@dg.schedule(job=empty, cron_schedule="* * * * *")
def empty_schedule() -> dg.SkipReason:
    """Ask for nothing."""
    return dg.SkipReason("nothing to do")


defs = dg.Definitions(jobs=[empty], sensors=[empty_sensor], schedules=[empty_schedule])
