"""What commands share: opening the database, reading dates, options that select sessions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.pivots import Method
from tradematrix_pipelines.markets.spans import parse_span
from tradematrix_pipelines.markets.timeframes import Timeframe, parse_timeframe
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.vendors.provenance import SIMULATED

if TYPE_CHECKING:
    from tradematrix_pipelines.storage.database import Database

_DAYS_FROM_TODAY = {"yesterday": -1, "today": 0, "tomorrow": 1}


class TradeDate(click.ParamType[date]):
    """A date on the command line: 2026-11-20, or yesterday, today, tomorrow (UTC)."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            if (days := _DAYS_FROM_TODAY.get(value.lower())) is not None:
                return load_settings().clock.now().date() + timedelta(days=days)
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date: write it as 2026-11-20, or yesterday, today, tomorrow", param, ctx)


class Span(click.ParamType[timedelta]):
    """A number of days, weeks, months of 30 days, or years of 365 on the command line: 20d, 6w, 3m, 1y."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_span(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


class TimeframeName(click.ParamType[Timeframe]):
    """A timeframe on the command line, however it is written: 1h, 1H, 60m, H1."""

    name = "timeframe"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        del param, ctx
        return f"[{'|'.join(Timeframe)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Timeframe:
        if isinstance(value, Timeframe):
            return value
        try:
            return parse_timeframe(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        del ctx, param
        return [CompletionItem(known) for known in Timeframe if known.startswith(incomplete)]


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


method_option = click.option(
    "--method",
    type=click.Choice(Method, case_sensitive=False),
    help="Pivot points of this method; default: TRADEMATRIX_PIVOT_METHOD, else classic.",
)
"""The option of commands that show pivot points."""

span_option = click.option("--last", "span", type=Span(), help="Instead of --from: the last 20d, 6w, 3m or 1y.")
"""The option of commands that take a range of trade dates."""


def first_date(first: date | None, span: timedelta | None, *, last: date) -> date | None:
    """Return the first trade date of a range that ends with ``last``: as given by ``--from`` or by ``--last``.

    Raises:
        UsageError: both are given, or the range is empty.
    """
    if first is not None and span is not None:
        raise UsageError("give --from or --last, not both")
    if span is not None:
        first = last - span + timedelta(days=1)
    if first is not None and first > last:
        raise UsageError(f"--from {first} is after --to {last}: swap them")
    return first


def simulated_title(database: "Database") -> str | None:
    """Return the title of tables of simulated prices; ``None`` where the stored ones are real."""
    from tradematrix_pipelines.storage.coverage import a_stored_source  # noqa: PLC0415 - see open_database

    return "SIMULATED prices" if a_stored_source(database.engine) == SIMULATED else None


def sessions_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments that select sessions: ``symbols``, ``first``, ``last``, ``timeframes``."""

    @wraps(command)
    def with_dates(
        *context: click.Context, first: date | None, last: date | None, span: timedelta | None, **others: Any
    ) -> None:
        if span is not None:
            first = first_date(first, span, last=last or load_settings().clock.now().date())
        if first is None:
            raise UsageError("from when on? give --from 2026-11-01, or --last 20d")
        command(*context, first=first, last=last, **others)

    options = (
        click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL…"),
        click.option("--from", "first", type=TradeDate(), help="First trade date."),
        span_option,
        click.option(
            "--to", "last", type=TradeDate(), help="Last trade date; default: the last session that has closed."
        ),
        click.option(
            "--timeframe",
            "timeframes",
            type=TimeframeName(),
            multiple=True,
            help="Only these timeframes; may be given several times. Levels follow where 1d is among them.",
        ),
    )
    wrapped: Callable[..., None] = with_dates
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


@contextmanager
def open_database() -> Iterator[tuple[Settings, "Database"]]:
    """Open the market database of the environment's settings."""
    # Imported here: some commands need no database, and what reads it takes longer to import than they take to run.
    from tradematrix_pipelines.storage.database import Database  # noqa: PLC0415

    settings = load_settings()
    with Database.open(settings) as database:
        yield settings, database
