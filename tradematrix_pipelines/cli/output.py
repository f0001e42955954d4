"""How data is printed: a table for people that fits their terminal, columns for a pipe, JSON for machines.

Here: formats and layout. Not here: what is shown (the modules of the commands).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from tradematrix_pipelines.markets.symbols import price_digits
from tradematrix_pipelines.vendors.text import clean

# Columns of text, which wrap where the terminal is narrow. No other is cut or wrapped: "253…" reads as a price.
_PROSE = frozenset({"reason", "detail", "meaning", "value", "findings", "levels"})
_NARROWEST_PROSE = 24
_BETWEEN = 2

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
"""The option of every command that prints data."""

wide_option = click.option("--wide", is_flag=True, help="All columns, however narrow the terminal.")
"""The option of commands whose tables leave columns out where the terminal is narrow."""


def console() -> Console:
    """Return a console on standard output that doesn't wrap text where the output is no terminal.

    Text is printed verbatim: brackets in it are no markup, and colons no emoji.
    """
    plain = partial(Console, highlight=False, markup=False, emoji=False)
    default = plain()
    return default if default.is_terminal else plain(width=200, no_color=True)


def is_piped() -> bool:
    """Return whether standard output is no terminal."""
    return not Console().is_terminal


def show(
    rows: Sequence[Mapping[str, Any]],
    *,
    as_json: bool,
    title: str | None = None,
    empty: str = "nothing",
    optional: Sequence[str] = (),
) -> None:
    """Print rows: as a table headed by their keys, as tab-separated columns in a pipe, or as a JSON array of objects.

    A table that is wider than the terminal loses its ``optional`` columns, the last first, and is printed as one block
    of lines a row where even that is too wide. No value but prose is cut or wrapped.

    Args:
        empty: what is printed in place of a table without rows.
        optional: names of columns that may be left out.
    """
    if as_json:
        click.echo(json.dumps([{name: _plain(value) for name, value in row.items()} for row in rows], indent=2))
        return
    if not rows:
        click.echo(empty)
        return
    cells = [{name: _text(value) for name, value in row.items()} for row in rows]
    if is_piped():
        _print_columns(cells, title)
        return
    screen = console()
    names, left_out = _fitting(cells, screen.width, optional)
    if _width(cells, names) > screen.width:
        _print_blocks(cells, title, screen)
        return
    if title:
        screen.print(title, style="bold")
    screen.print(_table(rows, cells, names))
    if left_out:
        screen.print(f"not shown, for want of room: {', '.join(left_out)} (--wide, --json, or a wider terminal)")


def note(line: str, *, as_json: bool) -> None:
    """Print a line that belongs to a table, after it; on standard error where other programs read the table."""
    if as_json or is_piped():
        click.echo(line, err=True)
    else:
        console().print(line)


def drop_empty(rows: Sequence[dict[str, Any]], names: Iterable[str]) -> None:
    """Remove those of these columns of a table for people, one row at least, in which no row has a value."""
    for name in names:
        if name in rows[0]:
            drop_usual(rows, name, "-")


def drop_usual(rows: Sequence[dict[str, Any]], name: str, usual: object) -> None:
    """Remove a column of a table for people where every row has what is usual there."""
    if all(row[name] == usual for row in rows):
        for row in rows:
            del row[name]


def price(value: float | None, tick_size: float) -> str:
    """Return a price with one more digit than its tick size; ``-`` for none."""
    return "-" if value is None else f"{value:.{price_digits(tick_size)}f}"


def _fitting(cells: Sequence[Mapping[str, str]], width: int, optional: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the columns that are shown, and those that are left out so that these fit."""
    names = list(cells[0])
    left_out: list[str] = []
    for name in reversed([name for name in optional if name in names]):
        if _width(cells, names) <= width:
            break
        names.remove(name)
        left_out.insert(0, name)
    return names, left_out


def _width(cells: Sequence[Mapping[str, str]], names: Sequence[str]) -> int:
    """Return how wide a table of these columns is at least."""
    widths = [max(len(name), *(len(row[name]) for row in cells)) for name in names]
    narrow = [
        max(len(name), min(width, _NARROWEST_PROSE)) if name in _PROSE else width
        for name, width in zip(names, widths, strict=True)
    ]
    return sum(narrow) + _BETWEEN * len(names)


def _table(rows: Sequence[Mapping[str, Any]], cells: Sequence[Mapping[str, str]], names: Sequence[str]) -> Table:
    # The box puts a blank between columns, the padding another one: _BETWEEN in all.
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in names:
        prose = name in _PROSE
        table.add_column(
            name,
            justify="right" if _is_numeric(name, rows, cells) else "left",
            no_wrap=not prose,
            overflow="fold",
        )
    for row in cells:
        table.add_row(*(row[name] for name in names))
    return table


def _is_numeric(name: str, rows: Sequence[Mapping[str, Any]], cells: Sequence[Mapping[str, str]]) -> bool:
    """Return whether a column is one of numbers, be they written out already."""
    if any(isinstance(row[name], bool | date) for row in rows):
        return False
    return all(_is_number(row[name]) for row in cells if row[name] != "-")


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "").removesuffix("%").rstrip())
    except ValueError:
        return False
    return True


def _print_blocks(cells: Sequence[Mapping[str, str]], title: str | None, screen: Console) -> None:
    """Print one block a row: a line a value, its name before it."""
    if title:
        screen.print(title, style="bold")
    for row in cells:
        names = max(len(name) for name in row)
        for name, text in row.items():
            table = Table.grid(padding=(0, 2))
            table.add_column(width=names, no_wrap=True)
            table.add_column(overflow="fold")
            table.add_row(name, text)
            screen.print(table)
        screen.print()


def _print_columns(cells: Sequence[Mapping[str, str]], title: str | None) -> None:
    """Print tab-separated columns with a line of their names, for other programs' eyes."""
    if title:
        click.echo(f"# {title}")
    names = list(cells[0])
    click.echo("\t".join(names))
    for row in cells:
        click.echo("\t".join(row[name] for name in names))


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
