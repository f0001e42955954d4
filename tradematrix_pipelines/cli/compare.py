"""``tradematrix compare``: candles and levels beside those of another database.

Here: the command and how it prints. Not here: the comparison (``storage.comparing``, ``moving``).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import click

from tradematrix_pipelines.cli.common import TimeframeName, TradeDate, open_database
from tradematrix_pipelines.cli.corrections import correct_option, corrections_of
from tradematrix_pipelines.cli.output import drop_empty, drop_usual, json_option, note, price, show
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.postgres.databases import find_other
from tradematrix_pipelines.storage.comparing import Compared, compare_symbol
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.other_database import OtherDatabase
from tradematrix_pipelines.storage.pairing import pair_symbols
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols

_COUNTS = ("equal", "missing", "extra", "different")


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@click.option(
    "--with",
    "url",
    required=True,
    metavar="URL",
    help="The other database: postgresql://user@host/name. A password may stand in ~/.pgpass instead.",
)
@click.option("--timeframe", "timeframes", type=TimeframeName(), multiple=True, help="Only these; levels go with 1d.")
@click.option("--since", type=TradeDate(), help="First day compared.")
@click.option("--until", type=TradeDate(), help="Last day compared.")
@click.option(
    "--ticks", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Differences up to so many are none."
)
@correct_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    symbols: tuple[str, ...],
    url: str,
    timeframes: tuple[Timeframe, ...],
    since: date | None,
    until: date | None,
    ticks: float,
    corrections: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare candles and levels with another database: the old system's, or another of ours.

    Missing: only the other has it; extra: only this one has it. Stamps of the other that are off by a constant, or are
    another zone's clock, are named, and compared as if they were right. Nothing is changed. Exit code 1: something
    differs.
    """
    if since is not None and until is not None and since > until:
        raise UsageError(f"--since {since} is after --until {until}: swap them")
    with open_database() as (_, database):
        known = read_symbols(database.engine, only_active=False)
        chosen = find_symbols(database.engine, symbols, only_active=False) or known
        fixed = corrections_of(corrections, known)
        with OtherDatabase(find_other(url, option="--with")) as other:
            rows = _compare(
                database, other, chosen, everything=not symbols, timeframes=timeframes or tuple(Timeframe),
                since=since, until=until, ticks=ticks, fixed=fixed,
            )  # fmt: skip
    by_name = {symbol.name: symbol for symbol in known}
    if as_json:
        show([_row(row) for row in rows], as_json=True)
    else:
        _print(rows, by_name)
    ctx.exit(1 if any(_differs(row) for row in rows) else 0)


def _compare(
    database: Database,
    other: OtherDatabase,
    symbols: Sequence[Symbol],
    *,
    everything: bool,
    fixed: dict[str, Any],
    **options: Any,
) -> list[Compared]:
    rows: list[Compared] = []
    with OtherDatabase(database.databases.market) as ours:
        mine = {pair.symbol.name: pair for pair in pair_symbols(ours, symbols).pairs}
        theirs = pair_symbols(other, symbols)
        for pair in theirs.pairs:
            name = pair.symbol.name
            if everything and pair.id is None and not mine[name].series:
                continue
            rows += compare_symbol(ours, other, mine[name], pair, correction=fixed.get(name), **options)
    if everything:
        rows += [
            Compared(
                symbol=name, timeframe="", theirs=count, reason="not a symbol here: `tradematrix symbols add` adds it"
            )
            for name, count in theirs.strangers.items()
        ]
    return rows


def _differs(row: Compared) -> bool:
    return row.shift is not None or row.difference is None or not row.difference.is_none


def _row(row: Compared) -> dict[str, Any]:
    difference = row.difference
    return {
        "symbol": row.symbol,
        "timeframe": row.timeframe or None,
        "ours": row.ours,
        "theirs": row.theirs,
        **{name: getattr(difference, name, None) for name in (*_COUNTS, "largest")},
        "at": None if difference is None or difference.at is None else _moment(row),
        "outside": row.outside,
        "shifted": None if row.shift is None else str(row.shift),
        "corrected_by": None if row.correction.is_none else str(row.correction),
        "reason": row.reason or None,
    }


def _moment(row: Compared) -> datetime | date | None:
    if row.difference is None or row.difference.at is None:
        return None
    moment: datetime = row.difference.at.astype("datetime64[us]").item()
    is_day = row.timeframe in {Timeframe.D1.value, "levels"}
    return moment.date() if is_day else moment.replace(tzinfo=UTC)


def _print(rows: Sequence[Compared], symbols: dict[str, Symbol]) -> None:
    shown = [_shown(row, symbols) for row in rows if row.difference is not None]
    if shown:
        drop_usual(shown, "outside", "0")
        drop_empty(shown, ["by", "shifted"])
    show(shown, as_json=False, title="Compared", empty="neither has any of it")
    for line in dict.fromkeys(_notes(rows)):
        note(line, as_json=False)


def _shown(row: Compared, symbols: dict[str, Symbol]) -> dict[str, str]:
    return {
        "symbol": row.symbol,
        "timeframe": row.timeframe,
        **{name: f"{getattr(row.difference, name):,}" for name in _COUNTS},
        "by": _largest(row, symbols),
        "shifted": "-" if row.shift is None else row.shift.brief,
        "outside": f"{row.outside:,}",
    }


def _notes(rows: Sequence[Compared]) -> Iterator[str]:
    """Yield what the table does not say."""
    for row in rows:
        if row.difference is None:
            what = f"{row.theirs:,} candles {row.timeframe}: ".replace(" :", ":") if row.theirs else ""
            yield f"not compared: {row.symbol}: {what}{row.reason}"
            continue
        if row.shift is not None:
            how = "as they stand" if row.correction.is_none else f"as {row.correction} corrects them"
            yield f"{row.symbol}: stamps there are off by {row.shift}; compared {how}"
        if row.reason:
            yield f"{row.symbol} {row.timeframe}: {row.reason}"


def _largest(row: Compared, symbols: dict[str, Symbol]) -> str:
    if row.difference is None or not row.difference.largest:
        return "-"
    return price(row.difference.largest, symbols[row.symbol].tick_size)
