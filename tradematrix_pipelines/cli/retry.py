"""``tradematrix retry``: fetches again everything that is incomplete, and nothing else."""

import uuid
from collections.abc import Sequence
from datetime import date, timedelta

import click

from tradematrix_pipelines.automation.backlog import Cause, FetchTask
from tradematrix_pipelines.automation.runs import plan_runs
from tradematrix_pipelines.cli.carrying import Outcome, open_carrier, submit_option
from tradematrix_pipelines.cli.common import TradeDate, open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.cli.progress import watch
from tradematrix_pipelines.defs.backfill import Task
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols
from tradematrix_pipelines.storage.trading_day_state import read_backlog

_LOOK_BACK = timedelta(days=14)


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@click.option("--since", type=TradeDate(), help="First trade date; default: two weeks ago.")
@submit_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, *, symbols: tuple[str, ...], since: date | None, submitted: bool, as_json: bool
) -> None:
    """Fetch all failed, partial, missing and doubtful sessions again, and compute the levels that are missing."""
    with open_database() as (settings, database):
        chosen = find_symbols(database.engine, symbols) or read_symbols(database.engine)
        since = since or database.clock.now().date() - _LOOK_BACK
        before = _incomplete(database, chosen, since)
        stopped = _retry(settings, database, chosen, before, since, submitted=submitted) if before else []
        after = _incomplete(database, chosen, since)
    show(_rows(before, after), as_json=as_json, title="Retried", empty="nothing to retry")
    for outcome in stopped:
        click.echo(f"failed: {outcome.symbol.name}: {outcome.stopped_by}", err=True)
    ctx.exit(1 if after or stopped else 0)


def _incomplete(database: Database, symbols: Sequence[Symbol], since: date) -> list[FetchTask]:
    """Return the sessions that are incomplete or doubtful, and the levels that are missing."""
    tasks = read_backlog(database, symbols, database.clock.now(), since=since)
    return [task for task in tasks if task.cause is not Cause.SPARSE]


def _retry(
    settings: Settings,
    database: Database,
    symbols: Sequence[Symbol],
    incomplete: Sequence[FetchTask],
    since: date,
    *,
    submitted: bool,
) -> list[Outcome]:
    """Retry candles first, then the levels still missing; return the outcomes whose run failed as a whole."""
    batch, now = uuid.uuid4().hex[:8], database.clock.now()
    outcomes = [Outcome(symbol) for symbol in symbols]
    candles = [task for task in incomplete if task.timeframe is not None]
    with (
        open_instance(settings) as instance,
        open_carrier(instance, settings, submitted=submitted) as carrier,
        watch(database, symbols, total=len(candles), since=now, label="retry"),
    ):
        sync_symbols(instance, [symbol.name for symbol in read_symbols(database.engine)])
        for group in carrier.groups(outcomes):
            carrier.carry_out(
                [
                    (outcome, Task(run=run, refresh=run.refresh, batch=batch))
                    for outcome in group
                    for run in plan_runs(task for task in candles if task.symbol.name == outcome.symbol.name)
                ]
            )
            missing = [task for task in _incomplete(database, [o.symbol for o in group], since) if not task.timeframe]
            carrier.carry_out(
                [
                    (outcome, Task(run=run, batch=batch))
                    for outcome in group
                    for run in plan_runs(task for task in missing if task.symbol.name == outcome.symbol.name)
                ]
            )
    return [outcome for outcome in outcomes if outcome.stopped_by is not None]


def _rows(before: Sequence[FetchTask], after: Sequence[FetchTask]) -> list[dict[str, object]]:
    remaining = {task.target: task for task in after}
    known = {task.target: task for task in before} | remaining
    return [
        {
            "asset": target.asset if task.timeframe is not None else "daily_levels",
            "symbol": target.symbol,
            "trade_date": target.trade_date,
            "now": _state(task) if target in remaining else "complete",
            "reason": task.reason if target in remaining else None,
        }
        for target, task in known.items()
    ]


def _state(task: FetchTask) -> str:
    return "doubtful" if task.cause is Cause.DOUBTFUL else "incomplete"
