"""``tradematrix coverage``: which sessions are complete, and what is missing."""

from datetime import date, datetime, timedelta

import click

from tradematrix_pipelines.automation.closes import LOOKBACK
from tradematrix_pipelines.automation.healing import find_sparse, is_incomplete, next_try
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.cli.common import TradeDate, open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@click.option("--from", "first", type=TradeDate(), help="First trade date; default: 30 days ago.")
@click.option("--to", "last", type=TradeDate(), help="Last trade date; default: today.")
@click.option(
    "--timeframe",
    "timeframes",
    type=click.Choice([timeframe.value for timeframe in Timeframe]),
    multiple=True,
    help="Only these.",
)
@click.option("--open", "only_open", is_flag=True, help="Only what is partial, missing, failed or sparse.")
@json_option
def command(
    *,
    symbols: tuple[str, ...],
    first: date | None,
    last: date | None,
    timeframes: tuple[str, ...],
    only_open: bool,
    as_json: bool,
) -> None:
    """Show, per session, how many bars are expected and stored, and why one is not complete.

    With --open: the incomplete sessions. "next_try" is when one is fetched again by itself; "exhausted" ones have no
    more attempts and wait for `tradematrix retry`.
    """
    with open_database() as (_, database):
        chosen = find_symbols(database.engine, symbols, only_active=False) or read_symbols(database.engine)
        last = last or database.clock.now().date() + timedelta(days=1)
        first = first or last - LOOKBACK
        if first > last:
            raise UsageError(f"--from {first} is after --to {last}: swap them")
        wanted = [Timeframe(name) for name in timeframes] or list(Timeframe)
        stored, now = read_coverage(database.engine, chosen, wanted, first, last), database.clock.now()
        sparse = find_sparse(stored, now)
        rows = [_row(row, row in sparse, now) for row in stored if not only_open or row in sparse or _is_open(row, now)]
    show(rows, as_json=as_json, empty="nothing is open" if only_open else "no session has been fetched in this time")


def _row(row: StoredCoverage, sparse: bool, now: datetime) -> dict[str, object]:
    coverage = row.coverage
    return {
        "symbol": row.symbol,
        "timeframe": coverage.timeframe.value,
        "trade_date": coverage.trade_date,
        "status": coverage.status.value,
        "final": coverage.final,
        "expected": coverage.expected,
        "received": coverage.received,
        "rejected": coverage.rejected,
        "outside": coverage.outside,
        "longest_gap": coverage.longest_gap,
        "source": coverage.source,
        "attempts": row.attempts,
        "next_try": _next_try(row, now),
        "reason": "far fewer bars than usual" if sparse else coverage.error if coverage.ok else coverage.reason(),
    }


def _is_open(row: StoredCoverage, now: datetime) -> bool:
    return is_incomplete(row, now) or not row.coverage.ok


def _next_try(row: StoredCoverage, now: datetime) -> datetime | str | None:
    """Return when an incomplete session is fetched again by itself, or that it is exhausted."""
    if not is_incomplete(row, now):
        return None
    return row.coverage.retry_at or next_try(row) or "exhausted"
