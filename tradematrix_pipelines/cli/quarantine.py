"""``tradematrix quarantine``: what was rejected and why, its raw bars, releasing and dropping them.

Here: the commands and how they print. Not here: what may be released (``ingest.releasing``).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

import click

from tradematrix_pipelines.candles.screen import Reason
from tradematrix_pipelines.cli.common import open_database
from tradematrix_pipelines.cli.log import Since
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.quarantine import (
    RejectedBar,
    RejectedGroup,
    drop_bars,
    read_bars,
    read_groups,
    read_session_bars,
)
from tradematrix_pipelines.storage.releasing import Outcome, release_bars
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols

_FORM = "give the ids of bars, or a symbol and a trade date: 17 18, or DAX 2026-11-20"
_VALUES = ("open", "high", "low", "close", "volume")


@click.group()
def command() -> None:
    """Show what was rejected and why, release what is right, drop what is not.

    A release is screened and judged like an answer of the vendor. A session that was refused as a whole is doubtful
    afterwards, until `tradematrix accept` says that it is right.
    """


@command.command("list")
@click.option("--symbol", "names", multiple=True, help="Only this symbol; may be given several times.")
@click.option("--since", type=Since(), help="Only what was rejected since: a date, or an instant (2026-11-20T08:00Z).")
@json_option
def list_groups(*, names: tuple[str, ...], since: datetime | None, as_json: bool) -> None:
    """List rejected candles by session, timeframe, reason and vendor, the latest sessions first."""
    with open_database() as (_, database):
        groups = read_groups(database.engine, _symbols(database, names), since=since)
    show([_group(row, as_json=as_json) for row in groups], as_json=as_json, empty="nothing is in quarantine")


@command.command("show")
@click.argument("target", nargs=-1, required=True, metavar="SYMBOL DATE | ID…")
@json_option
def show_bars(*, target: tuple[str, ...], as_json: bool) -> None:
    """Show the raw bars of one session, or those with these ids."""
    with open_database() as (_, database):
        bars = _bars(database, target)
    if as_json:
        show([_row(bar) for bar in bars], as_json=True)
        return
    for (timeframe, source, reason), group in groupby(bars, key=lambda bar: (bar.timeframe, bar.source, bar.reason)):
        rows = list(group)
        title = f"{rows[0].symbol} {rows[0].trade_date or ''} {timeframe} from {source}: {reason}"
        show([_short(bar) for bar in rows], as_json=False, title=title)


@command.command("release")
@click.argument("target", nargs=-1, required=True, metavar="SYMBOL DATE | ID…")
@json_option
@click.pass_context
def release(ctx: click.Context, *, target: tuple[str, ...], as_json: bool) -> None:
    """Screen and judge bars again, with what is stored of their session; store those that are candles now.

    What still fails stays, and the reason is shown. Exit code 1: nothing was released.
    """
    with open_database() as (_, database):
        bars = _bars(database, target)
        if target[0].isdecimal():
            _check_single(bars)
        by_symbol = {symbol.name: symbol for symbol in _symbols(database, {bar.symbol for bar in bars})}
        outcomes = [
            outcome
            for name, symbol in by_symbol.items()
            for outcome in release_bars(database, symbol, [bar for bar in bars if bar.symbol == name])
        ]
    show([_outcome(outcome, as_json=as_json) for outcome in outcomes], as_json=as_json)
    refused = [row for row in outcomes if row.verdict is not None and row.verdict == "doubtful"]
    if refused and not as_json:
        row = refused[0]
        click.echo(f"if it is right: tradematrix accept {row.symbol} {row.trade_date} --reason …")
    ctx.exit(0 if any(outcome.released for outcome in outcomes) else 1)


@command.command("drop")
@click.argument("target", nargs=-1, required=True, metavar="SYMBOL DATE | ID…")
@click.option("--yes", is_flag=True, help="Delete them for good.")
@json_option
def drop(*, target: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete rejected candles for good; without --yes nothing is deleted."""
    with open_database() as (_, database):
        bars = _bars(database, target)
        if not yes:
            raise UsageError(f"this deletes {len(bars)} rejected candles for good: add --yes")
        dropped = drop_bars(database.engine, [bar.id for bar in bars])
    show([{"dropped": dropped}], as_json=as_json)


def _symbols(database: Database, names: Sequence[str] | set[str]) -> list[Symbol]:
    if names:
        return find_symbols(database.engine, sorted(names), only_active=False)
    return read_symbols(database.engine, only_active=False)


def _bars(database: Database, target: tuple[str, ...]) -> list[RejectedBar]:
    """Return the bars that the arguments name.

    Raises:
        UsageError: they name none.
    """
    if all(word.isdecimal() for word in target):
        ids = [int(word) for word in target]
        bars = read_bars(database.engine, _symbols(database, ()), ids)
        if missing := sorted(set(ids) - {bar.id for bar in bars}):
            listed = ", ".join(map(str, missing))
            raise UsageError(f"no rejected candle has the id {listed}: `tradematrix quarantine show` has the ids")
        return bars
    if len(target) != 2:
        raise UsageError(_FORM)
    try:
        day = date.fromisoformat(target[1])
    except ValueError:
        raise UsageError(f"{target[1]!r} is no date: {_FORM}") from None
    [symbol] = find_symbols(database.engine, target[:1], only_active=False)
    bars = read_session_bars(database.engine, symbol, day)
    if not bars:
        raise UsageError(
            f"nothing of {symbol.name} {day} is in quarantine: see `tradematrix quarantine list --symbol {symbol.name}`"
        )
    return bars


def _check_single(bars: Sequence[RejectedBar]) -> None:
    for bar in bars:
        if bar.reason == Reason.REFUSED:
            raise UsageError(
                f"{bar.id} is of a session that was refused as a whole: release all of it with "
                f"`tradematrix quarantine release {bar.symbol} {bar.trade_date}`"
            )


def _group(group: RejectedGroup, *, as_json: bool) -> dict[str, Any]:
    key = {"symbol": group.symbol, "trade_date": group.trade_date, "timeframe": str(group.timeframe)}
    if as_json:
        return {
            **key,
            "reason": group.reason,
            "source": group.source,
            "bars": group.bars,
            "first": group.first,
            "last": group.last,
            "newest": group.newest,
        }
    at = "" if group.trade_date or group.first is None else f", from {group.first:%Y-%m-%d %H:%M}"
    return {**key, "bars": group.bars, "reason": f"{group.reason} ({group.source}, {group.newest:%m-%d %H:%M}{at})"}


def _row(bar: RejectedBar) -> dict[str, Any]:
    return {
        "id": bar.id,
        "symbol": bar.symbol,
        "trade_date": bar.trade_date,
        "timeframe": str(bar.timeframe),
        "ts": bar.ts,
        **{name: getattr(bar, name) for name in _VALUES},
        "reason": bar.reason,
        "source": bar.source,
        "rejected_at": bar.rejected_at,
    }


def _short(bar: RejectedBar) -> dict[str, Any]:
    at = "-" if bar.ts is None else f"{bar.ts:%m-%d %H:%M}"
    return {"id": bar.id, "ts": at, **{name: getattr(bar, name) for name in _VALUES}}


def _outcome(outcome: Outcome, *, as_json: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "symbol": outcome.symbol,
        "trade_date": outcome.trade_date,
        "timeframe": str(outcome.timeframe),
        "released": outcome.released,
        "stay": len(outcome.stays),
        "verdict": outcome.verdict and str(outcome.verdict),
    }
    if as_json:
        stays = {str(row_id): reason for row_id, reason in outcome.stays.items()}
        return {**row, "source": outcome.source, "doubt": outcome.detail, "stays": stays}
    reasons = [f"{count} stay: {reason}" for reason, count in Counter(outcome.stays.values()).most_common()]
    return {**row, "reason": "; ".join([*filter(None, [outcome.detail]), *reasons])}
