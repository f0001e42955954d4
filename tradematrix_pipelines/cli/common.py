"""What commands share: opening the database, reading dates, options that select sessions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import click

from tradematrix_pipelines.errors import UsageError
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


class Instant(click.ParamType[datetime]):
    """An instant on the command line: 2026-11-20T08:00Z."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no instant: write it as 2026-11-20T08:00Z", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no zone: write it as 2026-11-20T08:00Z, or with an offset, +01:00", param, ctx)
        return moment.astimezone(UTC)


as_of_option = click.option(
    "--as-of", type=Instant(), help="Show what a reader would have seen then: 2026-11-20T08:00Z."
)
"""The option of commands that show what is stored."""


def viewed_at(as_of: datetime | None, now: datetime) -> datetime:
    """Return the instant that a command shows: ``as_of``, else ``now``.

    Raises:
        UsageError: ``as_of`` is still to come.
    """
    if as_of is not None and as_of > now:
        raise UsageError(f"--as-of {as_of:%Y-%m-%dT%H:%MZ} is still to come: it is {now:%Y-%m-%dT%H:%MZ}")
    return as_of or now


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
