"""``tradematrix demo``: from nothing to levels on the terminal and the lineage in the UI."""

from datetime import date, datetime, timedelta

import click

from tradematrix_pipelines.cli.backfill import backfill, report
from tradematrix_pipelines.cli.levels import show_levels
from tradematrix_pipelines.cli.one_up import OneUp
from tradematrix_pipelines.cli.services import Services, check_port, ui_url
from tradematrix_pipelines.cli.up import host_option, port_option
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols

_SIMULATED = """
  ┌────────────────────────────────────────────────────────────────────────────┐
  │  THESE PRICES ARE SIMULATED. They are made up; do not trade on them.       │
  │  For real ones: get a key at twelvedata.com, then                          │
  │      export TWELVE_DATA_API_KEY=<key>    and a new TRADEMATRIX_HOME        │
  └────────────────────────────────────────────────────────────────────────────┘
"""


@click.command()
@click.option("--exit", "leave", is_flag=True, help="Stop after the levels instead of opening the UI.")
@click.option("--sessions", type=click.IntRange(min=1), default=10, show_default=True, help="Sessions to fetch.")
@host_option
@port_option
@click.pass_context
def command(ctx: click.Context, *, leave: bool, sessions: int, host: str, port: int) -> None:
    """Fetch the last sessions of all symbols and timeframes, show the coming levels, open the UI."""
    settings = load_settings()
    if leave:
        with Database.open(settings) as database:
            ctx.exit(0 if _fill(settings, database, sessions) else 1)
    with OneUp(settings.home, url=ui_url(host, port)) as up:
        check_port(host, port)
        with Database.open(settings) as database:
            _fill(settings, database, sessions)
            Services(settings, host=host, port=port, up=up).run()


def _fill(settings: Settings, database: Database, sessions: int) -> bool:
    """Fetch and store the last sessions, and show the result; return whether all of them succeeded."""
    simulated = settings.vendor_name == "simulator"
    if simulated:
        click.secho(_SIMULATED, fg="yellow", bold=True)
    symbols, now = read_symbols(database.engine), database.clock.now()
    first = min(_sessions_back(symbol, now, sessions) for symbol in symbols)
    click.echo(f"Fetching the last {sessions} sessions of {', '.join(symbol.name for symbol in symbols)}")
    outcomes = backfill(settings, database, symbols, first=first, last=None, timeframes=list(Timeframe))
    report(database, outcomes, first, now.date(), list(Timeframe), as_json=False)
    click.echo("\nLevels for the coming session" + (" (SIMULATED)" if simulated else ""))
    show_levels(database, symbols, None, as_json=False)
    return all(outcome.ok for outcome in outcomes)


def _sessions_back(symbol: Symbol, now: datetime, count: int) -> date:
    """Return the trade date of the ``count``-th last session that has closed at ``now``."""
    calendar = calendar_of(symbol)
    closed = [
        s for s in calendar.sessions(now.date() - timedelta(days=3 * count + 20), now.date()) if s.closes_at <= now
    ]
    return closed[-count].trade_date
