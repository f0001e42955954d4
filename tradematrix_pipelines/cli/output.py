"""How data is printed: a table for people, JSON for machines."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from tradematrix_pipelines.vendors.text import clean

# Columns of text, which wrap where the terminal is narrow; the others are cut.
_PROSE = frozenset({"reason", "detail", "meaning", "value"})

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
"""The option of every command that prints data."""


def console() -> Console:
    """Return a console on standard output that doesn't wrap tables where the output is no terminal.

    Text is printed verbatim: brackets in it are no markup, and colons no emoji.
    """
    plain = partial(Console, highlight=False, markup=False, emoji=False)
    default = plain()
    return default if default.is_terminal else plain(width=200, no_color=True)


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool, title: str | None = None, empty: str = "nothing") -> None:
    """Print rows as a table headed by their keys, or as a JSON array of objects."""
    if as_json:
        click.echo(json.dumps([{name: _plain(value) for name, value in row.items()} for row in rows], indent=2))
        return
    if not rows:
        click.echo(empty)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in rows[0]:
        numeric = all(isinstance(row[name], int | float) or row[name] is None for row in rows)
        prose = name in _PROSE
        table.add_column(
            name,
            justify="right" if numeric else "left",
            no_wrap=not prose,
            overflow="fold" if prose else "ellipsis",
        )
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    console().print(table)


def drop_usual(rows: Sequence[dict[str, Any]], name: str, usual: object) -> None:
    """Remove a column of a table for people where every row has what is usual there."""
    if all(row[name] == usual for row in rows):
        for row in rows:
            del row[name]


def price(value: float | None, tick_size: float) -> str:
    """Return a price with one more digit than its tick size; ``-`` for none."""
    if value is None:
        return "-"
    text = f"{tick_size:.10f}".rstrip("0")
    return f"{value:.{len(text.partition('.')[2]) + 1}f}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN is the only value unlike itself
        return None
    return value


def _text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case bool():
            return "yes" if value else "no"
        case float() if value != value:  # noqa: PLR0124 - NaN is the only value unlike itself
            return "-"
        case float():
            return f"{value:.10g}"
        case _:
            # Rows may contain control characters, if written before vendors' texts were cleaned or by somebody else.
            return clean(str(value))
