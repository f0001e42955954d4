"""``tradematrix demo``: from nothing to levels on the terminal and the lineage in the UI."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta

import click

from tradematrix_pipelines.cli.backfill import backfill, report_failures
from tradematrix_pipelines.cli.heartbeat import waiting_for
from tradematrix_pipelines.cli.levels import show_levels
from tradematrix_pipelines.cli.one_up import OneUp
from tradematrix_pipelines.cli.services import Services, free_port, ui_url
from tradematrix_pipelines.cli.stored_history import with_stored_history
from tradematrix_pipelines.cli.up import (
    board_port_option,
    board_socket,
    host_option,
    no_board_option,
    port_option,
)
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.run_tags import BY_TAG
from tradematrix_pipelines.defs.internals.runs import run_dates
from tradematrix_pipelines.defs.registry import MORNING_REPORT
from tradematrix_pipelines.defs.retry_policy import NO_RUN_RETRIES
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.levels import read_level_dates
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.vendors.provenance import SIMULATED

_SIMULATED = """
  ┌────────────────────────────────────────────────────────────────────────────┐
  │  THESE PRICES ARE SIMULATED. They are made up; do not trade on them.       │
  │  For real ones: get a key at twelvedata.com, then                          │
  │      export TWELVE_DATA_API_KEY=<key>    and a new TRADEMATRIX_HOME        │
  └────────────────────────────────────────────────────────────────────────────┘
"""


_NEXT = """
Three things to try in another terminal, after `. .venv/bin/activate`:
  tradematrix report --open              the morning page: charts, levels with distances, outcomes
  tradematrix levels DAX --book          every level of the session, and when it could be known
  tradematrix backfill DAX --last 3m     more minutes, and levels: the UI shows the runs
"""

_DAYS = 160
"""Sessions of days: more than any level reaches back, the previous quarter and Wilder's average range included."""


@click.command()
@click.option("--exit", "leave", is_flag=True, help="Stop after the levels instead of opening the UI.")
@click.option(
    "--sessions", type=click.IntRange(min=1), default=10, show_default=True, help="Sessions to fetch minute by minute."
)
@host_option
@port_option
@board_port_option
@no_board_option
@click.pass_context
def command(
    ctx: click.Context, *, leave: bool, sessions: int, host: str, port: int, board_port: int, no_board: bool
) -> None:
    """Fetch the last sessions of all symbols, show the coming levels, open the UI and the board.

    Minutes of the last sessions, and days that reach back far enough for every level. Where the port is taken, the UI
    opens on the next free one.
    """
    settings = load_settings()
    if leave:
        with _opened(settings) as database:
            ctx.exit(0 if _fill(settings, database, sessions) else 1)
    free = free_port(host, port)
    with OneUp(settings.home, url=ui_url(host, free)) as up:
        if free != port:
            click.echo(f"port {port} is taken: the UI opens on {ui_url(host, free)}")
        board = board_socket(ctx, host, board_port, no_board=no_board, beside=free)
        with _opened(settings) as database:
            _fill(settings, database, sessions)
            settings = with_stored_history(settings, database)
            Services(settings, host=host, port=free, board=board, up=up).run()


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    """Open the database, which may take a server's start and every migration."""
    with ExitStack() as stack:
        with waiting_for("opening the database"):
            database = stack.enter_context(Database.open(settings))
        yield database


def make_pages(settings: Settings, database: Database) -> None:
    """Make the morning page of each trade date that has levels."""
    dates = read_level_dates(database.engine)
    if dates:
        with open_instance(settings) as instance:
            run_dates(
                instance,
                build_defs(settings),
                MORNING_REPORT,
                first=dates[0],
                last=dates[-1],
                tags={BY_TAG: "cli", **NO_RUN_RETRIES},
                location=settings.code_location,
            )


def _fill(settings: Settings, database: Database, sessions: int) -> bool:
    """Fetch and store the last sessions, and show the levels; return whether all of them succeeded."""
    if settings.vendor_name == SIMULATED:
        click.secho(_SIMULATED, fg="yellow", bold=True)
    symbols = read_symbols(database.engine)
    names = ", ".join(symbol.name for symbol in symbols)
    outcomes = []
    for count, timeframes, levels in ((_DAYS, [Timeframe.H1, Timeframe.D1], False), (sessions, list(Timeframe), True)):
        first = min(_sessions_back(symbol, database.clock.now(), count) for symbol in symbols)
        click.echo(f"Fetching {', '.join(timeframes)} of {names} since {first}")
        outcomes += backfill(
            settings,
            database,
            symbols,
            first=first,
            last=None,
            timeframes=timeframes,
            levels=levels,
            lines=True,
        )
    report_failures(outcomes)
    with waiting_for("making the morning pages"):
        make_pages(settings, database)
    click.echo("\nLevels to trade the coming session with")
    show_levels(database, symbols, None, method=settings.pivot_method, as_json=False)
    click.echo(_NEXT)
    return all(outcome.ok for outcome in outcomes)


def _sessions_back(symbol: Symbol, now: datetime, count: int) -> date:
    """Return the trade date of the ``count``-th last session that has closed at ``now``."""
    calendar = calendar_of(symbol)
    closed = [
        s for s in calendar.sessions(now.date() - timedelta(days=3 * count + 20), now.date()) if s.closes_at <= now
    ]
    return closed[-count].trade_date
