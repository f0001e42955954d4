"""``tradematrix alerts``: try the alert services, list incidents, turn the alerts of touched levels on and off."""

from datetime import timedelta

import click

from tradematrix_pipelines.alerts.channels import Alerter
from tradematrix_pipelines.alerts.incidents import RecordedIncident
from tradematrix_pipelines.cli.common import open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.incidents import read_open, read_since
from tradematrix_pipelines.storage.symbols import set_touch_alerts

_RECENT = timedelta(days=30)


@click.group()
def command() -> None:
    """Try the alert services, list incidents, turn touch alerts on and off."""


@command.command()
def test() -> None:
    """Send a test message to every service in TRADEMATRIX_ALERT_URLS."""
    alerter = Alerter(load_settings().alert_urls)
    if not alerter.configured:
        raise UsageError(
            "there is nobody to tell: set TRADEMATRIX_ALERT_URLS to one or more Apprise URLs, separated by spaces; "
            "docs/alerts.md says how they are written"
        )
    alerter.send("TradeMatrix: test", "This is a test message. Alerts of TradeMatrix arrive here.")
    services = len(alerter.schemes)
    click.echo(f"{services} service{'s' if services > 1 else ''} took the test message: {', '.join(alerter.schemes)}")


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over, of the last 30 days, too.")
@json_option
def list_incidents(*, everything: bool, as_json: bool) -> None:
    """List the open incidents."""
    with open_database() as (_, market):
        engine = market.engine
        found = read_since(engine, market.clock.now() - _RECENT) if everything else read_open(engine)
    show([_row(incident) for incident in found], as_json=as_json, empty="no incidents")


@command.command()
@click.argument("symbol")
@click.option("--on/--off", "on", default=None, help="Whether to tell of levels that its price touches.")
def touches(*, symbol: str, on: bool | None) -> None:
    """Turn the alerts of a symbol's touched levels on or off."""
    if on is None:
        raise UsageError("say --on or --off")
    with open_database() as (settings, market):
        set_touch_alerts(market.engine, symbol, on=on)
    unheard = "; nobody hears them before TRADEMATRIX_ALERT_URLS is set" if on and not settings.alert_urls else ""
    click.echo(f"touch alerts of {symbol} are {'on' if on else 'off'}{unheard}")


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
