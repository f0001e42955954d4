"""``tradematrix symbols set``: changes what is known of a symbol; what is stored of it follows."""

from dataclasses import replace
from typing import Any

import click

from tradematrix_pipelines.cli.common import open_database
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.book.kinds import parse_kinds
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.quality.thresholds import Thresholds
from tradematrix_pipelines.storage.calendars import read_corrections, read_defined
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols

_NONE = "none"


@click.command("set")
@click.argument("name")
@click.option("--calendar", help="Session calendar; stored sessions are judged by its hours.")
@click.option("--gap-tolerance", metavar="MINUTES|none", help="Minutes without a bar that a complete session may have.")
@click.option("--price-range", type=(float, float), metavar="LOW HIGH", help="Lowest and highest believable price.")
@click.option("--tick-size", type=float, help="Smallest price step.")
@click.option("--currency", help="ISO code.")
@click.option("--exchange", metavar="CODE|none", help="Exchange code as the vendor reports it.")
@click.option("--alias", metavar="NAME|none", help="Its everyday name.")
@click.option(
    "--vendor-symbol", "vendor_symbols", multiple=True, metavar="VENDOR=SYMBOL", help="What a vendor calls it."
)
@click.option("--level-kinds", metavar="KIND,…|none", help="Kinds of its level book; none: those of its market.")
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="NAME=VALUE",
    help="A threshold of the judgement that differs for it; NAME=none for the usual one. "
    "docs/explanation/quality.md lists them.",
)
def command(*, name: str, vendor_symbols: tuple[str, ...], thresholds: tuple[str, ...], **given: Any) -> None:
    """Change what is known of symbol NAME, e.g. set GBP/USD --gap-tolerance 30.

    Stored candles stay. Where the calendar or the gap tolerance changes, the coverage of stored sessions follows, and
    what is incomplete by it is fetched again.
    """
    # Imported here: `symbols list` is of the same group, and judging needs pandas, which takes long to import.
    from tradematrix_pipelines.storage.symbol_changes import change_symbol  # noqa: PLC0415

    with open_database() as (_, database):
        [before] = find_symbols(database.engine, [name], only_active=False)
        changes = {field: _value(field, value) for field, value in given.items() if value is not None}
        changes |= _merged("vendor_symbols", dict(before.vendor_symbols), vendor_symbols)
        changes |= _merged("thresholds", dict(before.thresholds), thresholds)
        if not changes:
            raise UsageError(f"say what is to change of {before.name}: see `tradematrix symbols set --help`")
        after = _checked(database, replace(before, **changes))
        followed = change_symbol(database.engine, before, after, now=database.clock.now())
    for field in changes:
        click.echo(f"{after.name}: {field.replace('_', ' ')} {_text(before, field)} → {_text(after, field)}")
    if followed:
        click.echo(f"{followed} stored session{'s follow' if followed > 1 else ' follows'}: see `tradematrix coverage`")


def _value(field: str, value: Any) -> Any:
    if value == _NONE:
        return None
    if field == "level_kinds":
        names = [name.strip() for name in value.split(",") if name.strip()]
        return tuple(kind for kind in parse_kinds(names))
    if field != "gap_tolerance":
        return value
    if not value.isdigit():
        raise UsageError(f"--gap-tolerance {value!r}: write minutes, e.g. 15, or none where every minute is expected")
    return int(value)


def _merged(field: str, known: dict[str, Any], pairs: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    for text in pairs:
        key, _, value = text.partition("=")
        if not key or not value:
            raise UsageError(f"{text!r}: write it as name=value")
        if value == _NONE:
            known.pop(key, None)
        else:
            known[key] = _threshold(key, value) if field == "thresholds" else value
    return {field: known} if pairs else {}


def _threshold(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"threshold {name}: {value!r} is no number") from None


def _checked(database: Database, symbol: Symbol) -> Symbol:
    """Return the symbol with what is known of its calendar.

    Raises:
        UsageError: the calendar, a threshold or the price range can't be.
    """
    with database.engine.connect() as connection:
        hours, corrections = read_defined(connection), read_corrections(connection)
    symbol = replace(symbol, hours=hours.get(symbol.calendar), corrections=tuple(corrections.get(symbol.calendar, ())))
    calendar_of(symbol)
    Thresholds.with_overrides(symbol.thresholds)
    if symbol.price_range is not None and not 0 < symbol.price_range[0] < symbol.price_range[1]:
        raise UsageError("--price-range: give the lowest believable price, then the highest")
    return symbol


def _text(symbol: Symbol, field: str) -> str:
    value = getattr(symbol, field)
    if isinstance(value, dict):
        return " ".join(f"{key}={item}" for key, item in value.items()) or _NONE
    return _NONE if value is None else " to ".join(map(str, value)) if isinstance(value, tuple) else str(value)
