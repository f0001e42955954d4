"""Looking a new symbol up at the vendor before its row is believed."""

from dataclasses import replace

import click

from tradematrix_pipelines.markets.symbols import Symbol, default_gap_tolerance
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.market import Market
from tradematrix_pipelines.vendors.registry import open_vendor
from tradematrix_pipelines.vendors.twelve_data import TwelveData
from tradematrix_pipelines.vendors.twelve_data.lookup import instrument_type, pick_match

_BELIEVABLE = 50
"""How many times the present price, and which part of it, is still believed of this symbol's history."""


def look_up(settings: Settings, market: Market, symbol: Symbol, *, fixed: bool) -> Symbol:
    """Return ``symbol`` with what the vendor's catalogue says of it; as it is where the vendor has no catalogue.

    Args:
        fixed: whether the user named the instrument type; else the vendor's is taken.

    Raises:
        UsageError: the vendor knows no such instrument, or several.
        VendorError: the vendor can't be asked.
    """
    vendor = open_vendor(settings, ledger=open_ledger(market.engine, settings))
    try:
        return _looked_up(vendor, symbol, fixed=fixed) if isinstance(vendor, TwelveData) else symbol
    finally:
        vendor.close()


def _looked_up(vendor: TwelveData, symbol: Symbol, *, fixed: bool) -> Symbol:
    wanted = symbol.symbol_at("twelve_data")
    match = pick_match(
        vendor.search(wanted),
        symbol=wanted,
        exchange=symbol.exchange,
        instrument=symbol.instrument if fixed else None,
    )
    kind = instrument_type(match, symbol.instrument)
    # The search names an exchange for pairs that their candles don't: "Physical Currency".
    listed_on = None if "/" in match.symbol else match.exchange or None
    found = replace(
        symbol,
        instrument=kind,
        exchange=symbol.exchange or listed_on,
        alias=symbol.alias or match.name or None,
        gap_tolerance=symbol.gap_tolerance if kind is symbol.instrument else default_gap_tolerance(kind),
    )
    price = vendor.price(found)
    told = ", ".join(filter(None, (match.name, match.type, listed_on)))
    click.echo(f"found {match.symbol}: {told}, now {price:g}")
    if found.price_range is None:
        found = replace(found, price_range=(price / _BELIEVABLE, price * _BELIEVABLE))
    return found
