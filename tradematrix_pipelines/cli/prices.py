"""``tradematrix prices``: where each symbol's price stands, as the last live pull left it."""

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
    with open_database() as (_, market):
        chosen = find_symbols(market.engine, symbols, only_active=False) or read_symbols(market.engine)
        found = read_current_prices(market.engine, chosen)
    by_name = {symbol.name: symbol for symbol in chosen}
    rows = [asdict(each) if as_json else _shown(each, by_name[each.symbol]) for each in found]
    show(rows, as_json=as_json, empty="no price yet: live pulls bring them in while `tradematrix up` runs")


def _shown(found: CurrentPrice, symbol: Symbol) -> dict[str, object]:
    percent = found.change_percent
    return {
        "symbol": found.symbol,
        "trade_date": found.trade_date,
        "price": price(found.price, symbol.tick_size),
        "change": price(found.change, symbol.tick_size),
        "percent": "-" if percent is None else f"{percent:+.2f}",
        "session_high": price(found.session_high, symbol.tick_size),
        "session_low": price(found.session_low, symbol.tick_size),
        "at": found.at,
        "source": found.source,
    }
