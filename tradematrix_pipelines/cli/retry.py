"""``tradematrix retry``: fetches again everything that is incomplete, and nothing else."""

import uuid
from collections.abc import Sequence
from datetime import date, timedelta

import click

from tradematrix_pipelines.cli.backfill import Outcome, carry_out
from tradematrix_pipelines.cli.common import TradeDate, open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.cli.progress import watch
from tradematrix_pipelines.defs.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.defs.retry import (
    IncompletePartition,
    find_incomplete,
    plan_candle_retries,
    plan_levels_retries,
)
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols

_LOOK_BACK = timedelta(days=14)


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@click.option("--since", type=TradeDate(), help="First trade date; default: two weeks ago.")
@json_option
@click.pass_context
def command(ctx: click.Context, *, symbols: tuple[str, ...], since: date | None, as_json: bool) -> None:
    """Fetch all failed, partial and missing sessions again, and compute the levels that are missing."""
    with open_database() as (settings, database):
        chosen = find_symbols(database.engine, symbols) or read_symbols(database.engine)
        since = since or database.clock.now().date() - _LOOK_BACK
        before = find_incomplete(database, chosen, since=since, now=database.clock.now())
        stopped = _retry(settings, database, chosen, before, since) if before else []
        after = find_incomplete(database, chosen, since=since, now=database.clock.now())
    show(_rows(before, after), as_json=as_json, title="Retried", empty="nothing to retry")
    for outcome in stopped:
        click.echo(f"failed: {outcome.symbol.name}: {outcome.stopped_by}", err=True)
    ctx.exit(1 if after or stopped else 0)


def _retry(
    settings: Settings,
    database: Database,
    symbols: Sequence[Symbol],
    incomplete: Sequence[IncompletePartition],
    since: date,
) -> list[Outcome]:
    """Retry candles first, then the levels still missing; return the outcomes whose run failed as a whole."""
    defs, batch, now = build_defs(settings), uuid.uuid4().hex[:8], database.clock.now()
    outcomes = [Outcome(symbol) for symbol in symbols]
    total = sum(partition.asset != "daily_levels" for partition in incomplete)
    with open_instance(settings) as instance, watch(database, symbols, total=total, since=now, label="retry"):
        sync_symbols(instance, [symbol.name for symbol in read_symbols(database.engine)])
        for outcome in outcomes:
            for run in plan_candle_retries(outcome.symbol, incomplete):
                carry_out(instance, defs, run, outcome, refresh=False, batch=batch)
            missing = find_incomplete(database, [outcome.symbol], since=since, now=now)
            for run in plan_levels_retries(outcome.symbol, missing):
                carry_out(instance, defs, run, outcome, refresh=False, batch=batch)
    return [outcome for outcome in outcomes if outcome.stopped_by is not None]


def _rows(before: Sequence[IncompletePartition], after: Sequence[IncompletePartition]) -> list[dict[str, object]]:
    remaining = {(partition.asset, partition.symbol, partition.trade_date): partition for partition in after}
    known = {(partition.asset, partition.symbol, partition.trade_date): partition for partition in before} | remaining
    return [
        {
            "asset": partition.asset,
            "symbol": partition.symbol,
            "trade_date": partition.trade_date,
            "now": "incomplete" if key in remaining else "complete",
            "reason": partition.reason if key in remaining else None,
        }
        for key, partition in known.items()
    ]
