"""``tradematrix plan``: what a backfill will cost, before it runs."""

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import date

import click

from tradematrix_pipelines.cli.common import open_database, sessions_options
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.defs.backfill import plan_candle_runs
from tradematrix_pipelines.ingest.pricing import SeriesPrice, pace, price_symbol
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.history_starts import open_history
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.vendors.credits import UNLIMITED, NoLedger, Plan
from tradematrix_pipelines.vendors.protocol import Vendor
from tradematrix_pipelines.vendors.registry import open_vendor, plan_in_force


@click.command()
@sessions_options
@json_option
def command(
    *, symbols: tuple[str, ...], first: date, last: date | None, timeframes: tuple[Timeframe, ...], as_json: bool
) -> None:
    """Price a backfill at the vendor: calls, credits, and minutes at the plan's pace. Nothing is fetched or stored."""
    wanted = list(timeframes) or list(Timeframe)
    with open_database() as (settings, database):
        chosen = find_symbols(database.engine, symbols)
        with closing(open_vendor(settings, ledger=NoLedger())) as vendor:
            rows = [
                _row(settings, database, vendor, symbol, first=first, last=last, timeframes=wanted) for symbol in chosen
            ]
    credits_ = sum(int(str(row["credits"])) for row in rows)
    plan = plan_in_force(settings)
    time_needed = pace(credits_, plan)
    if as_json:
        total = {"credits": credits_, "minutes": time_needed.minutes, "days": time_needed.days}
        click.echo(json.dumps({"symbols": rows, **total}, indent=2))
        return
    show(rows, as_json=False, title="Cost of this backfill")
    click.echo(f"{credits_} credits of {settings.vendor_name}" + _duration(time_needed.minutes, time_needed.days, plan))


def _duration(minutes: int, days: int, plan: Plan) -> str:
    if plan == UNLIMITED:
        return ", which has no limit"
    more = f", over {days} days" if days > 1 else ""
    return f": about {minutes} minutes at the plan's pace, live pulls left alone{more}"


def _row(
    settings: Settings,
    database: Database,
    vendor: Vendor,
    symbol: Symbol,
    *,
    first: date,
    last: date | None,
    timeframes: Sequence[Timeframe],
) -> dict[str, object]:
    now, calendar = database.clock.now(), calendar_of(symbol)
    runs = plan_candle_runs(symbol, first, last, timeframes, settings=settings, now=now)
    begin, end = min(run.first for run in runs), max(run.last for run in runs)
    rows = read_coverage(database.engine, [symbol], list(Timeframe), begin, end)
    done = {(r.coverage.timeframe, r.coverage.trade_date) for r in rows if r.coverage.is_settled}
    pruned = {(r.coverage.timeframe, r.coverage.trade_date) for r in rows if r.coverage.is_pruned}
    days = [session.trade_date for session in calendar.sessions(begin, end)]
    prices = price_symbol(
        vendor,
        symbol,
        dates={timeframe: [day for day in days if (timeframe, day) not in done] for timeframe in timeframes},
        stored={timeframe: [day for day in days if (timeframe, day) in done - pruned] for timeframe in INTRADAY},
        calendar=calendar,
        now=now,
        history=open_history(database.engine, symbol, clock=database.clock),
    )
    return {
        "symbol": symbol.name,
        "sessions": len(days),
        "complete": sum(all((timeframe, day) in done for timeframe in timeframes) for day in days),
        "bars": sum(price.bars for price in prices),
        "calls": sum(price.credits for price in prices),
        "credits": sum(price.credits for price in prices),
        "asked_for": _asked_for(prices),
    }


def _asked_for(prices: Sequence[SeriesPrice]) -> str:
    calls = [f"{price.calls} x {price.timeframe}" for price in prices]
    lookups = sum(price.lookups for price in prices)
    return ", ".join([*calls, *([f"{lookups} x start of history"] if lookups else [])]) or "nothing"
