"""What commands share: opening the database and Dagster's instance, reading dates."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import click

from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.market import Market


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


@contextmanager
def open_market() -> Iterator[tuple[Settings, Market]]:
    """Open the market database of the environment's settings."""
    settings = load_settings()
    with Market.open(settings) as market:
        yield settings, market
