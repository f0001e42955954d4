"""``tradematrix prune``: deletes candles that are old.

Here: the command. Not here: what is deleted, and what is not (``storage.pruning``).
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter

import click
from sqlalchemy import Engine

from tradematrix_pipelines.cli.common import Span, TimeframeName, open_database
from tradematrix_pipelines.cli.output import json_option, note, show
from tradematrix_pipelines.cli.progress import count_steps
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.pruning import (
    MonthToPrune,
    Pruned,
    count_month,
    free_space,
    months_to_prune,
    prune_month,
)
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols


@click.command()
@click.option("--older-than", "age", type=Span(), required=True, help="Sessions older than 90d, 26w, 6m or 1y.")
@click.option(
    "--timeframe",
    "timeframes",
    type=TimeframeName(),
    multiple=True,
    required=True,
    help="Of this timeframe; may be given several times.",
)
@click.option("--symbol", "symbols", multiple=True, help="Only of this symbol; may be given several times.")
@click.option("--dry-run", is_flag=True, help="Count what would be deleted, and delete nothing.")
@click.option("--yes", is_flag=True, help="Delete it; without, it is a dry run.")
@json_option
def command(
    *,
    age: timedelta,
    timeframes: tuple[Timeframe, ...],
    symbols: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete the candles of old sessions, and the values that they had before.

    What was known of the sessions stays, and so do their levels: nothing fetches them again by itself. `tradematrix
    backfill … --refresh` does. Daily candles are kept as long as levels need them. May be ended at any point, and run
    again.
    """
    deletes = yes and not dry_run
    with open_database() as (_, database):
        chosen = find_symbols(database.engine, symbols, only_active=False) or read_symbols(
            database.engine, only_active=False
        )
        now = database.clock.now()
        months = months_to_prune(database.engine, chosen, dict.fromkeys(timeframes, age), today=now.date())
        rows = _carry_out(database.engine, months, deletes=deletes, now=now)
    before = now.date() - age
    show(
        rows,
        as_json=as_json,
        title="Deleted" if deletes else "To be deleted",
        empty=f"nothing is stored of sessions before {before}",
    )
    if rows:
        note(_summary(rows, before, deletes=deletes), as_json=as_json)


def _carry_out(
    engine: Engine, months: Sequence[MonthToPrune], *, deletes: bool, now: datetime
) -> list[dict[str, object]]:
    rows = []
    with count_steps(len(months), "pruning" if deletes else "counting") as advance:
        for (symbol, timeframe), group in groupby(months, key=attrgetter("symbol.name", "timeframe")):
            of_series, total = list(group), Pruned()
            for month in of_series:
                total += prune_month(engine, month, now=now) if deletes else count_month(engine, month)
                advance()
            series = {"symbol": symbol, "timeframe": timeframe.value}
            rows.append({**series, "first": of_series[0].first, "last": of_series[-1].last, **asdict(total)})
        if deletes and months:
            free_space(engine)
    return rows


def _summary(rows: Sequence[dict[str, object]], before: date, *, deletes: bool) -> str:
    candles, size = (sum(int(str(row[name])) for row in rows) for name in ("candles", "bytes"))
    what = f"{candles:,} candles of sessions before {before}, {size / 1e6:,.1f} MB"
    if not deletes:
        return f"{what}: nothing is deleted yet; add --yes"
    return f"{what}: new rows use that space; `tradematrix psql -c 'VACUUM FULL ohlc'` gives it back to the disk"
