"""``tradematrix pivots``: a calculator, which uses no database; or the stored pivot points of a symbol."""

import json
from collections.abc import Mapping
from datetime import date, datetime

import click

from tradematrix_pipelines.cli.common import TradeDate, as_of_option
from tradematrix_pipelines.cli.output import json_option, price, show
from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.levels.pivots import LEVELS, Method, pivots
from tradematrix_pipelines.settings import load_settings

_NEED_OPEN = [method for method in Method if method.needs_open]
_METHODS = click.Choice([*(known.value for known in Method), "all"])


@click.command()
@click.argument("symbol", required=False, metavar="[SYMBOL]")
@click.option("--high", type=float, help="High of the last session.")
@click.option("--low", type=float, help="Low of the last session.")
@click.option("--close", type=float, help="Close of the last session.")
@click.option("--open", "open_", type=float, help=f"Open of the last session; {', '.join(_NEED_OPEN)} needs it.")
@click.option("--session-open", type=float, help="Open of the session to come; woodie uses it.")
@click.option("--method", type=_METHODS, help="Default: TRADEMATRIX_PIVOT_METHOD, else classic.")
@click.option("--date", "trade_date", type=TradeDate(), help="Session to trade SYMBOL in; default: the coming one.")
@as_of_option
@json_option
def command(
    *,
    symbol: str | None,
    high: float | None,
    low: float | None,
    close: float | None,
    open_: float | None,
    session_open: float | None,
    method: str | None,
    trade_date: date | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Calculate pivot points from a session's prices, or show the stored ones of SYMBOL.

    With --method all, JSON is an object by method; a method that needs --open is left out without it.
    """
    wanted = list(Method) if method == "all" else [load_settings().pivot_method if method is None else Method(method)]
    prices = {"high": high, "low": low, "close": close, "open_": open_, "session_open": session_open}
    given = {name: value for name, value in prices.items() if value is not None}
    tick_size: float | None = None
    title: str | None = None
    if symbol is not None:
        if given:
            raise UsageError("give either SYMBOL, for its stored pivot points, or prices to calculate with")
        by_method, tick_size, title = _stored(symbol, wanted, trade_date, as_of)
    else:
        if trade_date is not None or as_of is not None:
            raise UsageError("--date and --as-of are about stored pivot points: name the SYMBOL")
        if not {"high", "low", "close"} <= set(given):
            raise UsageError("give --high, --low and --close, or a SYMBOL")
        able = [name for name in wanted if method != "all" or open_ is not None or not name.needs_open]
        by_method = {name: pivots(name, **given).as_dict() for name in able}
    if as_json:
        click.echo(json.dumps(by_method if method == "all" else by_method[wanted[0]], indent=2))
        return
    levels = [name for name in LEVELS if any(points[name] is not None for points in by_method.values())]
    rows: list[dict[str, object]] = [
        {"level": name, **{str(known): _shown(points[name], tick_size) for known, points in by_method.items()}}
        for name in levels
    ]
    show(rows, as_json=False, title=title)


def _shown(value: float | None, tick_size: float | None) -> object:
    """Return a price as its symbol has it; of prices that were given, all digits."""
    return value if tick_size is None else price(value, tick_size)


def _stored(
    name: str, methods: list[Method], trade_date: date | None, as_of: datetime | None
) -> tuple[Mapping[Method, Mapping[str, float | None]], float, str | None]:
    """Return the stored points by method, the tick size of the symbol, and the title of their table."""
    from tradematrix_pipelines.cli.levels import stored_pivots  # noqa: PLC0415  # the calculator needs no database

    symbol, by_method, title = stored_pivots(name, trade_date, as_of)
    if not by_method:
        then = "" if as_of is None else " then"
        raise TradeMatrixError(
            f"no pivot points of {symbol.name} were stored{then}: see `tradematrix levels {symbol.name}`"
        )
    return {method: by_method[method] for method in methods if method in by_method}, symbol.tick_size, title
