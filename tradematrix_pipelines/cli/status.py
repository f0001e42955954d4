"""``tradematrix status``: whether ``up`` runs in this home, and its processes."""

import json

import click

from tradematrix_pipelines.cli.one_up import read_up
from tradematrix_pipelines.cli.output import json_option
from tradematrix_pipelines.postgres.cluster import Cluster
from tradematrix_pipelines.settings import Settings, load_settings


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Show whether `up` runs in this home, where its UI and board are, since when, and its processes. Starts nothing.

    Exits with 0 where it runs, else with 1.
    """
    settings = load_settings()
    up, server = read_up(settings.home), None if settings.database_url else Cluster(settings.home / "postgres").pid
    if as_json:
        state = {
            "running": up is not None,
            "pid": up and up.pid,
            "url": up and up.url,
            "board_url": up and up.board_url,
            "since": up and up.since.isoformat(),
            "services": [{"name": s.name, "pid": s.pid, "restarts": s.restarts} for s in (up.services if up else ())],
            "database": {"embedded": settings.database_url is None, "pid": server},
            "home": str(settings.home),
        }
        click.echo(json.dumps(state, indent=2))
    elif up is None:
        click.echo(f"not running in {settings.home}; {_database(settings, server)}")
    else:
        click.echo(f"running, pid {up.pid}, since {up.since:%Y-%m-%d %H:%M:%S} UTC, UI on {up.url}")
        if up.board_url is not None:
            click.echo(f"board on {up.board_url}")
        for service in up.services:
            click.echo(f"{service.name}: pid {service.pid}, restarted {service.restarts} times")
        click.echo(_database(settings, server))
    ctx.exit(0 if up is not None else 1)


def _database(settings: Settings, server: int | None) -> str:
    if settings.database_url:
        return "database: the server of TRADEMATRIX_DATABASE_URL"
    return f"database: embedded, {'not running' if server is None else f'pid {server}'}"
