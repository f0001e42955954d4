"""``tradematrix symbols``: which instruments are materialized."""

import click

from tradematrix_pipelines.cli.common import open_database
from tradematrix_pipelines.cli.output import json_option, show, wide_option
from tradematrix_pipelines.cli.symbol_set import command as set_symbol
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import calendar_of, trades_on_weekends
from tradematrix_pipelines.markets.symbols import (
    InstrumentType,
    Symbol,
    currency_pair,
    default_gap_tolerance,
    guess_instrument,
)
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.calendars import read_defined
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import (
    add_symbols,
    count_stored,
    find_symbols,
    read_symbols,
    remove_symbol,
    set_active,
)


@click.group()
def command() -> None:
    """Add, list, change, deactivate, activate and remove symbols."""


command.add_command(set_symbol)


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Deactivated ones too.")
@wide_option
@json_option
def list_symbols(*, everything: bool, wide: bool, as_json: bool) -> None:
    """List the symbols."""
    with open_database() as (_, database):
        symbols = read_symbols(database.engine, only_active=not everything)
    optional = ("tick_size", "vendor_symbol", "active", "gap_tolerance", "instrument", "alias")
    show([_row(symbol) for symbol in symbols], as_json=as_json, empty="no symbols", optional=() if wide else optional)


@command.command()
@click.argument("name")
@click.option(
    "--calendar",
    help="Session calendar: FX, METALS, DE40, US30, NAS100, US500, 24/7, an exchange's code such as XETR, or "
    "one of `tradematrix calendar define`. Default: that of a pair, or of the exchange that the vendor names.",
)
@click.option(
    "--instrument", type=click.Choice([kind.value for kind in InstrumentType]), help="Default: from name and calendar."
)
@click.option("--tick-size", type=float, default=0.01, show_default=True, help="Smallest price step.")
@click.option("--currency", help="ISO code; default: what follows the slash in the name, else USD.")
@click.option("--exchange", help="Exchange code as the vendor reports it; checked against its answers.")
@click.option("--alias", help="Its everyday name.")
@click.option(
    "--vendor-symbol",
    "vendor_symbols",
    multiple=True,
    metavar="VENDOR=SYMBOL",
    help="What a vendor calls it, e.g. twelve_data=GDAXI; may be given several times.",
)
@click.option("--price-range", type=(float, float), help="Lowest and highest believable price.")
@click.option("--gap-tolerance", type=int, help="Minutes without a bar that a complete session may have.")
@click.option("--no-lookup", is_flag=True, help="Don't look the instrument up at the vendor (2 credits).")
def add(
    *,
    name: str,
    calendar: str | None,
    instrument: str | None,
    tick_size: float,
    currency: str | None,
    exchange: str | None,
    alias: str | None,
    vendor_symbols: tuple[str, ...],
    price_range: tuple[float, float] | None,
    gap_tolerance: int | None,
    no_lookup: bool,
) -> None:
    """Add a symbol, e.g. GBP/USD, AAPL, or SPX --calendar XNYS.

    Where Twelve Data serves the candles, the instrument is looked up there first. The result is shown and fills in
    what the options leave open. A symbol that means another instrument or that the vendor doesn't know is an error.
    """
    pair = currency_pair(name)
    sessions = calendar or (pair.calendar if pair is not None else "")
    kind = InstrumentType(instrument) if instrument else guess_instrument(name, sessions)
    with open_database() as (settings, database):
        with database.engine.connect() as connection:
            hours = read_defined(connection).get(sessions)
        usual = default_gap_tolerance(kind, sessions, defined=hours is not None)
        symbol = Symbol(
            name=name,
            calendar=sessions,
            instrument=kind,
            tick_size=tick_size,
            currency=currency or (name.partition("/")[2] or "USD"),
            exchange=exchange,
            alias=alias,
            vendor_symbols=dict(_pair(text) for text in vendor_symbols),
            price_range=price_range,
            gap_tolerance=usual if gap_tolerance is None else gap_tolerance,
            hours=hours,
        )
        if sessions:
            calendar_of(symbol)
        if name in {known.name for known in read_symbols(database.engine, only_active=False)}:
            raise UsageError(f"{name} already exists: see `tradematrix symbols list --all`")
        if not no_lookup:
            from tradematrix_pipelines.cli.lookup import look_up  # noqa: PLC0415 - the list needs no vendor

            symbol = look_up(settings, database, symbol, fixed=bool(instrument))
        if not symbol.calendar:
            raise UsageError(f"no session calendar is known of {name}: choose one with --calendar, e.g. XNYS")
        add_symbols(database.engine, [symbol], now=database.clock.now())
        _sync(settings, database)
    tolerance = "" if symbol.gap_tolerance is None else f", gap tolerance {symbol.gap_tolerance} minutes"
    click.echo(f"added {name} ({symbol.instrument}, calendar {symbol.calendar}{tolerance})")
    if not settings.weekends and trades_on_weekends(calendar_of(symbol)):
        click.echo(
            f"{name} trades on weekends, which are no trade dates here: set TRADEMATRIX_WEEKENDS=1, "
            "or it has no levels on Mondays and no live pulls",
            err=True,
        )


@command.command()
@click.argument("name")
def deactivate(name: str) -> None:
    """Stop materializing a symbol; what is stored stays."""
    _set_active(name, active=False)


@command.command()
@click.argument("name")
def activate(name: str) -> None:
    """Materialize a symbol again."""
    _set_active(name, active=True)


@command.command()
@click.argument("name")
@click.option("--purge", is_flag=True, help="Also delete its candles, levels and everything else stored.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def remove(name: str, *, purge: bool, yes: bool) -> None:
    """Remove a symbol. One with candles or levels only with --purge, which deletes them."""
    with open_database() as (settings, database):
        [symbol] = find_symbols(database.engine, [name], only_active=False)
        stored = count_stored(database.engine, symbol)
        summary = ", ".join(f"{count:,} rows of {table}" for table, count in stored.items())
        if stored and not purge:
            raise UsageError(
                f"{name} has {summary}: stop materializing it with `tradematrix symbols deactivate {name}`, "
                f"or delete them with `tradematrix symbols remove {name} --purge`"
            )
        if stored and not yes:
            click.confirm(f"Delete {summary} permanently?", abort=True)
        remove_symbol(database.engine, symbol, purge=purge)
        _sync(settings, database)
    click.echo(f"removed {symbol.name}" + (f" and {summary}" if stored else ""))


def _set_active(name: str, *, active: bool) -> None:
    with open_database() as (settings, database):
        known = set_active(database.engine, name, active=active)
        _sync(settings, database)
    click.echo(f"{known.name} is {'active' if active else 'deactivated; its candles and levels stay'}")


def _sync(settings: Settings, database: Database) -> None:
    # Imported here: Dagster takes longer to import than `symbols list` to run.
    from tradematrix_pipelines.defs.internals.dagster_home import open_instance  # noqa: PLC0415
    from tradematrix_pipelines.defs.partitions import sync_symbols  # noqa: PLC0415

    with open_instance(settings) as instance:
        sync_symbols(instance, [symbol.name for symbol in read_symbols(database.engine)])


def _pair(text: str) -> tuple[str, str]:
    vendor, _, symbol = text.partition("=")
    if not vendor or not symbol:
        raise UsageError(f"--vendor-symbol {text!r}: write it as vendor=symbol, e.g. twelve_data=GDAXI")
    return vendor, symbol


def _row(symbol: Symbol) -> dict[str, object]:
    return {
        "symbol": symbol.name,
        "alias": symbol.alias,
        "instrument": symbol.instrument.value,
        "calendar": symbol.calendar,
        "tick_size": symbol.tick_size,
        "vendor_symbol": symbol.symbol_at(symbol.vendor),
        "gap_tolerance": symbol.gap_tolerance,
        "active": symbol.active,
    }
