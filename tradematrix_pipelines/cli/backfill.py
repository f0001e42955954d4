"""``tradematrix backfill``: fetches past sessions through Dagster, and reports what is stored afterwards."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime

import click

from tradematrix_pipelines.automation.runs import Run
from tradematrix_pipelines.candles.coverage import Coverage
from tradematrix_pipelines.cli.carrying import Outcome, open_carrier, submit_option
from tradematrix_pipelines.cli.common import open_database, sessions_options
from tradematrix_pipelines.cli.output import drop_usual, json_option, show
from tradematrix_pipelines.cli.progress import watch
from tradematrix_pipelines.defs.backfill import Task, plan_candle_runs, plan_levels_run
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols


@click.command()
@sessions_options
@click.option("--refresh", is_flag=True, help="Fetch complete sessions again, to take in revisions.")
@click.option(
    "--allow-doubtful", is_flag=True, help="Publish levels from doubtful sessions too; they are marked as doubtful."
)
@submit_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    symbols: tuple[str, ...],
    first: date,
    last: date | None,
    timeframes: tuple[Timeframe, ...],
    refresh: bool,
    allow_doubtful: bool,
    submitted: bool,
    as_json: bool,
) -> None:
    """Fetch the candles of past sessions, then compute the levels that follow from them.

    Runs through Dagster, so the UI shows it; with --submit where its launcher runs them, several at once. Sessions that
    are already complete cost nothing.
    """
    with open_database() as (settings, database):
        chosen = find_symbols(database.engine, symbols)
        wanted = list(timeframes) or list(Timeframe)
        outcomes = backfill(
            settings,
            database,
            chosen,
            first=first,
            last=last,
            timeframes=wanted,
            refresh=refresh,
            allow_doubtful=allow_doubtful,
            submitted=submitted,
        )
        report(database, outcomes, first, last or database.clock.now().date(), wanted, as_json=as_json)
    if not all(outcome.ok for outcome in outcomes):
        ctx.exit(1)


def backfill(
    settings: Settings,
    database: Database,
    symbols: Sequence[Symbol],
    *,
    first: date,
    last: date | None,
    timeframes: Sequence[Timeframe],
    refresh: bool = False,
    allow_doubtful: bool = False,
    levels: bool = True,
    submitted: bool = False,
    lines: bool = False,
) -> list[Outcome]:
    """Fetch candles and compute levels of these symbols; one that fails doesn't stop the others.

    Args:
        levels: whether levels are computed where ``timeframes`` has days.
        submitted: whether Dagster's queue has the runs, instead of this process.
        lines: whether its progress is printed line by line where standard error is no terminal.

    Raises:
        UsageError: the dates are invalid for one of the symbols; nothing has been done then.
    """
    now, batch = database.clock.now(), uuid.uuid4().hex[:8]
    planned = {
        symbol.name: plan_candle_runs(symbol, first, last, timeframes, settings=settings, now=now) for symbol in symbols
    }
    outcomes = [Outcome(symbol) for symbol in symbols]
    total = sum(run.partitions for runs in planned.values() for run in runs)
    with (
        watch(database, symbols, total=total, since=now, label="backfill", lines=lines),
        open_instance(settings) as instance,
        open_carrier(instance, settings, submitted=submitted) as carrier,
    ):
        sync_symbols(instance, [symbol.name for symbol in read_symbols(database.engine)])
        for group in carrier.groups(outcomes):
            carrier.carry_out(
                [
                    (outcome, Task(run=run, refresh=refresh, batch=batch))
                    for outcome in group
                    for run in planned[outcome.symbol.name]
                ]
            )
            following: list[tuple[Outcome, Task]] = []
            for outcome in group:
                runs = planned[outcome.symbol.name]
                if refresh and runs:
                    outcome.not_refreshed = _not_refreshed(database, outcome.symbol, runs, since=now)
                if levels and runs and Timeframe.D1 in timeframes and outcome.stopped_by is None:
                    begin, end = min(run.first for run in runs), max(run.last for run in runs)
                    run = plan_levels_run(outcome.symbol, begin, end, database=database, settings=settings, now=now)
                    if run is not None:
                        following.append((outcome, Task(run=run, allow_doubtful=allow_doubtful, batch=batch)))
            carrier.carry_out(following)
    return outcomes


def _not_refreshed(database: Database, symbol: Symbol, runs: Sequence[Run], *, since: datetime) -> list[Coverage]:
    timeframes = list({timeframe for run in runs for timeframe in run.timeframes})
    first, last = min(run.first for run in runs), max(run.last for run in runs)
    rows = read_coverage(database.engine, [symbol], timeframes, first, last)
    return [row.coverage for row in rows if row.coverage.ok and row.coverage.error and row.checked_at >= since]


def report(
    database: Database,
    outcomes: Sequence[Outcome],
    first: date,
    last: date,
    timeframes: Sequence[Timeframe],
    *,
    as_json: bool,
) -> None:
    """Print what is stored per symbol and timeframe, then what failed, and why."""
    rows = _rows(database, outcomes, first, last, timeframes)
    if not as_json:
        drop_usual(rows, "doubtful", 0)
        drop_usual(rows, "pruned", 0)
    show(rows, as_json=as_json, title="Sessions stored")
    report_failures(outcomes)


def report_failures(outcomes: Sequence[Outcome]) -> None:
    """Print what failed, and why, on standard error."""
    for outcome in outcomes:
        _report_failures(outcome)
        for kept in outcome.not_refreshed[:10]:
            what = f"{outcome.symbol.name} {kept.timeframe} {kept.trade_date}"
            click.echo(f"not refreshed: {what}: {kept.error}; what is stored stays", err=True)
        if len(outcome.not_refreshed) > 10:
            click.echo(f"… and {len(outcome.not_refreshed) - 10} more of {outcome.symbol.name}", err=True)
        if outcome.stopped_by is not None:
            click.echo(f"failed: {outcome.symbol.name}: {outcome.stopped_by}", err=True)


def _report_failures(outcome: Outcome) -> None:
    """Print each reason once an asset: where a file is missing, all sessions fail for the same."""
    groups: dict[tuple[str, str], list[str]] = {}
    for failure in outcome.failed:
        groups.setdefault((failure.asset, failure.reason), []).append(failure.partition)
    for (asset, reason), (partition, *more) in list(groups.items())[:10]:
        others = f" and {len(more)} more" if more else ""
        click.echo(f"failed: {asset} {partition}{others}: {reason}", err=True)
    rest = sum(map(len, list(groups.values())[10:]))
    if rest:
        click.echo(f"… and {rest} more of {outcome.symbol.name}", err=True)


def _rows(
    database: Database, outcomes: Sequence[Outcome], first: date, last: date, timeframes: Sequence[Timeframe]
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for outcome in outcomes:
        sessions = [row.coverage for row in read_coverage(database.engine, [outcome.symbol], timeframes, first, last)]
        for timeframe in timeframes:
            series = [coverage for coverage in sessions if coverage.timeframe is timeframe]
            status = [coverage.status.value for coverage in series]
            counts = {name: status.count(name) for name in ("complete", "partial", "missing", "failed", "closed")}
            rows.append(
                {
                    "symbol": outcome.symbol.name,
                    "timeframe": timeframe.value,
                    **counts,
                    "doubtful": sum(coverage.is_doubtful for coverage in series),
                    "pruned": sum(coverage.is_pruned for coverage in series),
                    "candles": sum(coverage.received for coverage in series if not coverage.is_pruned),
                }
            )
    return rows
