"""``tradematrix pivots``: a calculator; uses no database."""

import json

import click

from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.levels.pivots import Method, pivots

_NEED_OPEN = [method for method in Method if method.needs_open]
_METHODS = click.Choice([*(known.value for known in Method), "all"])


@click.command()
@click.option("--high", type=float, required=True, help="High of the last session.")
@click.option("--low", type=float, required=True, help="Low of the last session.")
@click.option("--close", type=float, required=True, help="Close of the last session.")
@click.option("--open", "open_", type=float, help=f"Open of the last session; {', '.join(_NEED_OPEN)} needs it.")
@click.option("--session-open", type=float, help="Open of the session to come; woodie uses it.")
@click.option("--method", type=_METHODS, default="classic", show_default=True)
@json_option
def command(
    *,
    high: float,
    low: float,
    close: float,
    open_: float | None,
    session_open: float | None,
    method: str,
    as_json: bool,
) -> None:
    """Calculate pivot points from a session's prices.

    With --method all, JSON is an object by method; a method that needs --open is left out without it.
    """
    chosen = [Method(method)] if method != "all" else [m for m in Method if open_ is not None or not m.needs_open]
    by_method = {
        name: pivots(name, high=high, low=low, close=close, open_=open_, session_open=session_open).as_dict()
        for name in chosen
    }
    if as_json:
        click.echo(json.dumps(by_method if method == "all" else by_method[chosen[0]], indent=2))
        return
    show([{"method": str(name)} | levels for name, levels in by_method.items()], as_json=False)
