"""``tradematrix prices``: each symbol's current price, as of the last live pull."""

from dataclasses import asdict

import click

from tradematrix_pipelines.cli.common import open_database
from tradematrix_pipelines.cli.output import json_option, price, show
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.current_prices import CurrentPrice, read_current_prices
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@json_option
def command(*, symbols: tuple[str, ...], as_json: bool) -> None:
    """Show the current prices of all symbols or those given; times are UTC.

    The price is the close of the newest stored minute, "at" when that minute closed, and the change is against
    yesterday's close, where the session's levels are stored.
    """
    with open_database() as (_, database):
        chosen = find_symbols(database.engine, symbols, only_active=False) or read_symbols(database.engine)
        prices = read_current_prices(database.engine, chosen)
    by_name = {symbol.name: symbol for symbol in chosen}
    rows = [asdict(current) if as_json else _row(current, by_name[current.symbol]) for current in prices]
    show(rows, as_json=as_json, empty="no price yet: live pulls fetch them while `tradematrix up` runs")


def _row(current: CurrentPrice, symbol: Symbol) -> dict[str, object]:
    percent = current.change_percent
    return {
        "symbol": current.symbol,
        "trade_date": current.trade_date,
        "price": price(current.price, symbol.tick_size),
        "change": price(current.change, symbol.tick_size),
        "percent": "-" if percent is None else f"{percent:+.2f}",
        "session_high": price(current.session_high, symbol.tick_size),
        "session_low": price(current.session_low, symbol.tick_size),
        "at": current.at,
        "source": current.source,
    }
