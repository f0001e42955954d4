"""``tradematrix split``: a person's word on a split or another change of units, the way back, and the list."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import click

from tradematrix_pipelines.cli.common import TradeDate, open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.splits import Split, parse_ratio, ratio_text
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judging import judge_unjudged
from tradematrix_pipelines.storage.splits import REACH, Effect, StoredSplit, decide, list_splits, undo
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols

_MONTHS = timedelta(days=3 * REACH)
"""More than twenty sessions, holidays included."""


@click.command()
@click.argument("symbol", required=False)
@click.argument("trade_date", type=TradeDate(), metavar="[DATE]", required=False)
@click.argument("ratio", required=False)
@click.option("--reason", help="Why, for whoever reads the list.")
@click.option("--list", "listed", is_flag=True, help="List what is decided, of SYMBOL or of all.")
@click.option("--undo", "undone", is_flag=True, help="Take back what is decided of DATE.")
@json_option
def command(
    *,
    symbol: str | None,
    trade_date: date | None,
    ratio: str | None,
    reason: str | None,
    listed: bool,
    undone: bool,
    as_json: bool,
) -> None:
    """Say that from session DATE on there are 4 new units of SYMBOL for an old one (4:1), one for ten (1:10), or none.

    Stored candles stay as they are: the judgement and levels divide those before DATE. `none` says that there was no
    split. Sessions that are doubtful because of it are judged again at once.
    """
    with open_database() as (_, database):
        if listed:
            symbols = read_symbols(database.engine, only_active=False)
            known = symbols if symbol is None else find_symbols(database.engine, [symbol], only_active=False)
            rows = [_row(stored) for stored in list_splits(database.engine, known)]
            show(rows, as_json=as_json, empty="no split is decided")
            return
        if symbol is None or trade_date is None or (ratio is None) is not undone:
            raise UsageError(
                "give a symbol, the first session in the new units, and new units for old ones: "
                "tradematrix split AAPL 2026-11-20 4:1 (or none); --undo goes without a ratio"
            )
        [known_symbol] = find_symbols(database.engine, [symbol], only_active=False)
        effect = _carry_out(database, known_symbol, trade_date, ratio, reason)
        verdicts = _verdicts(database, known_symbol, effect)
    _show(known_symbol, trade_date, "undone" if ratio is None else ratio_text(parse_ratio(ratio)), verdicts, effect,
          as_json=as_json)  # fmt: skip


def _carry_out(database: Database, symbol: Symbol, trade_date: date, ratio: str | None, reason: str | None) -> Effect:
    """Store the decision, or its end, and judge again what it concerns."""
    before, after = _around(symbol, trade_date)
    reach, now = {"first": before[0].trade_date, "last": after[-1].trade_date}, database.clock.now()
    if ratio is None:
        effect = undo(database.engine, symbol, trade_date, **reach, now=now)
    else:
        if after[0].trade_date != trade_date:
            raise UsageError(f"{trade_date} is no session of {symbol.name}: the next one is {after[0].trade_date}")
        split = Split(trade_date=trade_date, ratio=parse_ratio(ratio))
        effect = decide(database.engine, symbol, split, **reach, reason=reason, now=now)
    if effect.judged_again:
        [decided] = find_symbols(database.engine, [symbol.name], only_active=False)
        judge_unjudged(database, decided, effect.judged_again[0], effect.judged_again[-1])
    return effect


def _around(symbol: Symbol, trade_date: date) -> tuple[list[Session], list[Session]]:
    """Return the sessions before a date, and those from it on, as far as a decision concerns them."""
    calendar = calendar_of(symbol)
    before = calendar.sessions(trade_date - _MONTHS, trade_date - timedelta(days=1))
    return before[-REACH:], calendar.sessions(trade_date, trade_date + _MONTHS)[: REACH + 1]


def _verdicts(database: Database, symbol: Symbol, effect: Effect) -> dict[str, str]:
    """Return the verdict of each session that was judged again, the worst one of its series."""
    if not effect.judged_again:
        return {}
    first, last = effect.judged_again[0], effect.judged_again[-1]
    order = ["None", "accepted", "doubtful", "refused"]
    worst: dict[str, str] = {}
    for row in read_coverage(database.engine, [symbol], list(Timeframe), first, last):
        day, verdict = str(row.coverage.trade_date), str(row.coverage.verdict)
        if row.coverage.trade_date in effect.judged_again:
            worst[day] = max(worst.get(day, "None"), verdict, key=order.index)
    return worst


def _show(
    symbol: Symbol, trade_date: date, ratio: str, verdicts: dict[str, str], effect: Effect, *, as_json: bool
) -> None:
    fetched: Sequence[str] = [str(day) for day in effect.fetched_again]
    if as_json:
        shown = {"symbol": symbol.name, "trade_date": trade_date, "ratio": ratio}
        show([shown | {"judged_again": verdicts, "fetched_again": fetched}], as_json=True)
        return
    click.echo(f"{symbol.name} {trade_date}: {ratio}")
    if verdicts:
        counts = Counter(verdicts.values())
        which = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        click.echo(f"judged again: {len(verdicts)} sessions, now {which}")
    if fetched:
        click.echo(
            f"fetched again by `tradematrix up`, or with `tradematrix retry {symbol.name}`: {', '.join(fetched)}"
        )
    click.echo(f"levels follow by themselves, or with: tradematrix retry {symbol.name} --since {trade_date}")


def _row(stored: StoredSplit) -> dict[str, object]:
    return {
        "symbol": stored.symbol,
        "trade_date": stored.trade_date,
        "ratio": ratio_text(stored.ratio),
        "reason": stored.reason,
        "decided_at": stored.decided_at,
    }
