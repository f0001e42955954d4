"""``tradematrix prices``: each symbol's current price, as of the last live pull, and as the vendor quotes it now."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from math import isfinite

import click

from tradematrix_pipelines.cli.common import open_database, simulated_title
from tradematrix_pipelines.cli.output import json_option, note, price, show, wide_option
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.current_prices import CurrentPrice, read_current_prices
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols
from tradematrix_pipelines.vendors.errors import VendorError
from tradematrix_pipelines.vendors.protocol import Quote, Quotes

Row = dict[str, object]

_NO_PRICE = "no price yet: live pulls fetch them while `tradematrix up` runs"
_OPTIONAL = ("at", "percent", "session_high", "session_low", "trade_date", "stored_at", "volume", "source")


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@click.option("--live", is_flag=True, help="Ask the vendor for its quotes, too: a credit a symbol. None is stored.")
@wide_option
@json_option
@click.pass_context
def command(ctx: click.Context, *, symbols: tuple[str, ...], live: bool, wide: bool, as_json: bool) -> None:
    """Show the current prices of all symbols or those given; times are UTC.

    The price is the close of the newest stored minute, "at" when that minute closed, and the change is against
    yesterday's close, where the session's levels are stored. With --live, that price is "stored", and the others are
    the vendor's quote.
    """
    with open_database() as (settings, database):
        chosen = find_symbols(database.engine, symbols, only_active=False) or read_symbols(database.engine)
        stored = {current.symbol: current for current in read_current_prices(database.engine, chosen)}
        answers = _ask(settings, database, chosen) if live else {}
        title = simulated_title(database)
    quotes = {name: answer for name, answer in answers.items() if isinstance(answer, Quote)}
    for name, answer in answers.items():
        if isinstance(answer, VendorError):
            click.echo(f"{name}: {answer}", err=True)
    known = [symbol for symbol in chosen if symbol.name in stored or symbol.name in quotes]
    rows = [
        _json_row(symbol, stored.get(symbol.name), quotes.get(symbol.name), live=live)
        if as_json
        else _row(symbol, stored.get(symbol.name), quotes.get(symbol.name), live=live)
        for symbol in known
    ]
    show(rows, as_json=as_json, title=title, empty=_NO_PRICE, optional=() if wide else _OPTIONAL)
    for symbol in chosen if rows and not as_json else ():
        if symbol not in known and symbol.name not in answers:
            note(f"{symbol.name}: {_NO_PRICE}", as_json=as_json)
    ctx.exit(1 if answers and not quotes else 0)


def _ask(settings: Settings, database: Database, symbols: Sequence[Symbol]) -> Mapping[str, Quote | VendorError]:
    """Ask the first vendor that has quotes.

    Raises:
        TradeMatrixError: none has.
    """
    # Imported here: the stored prices need neither.
    from tradematrix_pipelines.storage.credits import open_ledger  # noqa: PLC0415
    from tradematrix_pipelines.vendors.registry import open_vendors  # noqa: PLC0415

    with open_vendors(settings, ledger=open_ledger(database.engine, settings)) as vendors:
        for vendor in vendors:
            if isinstance(vendor, Quotes):
                return vendor.quotes(symbols)
        names = ", ".join(vendor.name for vendor in vendors)
    raise TradeMatrixError(f"{names} has no quotes: set TRADEMATRIX_VENDOR to a vendor that has, or leave out --live")


def _json_row(symbol: Symbol, stored: CurrentPrice | None, quote: Quote | None, *, live: bool) -> Row:
    row = _values(stored, CurrentPrice) | {"symbol": symbol.name}
    return row | {f"live_{name}": value for name, value in _values(quote, Quote).items()} if live else row


def _row(symbol: Symbol, stored: CurrentPrice | None, quote: Quote | None, *, live: bool) -> Row:
    old, new = _values(stored, CurrentPrice), _values(quote, Quote)
    prices = {name: _price(value, symbol) for name, value in (new if live else old).items()}
    if not live:
        return {
            "symbol": symbol.name,
            "trade_date": old["trade_date"],
            "price": prices["price"],
            "change": prices["change"],
            "percent": _percent(old["change_percent"]),
            "session_high": prices["session_high"],
            "session_low": prices["session_low"],
            "at": old["at"],
            "source": old["source"],
        }
    return {
        "symbol": symbol.name,
        "stored": _price(old["price"], symbol),
        "stored_at": old["at"],
        **{name: prices[name] for name in ("price", "open", "high", "low", "previous_close", "change")},
        "percent": _percent(new["change_percent"]),
        "volume": new["volume"],
        "at": new["at"],
        "source": new["source"],
    }


def _values(value: CurrentPrice | Quote | None, kind: type[CurrentPrice | Quote]) -> Row:
    """Return the fields of a value by name; ``None`` for each where there is no value."""
    return {field.name: None if value is None else getattr(value, field.name) for field in fields(kind)}


def _price(value: object, symbol: Symbol) -> str:
    return price(value if isinstance(value, float) and isfinite(value) else None, symbol.tick_size)


def _percent(value: object) -> str:
    return f"{value:+.2f}" if isinstance(value, float) and isfinite(value) else "-"
