"""Assets, asset checks, jobs, schedules and sensors, from the definitions that Dagster loads."""

from functools import cache

import dagster as dg

from docs.generate.markdown import code, prose, table
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.settings import load_settings


@cache
def _definitions() -> dg.Definitions:
    return build_defs(load_settings({}))


def assets() -> str:
    """Return a row for each asset, upstream first."""
    graph = _definitions().resolve_asset_graph()
    rows = []
    for key in graph.toposorted_asset_keys:
        asset = graph.get(key)
        upstream = sorted(parent.to_user_string() for parent in asset.parent_keys)
        rows.append(
            (
                f"`{key.to_user_string()}`",
                asset.group_name,
                _partitions(asset.partitions_def),
                code(upstream),
                prose(_line(asset.description)),
            )
        )
    return table(("asset", "group", "partitions", "upstream", "what"), rows)


def checks() -> str:
    """Return a row for each check, with the assets that have it."""
    graph = _definitions().resolve_asset_graph()
    by_name: dict[str, list[str]] = {}
    texts: dict[str, str | None] = {}
    for key in sorted(graph.asset_check_keys):
        by_name.setdefault(key.name, []).append(key.asset_key.to_user_string())
        texts.setdefault(key.name, graph.get_check_spec(key).description)
    rows = [(f"`{name}`", code(of), prose(_line(texts[name]))) for name, of in sorted(by_name.items())]
    return table(("check", "assets", "passes when"), rows)


def automation() -> str:
    """Return the tables of jobs, schedules and sensors."""
    definitions = _definitions()
    jobs = [
        (f"`{job.name}`", prose(_line(job.description)))
        for job in sorted(definitions.resolve_all_job_defs(), key=lambda job: job.name)
        if not job.name.startswith("__")
    ]
    schedules = [
        (f"`{one.name}`", f"`{one.cron_schedule}`", one.execution_timezone or "UTC", prose(_line(one.description)))
        for one in sorted(definitions.schedules or [], key=lambda one: one.name)
        if isinstance(one, dg.ScheduleDefinition)
    ]
    sensors = [
        (f"`{one.name}`", f"{one.minimum_interval_seconds} s", prose(_line(one.description)))
        for one in sorted(definitions.sensors or [], key=lambda one: one.name)
    ]
    return "\n".join(
        [
            f"### Jobs\n\n{table(('job', 'what it does'), jobs)}",
            f"### Schedules\n\n{table(('schedule', 'cron', 'zone', 'what it does'), schedules)}",
            f"### Sensors\n\n{table(('sensor', 'ticks every', 'what it does'), sensors)}",
        ]
    )


def _partitions(partitions: dg.PartitionsDefinition | None) -> str:
    if partitions is None:
        return "none"
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        return " x ".join(dimension.name for dimension in partitions.partitions_defs)
    return "date"


def _line(text: str | None) -> str:
    return " ".join((text or "").split())
