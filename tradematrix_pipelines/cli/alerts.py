"""``tradematrix alerts``: tests the alert services, lists incidents, turns alerts of touched levels on and off."""

from datetime import timedelta

import click

from tradematrix_pipelines.alerts.channels import Alerter
from tradematrix_pipelines.alerts.incidents import RecordedIncident
from tradematrix_pipelines.cli.common import open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.watched import level_name
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.incidents import read_open, read_since
from tradematrix_pipelines.storage.symbols import set_touch_alerts

_RECENT = timedelta(days=30)


@click.group()
def command() -> None:
    """Test the alert services, list incidents, turn touch alerts on and off."""


@command.command()
def test() -> None:
    """Send a test message to every service in TRADEMATRIX_ALERT_URLS."""
    alerter = Alerter(load_settings().alert_urls)
    if not alerter.configured:
        raise UsageError(
            "nobody is notified: set TRADEMATRIX_ALERT_URLS to one or more Apprise URLs, separated by spaces; "
            "see docs/how-to/alerts.md for their form"
        )
    alerter.send("TradeMatrix: test", "This is a test message. Alerts of TradeMatrix arrive here.")
    services = len(alerter.schemes)
    click.echo(f"{services} service{'s' if services > 1 else ''} took the test message: {', '.join(alerter.schemes)}")


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also the closed ones of the last 30 days.")
@json_option
def list_incidents(*, everything: bool, as_json: bool) -> None:
    """List the open incidents."""
    with open_database() as (_, database):
        engine = database.engine
        incidents = read_since(engine, database.clock.now() - _RECENT) if everything else read_open(engine)
    show([_row(incident) for incident in incidents], as_json=as_json, empty="no incidents")


@command.command()
@click.argument("symbol")
@click.option("--on/--off", "on", default=None, help="Whether to notify when its price touches a level.")
@click.option(
    "--level",
    "levels",
    multiple=True,
    metavar="LEVEL",
    help="Only this level: PP, R1, y_high, 'camarilla R3' …; may be given several times. Turns the alerts on.",
)
def touches(*, symbol: str, on: bool | None, levels: tuple[str, ...]) -> None:
    """Turn the alerts of a symbol's touched levels on or off: of yesterday's prices and the pivot points, or of some.

    A pivot point without its method is of TRADEMATRIX_PIVOT_METHOD, else classic.
    """
    if on is None and not levels:
        raise UsageError("say --on or --off, or --level PP for this level alone")
    if levels and on is False:
        raise UsageError("--off is for all levels: give --level for those that are to stay on")
    turned_on = on is not False  # --level alone turns them on
    with open_database() as (settings, database):
        names = [level_name(level, method=settings.pivot_method) for level in levels] or None
        known = set_touch_alerts(database.engine, symbol, on=turned_on, levels=names)
    hint = "; nobody is notified until TRADEMATRIX_ALERT_URLS is set" if turned_on and not settings.alert_urls else ""
    of = f" for {', '.join(names)}" if names else ""
    click.echo(f"touch alerts of {known.name} are {'on' if turned_on else 'off'}{of}{hint}")


def _row(incident: RecordedIncident) -> dict[str, object]:
    return {
        "kind": str(incident.kind),
        "key": incident.key,
        "opened_at": incident.opened_at,
        "closed_at": incident.closed_at,
        "notified": (incident.opening_notified_at if incident.closed_at is None else incident.closing_notified_at)
        is not None,
        "detail": incident.message,
    }
