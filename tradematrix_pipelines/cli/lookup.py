"""Looks a new symbol up at the vendors before it is stored."""

import click

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.vendors.protocol import Catalogue
from tradematrix_pipelines.vendors.registry import open_vendors


def look_up(settings: Settings, database: Database, symbol: Symbol, *, fixed: bool) -> Symbol:
    """Return ``symbol`` completed from the catalogue of the first vendor that has one; unchanged where none has.

    Args:
        fixed: whether the user named the instrument type; else the vendor's is taken.

    Raises:
        UsageError: the vendor knows no such instrument, or several.
        VendorError: the vendor can't be reached.
    """
    with open_vendors(settings, ledger=open_ledger(database.engine, settings)) as vendors:
        for vendor in vendors:
            if isinstance(vendor, Catalogue):
                listing = vendor.look_up(symbol, fixed=fixed)
                click.echo(listing.description)
                return listing.symbol
    return symbol
