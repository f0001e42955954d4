"""``tradematrix files``: what files of one's own have, before anything of them is stored."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tradematrix_pipelines.cli.output import json_option, note, show
from tradematrix_pipelines.cli.progress import count_steps
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import (
    DEFAULT_SYMBOLS,
    Symbol,
    currency_pair,
    default_gap_tolerance,
    guess_instrument,
)
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.vendors.errors import BadFile
from tradematrix_pipelines.vendors.files.inspection import Inspection, inspect_file
from tradematrix_pipelines.vendors.files.manifest import read_manifest
from tradematrix_pipelines.vendors.files.names import file_stem
from tradematrix_pipelines.vendors.files.options import ZONE, file_options

_SUFFIXES = frozenset({".csv", ".txt", ".parquet"})
_UNKNOWN = "?"
_ROUND_THE_CLOCK = "24/7"
_TEXTS = frozenset({".csv", ".txt"})


@dataclass(frozen=True, slots=True)
class _Refused:
    """A file that can't be read, and why."""

    path: Path
    reason: str


@click.group()
def command() -> None:
    """Look into files of one's own."""


@command.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def check(ctx: click.Context, *, folder: Path, as_json: bool) -> None:
    """Show what the files of a folder have, and what to type next; nothing is stored, and no database is opened.

    Of each file: format, series, rows, faults, zone (guessed where the file and TRADEMATRIX_FILES_ZONE say none),
    whether times are opens or closes of bars, and the calendar and gap tolerance that fit best. Exit code 1: a file
    can't be read.
    """
    settings = load_settings()
    paths = _paths(folder)
    results: list[Inspection | _Refused] = []
    with count_steps(len(paths), "reading") as advance:
        for path in paths:
            results.append(_inspect(path, settings))
            advance()
    read = [result for result in results if isinstance(result, Inspection)]
    steps = list(_next_steps(folder, read, settings))
    rows = [_row(result) for result in results]
    if as_json:
        rows = [{**row, "next": list(_own_steps(result))} for row, result in zip(rows, results, strict=True)]
    show(rows, as_json=as_json, optional=("unsorted", "duplicates", "last", "first", "format"))
    if not as_json:
        for step in steps:
            note(step, as_json=False)
    ctx.exit(0 if len(read) == len(results) else 1)


def _paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: name one with files like EUR-USD_1m.csv")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if paths:
        return paths
    if (manifest := read_manifest(folder)) is not None:
        raise UsageError(
            f"{folder} is an export with {len(manifest.files)} files: it is read as it is, "
            f"export TRADEMATRIX_VENDOR=files TRADEMATRIX_FILES_DIR={shlex.quote(str(folder))}"
        )
    raise UsageError(f"no CSV or Parquet file in {folder}: put files like EUR-USD_1m.csv there")


def _inspect(path: Path, settings: Settings) -> Inspection | _Refused:
    try:
        return inspect_file(path, file_options(settings), now=settings.clock.now())
    except (BadFile, UsageError) as error:  # UsageError: a name that no symbol can have
        return _Refused(path, str(error).removeprefix(f"{path}").lstrip(": "))


def _row(result: Inspection | _Refused) -> dict[str, Any]:
    names = (
        "file", "format", "series", "rows", "first", "last", "duplicates", "unsorted", "rejected",
        "zone", "stamps", "calendar", "inside", "complete", "tolerance", "detail",
    )  # fmt: skip  # a line a theme
    if isinstance(result, _Refused):
        return {**dict.fromkeys(names), "file": result.path.name, "detail": result.reason}
    values = (
        result.path.name,
        result.format,
        f"{result.symbol} {result.timeframe}",
        result.rows,
        result.first,
        result.last,
        result.duplicates,
        result.unsorted,
        sum(result.rejected.values()),
        _zone(result),
        result.stamps,
        result.calendar,
        f"{100 * result.inside:.1f}%",
        f"{result.complete} of {result.sessions}",
        result.tolerance,
        "; ".join(_details(result)) or None,
    )
    return dict(zip(names, values, strict=True))


def _zone(result: Inspection) -> str | None:
    if result.clock is None:
        return None
    if not result.shows_its_clock:
        return _UNKNOWN
    return f"{result.clock}?" if result.guessed else str(result.clock)


def _details(result: Inspection) -> Iterator[str]:
    if not result.shows_its_clock:
        yield "its times have no zone, and nothing shows which: ask its source"
    elif result.guessed:
        others = f", as well as {', '.join(map(str, result.others))}" if result.others else ""
        yield f"its times have no zone: {result.clock} fits best{others}"
    if result.shift is not None:
        yield result.shift
    if result.conflicts:
        yield f"{result.conflicts} rows have the time of another row and other values"
    if result.rejected:
        reason, count = next(iter(result.rejected.items()))
        yield f"{count} rejected: {reason}"


def _next_steps(folder: Path, read: Sequence[Inspection], settings: Settings) -> Iterator[str]:
    """Yield the commands to type: once for the folder, then for each file."""
    if not read:
        return
    yield "next:"
    variables = {"TRADEMATRIX_VENDOR": "files", "TRADEMATRIX_FILES_DIR": str(folder.absolute())}
    if zones := _zones(read, settings):
        variables[ZONE] = ",".join(zones)
    if any(result.stamps == "close" for result in read):
        variables["TRADEMATRIX_FILES_STAMPS"] = "close"
    if settings.files_dates is not None:
        variables["TRADEMATRIX_FILES_DATES"] = settings.files_dates
    if any(result.calendar == _ROUND_THE_CLOCK for result in read) and not settings.weekends:
        variables["TRADEMATRIX_WEEKENDS"] = "1"
    earliest = min(result.trade_dates[0] for result in read)
    if earliest < settings.history_start:
        variables["TRADEMATRIX_HISTORY_START"] = str(earliest)
    yield "  export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    for step in dict.fromkeys(step for result in read for step in _own_steps(result)):
        yield f"  {step}"


def _zones(read: Sequence[Inspection], settings: Settings) -> list[str]:
    """Return the value of the zone's setting: as it is, and what was guessed."""
    guessed = {
        result.symbol: str(result.clock) if result.shows_its_clock else _UNKNOWN for result in read if result.guessed
    }
    if len(set(guessed.values())) == 1 and not settings.files_zone:
        return list(guessed.values())[:1]
    return [*settings.files_zone, *(f"{symbol}={clock}" for symbol, clock in guessed.items())]


def _own_steps(result: Inspection | _Refused) -> Iterator[str]:
    """Yield what to type for one file."""
    if isinstance(result, _Refused):
        return
    suffix = ".csv" if result.path.suffix.lower() in _TEXTS else ".parquet"
    name = file_stem(result.symbol, result.timeframe) + suffix
    if result.path.name != name:
        yield shlex.join(["mv", "-n", str(result.path), str(result.path.with_name(name))])
    known = next((symbol for symbol in DEFAULT_SYMBOLS if symbol.name == result.symbol), None)
    if known is None:
        yield shlex.join(["tradematrix", "symbols", "add", result.symbol, *_calendar(result), "--no-lookup"])
    elif changes := _changes(known, result):
        yield shlex.join(["tradematrix", "symbols", "set", result.symbol, *changes])
    dates = ["--from", str(result.trade_dates[0]), "--to", str(result.trade_dates[1])]
    yield shlex.join(["tradematrix", "backfill", result.symbol, *dates])


def _calendar(result: Inspection) -> list[str]:
    """Return the options of ``symbols add`` that this file needs."""
    pair = currency_pair(result.symbol)
    usual_calendar = "" if pair is None else pair.calendar
    options = [] if usual_calendar == result.calendar else ["--calendar", result.calendar]
    usual = default_gap_tolerance(guess_instrument(result.symbol, result.calendar), result.calendar)
    if result.tolerance is not None and (usual is None or usual < result.tolerance):
        options += ["--gap-tolerance", str(result.tolerance)]
    return options


def _changes(known: Symbol, result: Inspection) -> list[str]:
    """Return the options of ``symbols set`` that this file needs."""
    options = [] if known.calendar == result.calendar else ["--calendar", result.calendar]
    if result.tolerance is not None and (known.gap_tolerance or 0) < result.tolerance:
        options += ["--gap-tolerance", str(result.tolerance)]
    return options
