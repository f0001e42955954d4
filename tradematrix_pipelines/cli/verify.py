"""``tradematrix verify``: asks for stored sessions again, compares, and with ``--correct`` takes in what differs.

Here: the command. Not here: the sample and the comparison (``storage.verifying``), which the asset ``verification``
shares.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from typing import Any

import click

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.cli.backfill import backfill
from tradematrix_pipelines.cli.common import TradeDate, open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.ingest.verifying import Verification
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.verification import Outcome
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import read_coverage, stored_sources
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols
from tradematrix_pipelines.storage.verifications import sample_sessions
from tradematrix_pipelines.storage.verifying import allowance_left, verify
from tradematrix_pipelines.vendors.provenance import check_unmixed
from tradematrix_pipelines.vendors.registry import open_vendors

_DAY = timedelta(days=1)


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@click.option("--from", "first", type=TradeDate(), help="First trade date; default: the start of history.")
@click.option("--to", "last", type=TradeDate(), help="Last trade date; default: today.")
@click.option("--sample", type=click.IntRange(min=1), help="Most sessions to ask for; default: what is allowed.")
@click.option("--correct", is_flag=True, help="Fetch sessions again that differ from their own vendor's.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    symbols: tuple[str, ...],
    first: date | None,
    last: date | None,
    sample: int | None,
    correct: bool,
    as_json: bool,
) -> None:
    """Ask for a sample of complete past sessions again, and compare them with what is stored.

    Each is asked of the vendor that it came from, and of the next one that serves the symbol. Costs credits, up to
    TRADEMATRIX_VERIFY_CREDITS a day. Nothing is changed without --correct. Exit code 1: a session differs.
    """
    with open_database() as (settings, database):
        chosen = find_symbols(database.engine, symbols) or read_symbols(database.engine)
        first = first or settings.history_start
        last = last or database.clock.now().date() + _DAY
        if first > last:
            raise UsageError(f"--from {first} is after --to {last}: swap them")
        results = _verify(database, settings, chosen, first=first, last=last, sample=sample)
        different = [row for row in results if row.own and row.comparison.outcome is Outcome.DIFFERENT]
        corrected = _correct(database, settings, chosen, different) if correct else set()
    rows = [_row(result, corrected, as_json=as_json) for result in results]
    show(rows, as_json=as_json, title="Verified", empty="no complete session is stored there")
    left = [row for row in results if row.comparison.outcome is Outcome.DIFFERENT and _key(row) not in corrected]
    if left and not correct and not as_json:
        click.echo("what its own vendor says otherwise is taken in with --correct")
    ctx.exit(1 if left else 0)


def _verify(
    database: Database,
    settings: Settings,
    symbols: Sequence[Symbol],
    *,
    first: date,
    last: date,
    sample: int | None,
) -> list[Verification]:
    now = database.clock.now()
    allowance = allowance_left(database, settings, now)
    if not settings.verify_credits:
        raise UsageError("no credits are allowed for this: set TRADEMATRIX_VERIFY_CREDITS to some, 20 by default")
    if not allowance:
        raise TradeMatrixError(
            f"today's {settings.verify_credits} credits for verification are spent: wait for midnight UTC, or raise "
            "TRADEMATRIX_VERIFY_CREDITS"
        )
    with ExitStack() as stack:
        for name in (settings.vendor_name, *settings.fallback_vendors):
            check_unmixed(name, stored_sources(database.engine))
        vendors = stack.enter_context(open_vendors(settings, ledger=open_ledger(database.engine, settings)))
        sessions = sample_sessions(
            database.engine,
            symbols,
            vendors=[vendor.name for vendor in vendors],
            first=first,
            last=last,
            seed=str(now.date()),
            most=min(allowance, sample or allowance),
            now=now,
        )
        return list(verify(database, vendors, sessions, allowance=allowance))


def _correct(
    database: Database, settings: Settings, symbols: Sequence[Symbol], different: Sequence[Verification]
) -> set[tuple[str, date]]:
    """Fetch the sessions again, as a backfill with --refresh does; return those that were."""
    by_name = {symbol.name: symbol for symbol in symbols}
    corrected = set()
    for name, day in sorted({_key(row) for row in different}):
        symbol = by_name[name]
        outcomes = backfill(
            settings, database, [symbol], first=day, last=day, timeframes=_stored(database, symbol, day), refresh=True
        )
        if all(outcome.ok for outcome in outcomes):
            corrected.add((name, day))
    return corrected


def _stored(database: Database, symbol: Symbol, day: date) -> list[Timeframe]:
    """Return the timeframes of which a session is stored."""
    rows = read_coverage(database.engine, [symbol], list(Timeframe), day, day)
    return [row.coverage.timeframe for row in rows if row.coverage.verdict is not Verdict.REFUSED]


def _key(row: Verification) -> tuple[str, date]:
    return row.symbol, row.trade_date


def _row(result: Verification, corrected: set[tuple[str, date]], *, as_json: bool) -> dict[str, Any]:
    comparison = result.comparison
    is_corrected = result.own and comparison.outcome is Outcome.DIFFERENT and _key(result) in corrected
    row: dict[str, Any] = {
        "symbol": result.symbol,
        "trade_date": result.trade_date,
        "timeframe": str(result.timeframe),
        "vendor": result.vendor,
        "outcome": "corrected" if is_corrected and not as_json else str(comparison.outcome),
        "largest": comparison.largest,
    }
    if as_json:
        return {
            **row,
            "at": comparison.at,
            "what": comparison.what,
            "bars": comparison.bars,
            "reason": comparison.reason,
            "corrected": is_corrected,
        }
    at = "" if comparison.at is None else f" at {comparison.at:%m-%d %H:%M}"
    return {**row, "reason": comparison.reason or (f"{comparison.what}{at}" if comparison.what else None)}
