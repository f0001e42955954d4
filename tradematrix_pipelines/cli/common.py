"""What commands share: opening the database, reading dates, options that select sessions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import click

from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.database import Database


class TradeDate(click.ParamType[date]):
    """A date on the command line: 2026-11-20."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date: write it as 2026-11-20", param, ctx)


def sessions_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments that select sessions: ``symbols``, ``first``, ``last``, ``timeframes``."""
    options = (
        click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL…"),
        click.option("--from", "first", type=TradeDate(), required=True, help="First trade date."),
        click.option(
            "--to", "last", type=TradeDate(), help="Last trade date; default: the last session that has closed."
        ),
        click.option(
            "--timeframe",
            "timeframes",
            type=click.Choice([timeframe.value for timeframe in Timeframe]),
            multiple=True,
            help="Only these timeframes; may be given several times. Levels follow where 1d is among them.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@contextmanager
def open_database() -> Iterator[tuple[Settings, Database]]:
    """Open the market database of the environment's settings."""
    settings = load_settings()
    with Database.open(settings) as database:
        yield settings, database
