"""``tradematrix export``: stored candles as Parquet or CSV files."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from pathlib import Path

import click
import pyarrow as pa

from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.cli.common import TradeDate, open_database
from tradematrix_pipelines.cli.export_files import FORMATS, ExportFolder, folder_name, read_month
from tradematrix_pipelines.cli.export_plan import Plan, Selection, plan_export
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.cli.progress import count_steps
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judging import judge_unjudged
from tradematrix_pipelines.storage.revision_marks import read_revision_marks
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="parquet", show_default=True)
@click.option("--from", "first", type=TradeDate(), help="First trade date; default: all that is stored.")
@click.option("--until", "last", type=TradeDate(), help="Last trade date; default: all that is stored.")
@click.option(
    "--timeframe",
    "timeframes",
    type=click.Choice([timeframe.value for timeframe in Timeframe]),
    multiple=True,
    help="Only these; may be given several times.",
)
@click.option("--include-doubtful", is_flag=True, help="Doubtful sessions, too; the column verdict says which.")
@click.option("--include-incomplete", is_flag=True, help="Partial and open sessions, too, as far as they are stored.")
@json_option
def command(
    *,
    symbols: tuple[str, ...],
    folder: Path,
    form: str,
    first: date | None,
    last: date | None,
    timeframes: tuple[str, ...],
    include_doubtful: bool,
    include_incomplete: bool,
    as_json: bool,
) -> None:
    """Write candles to files, one a symbol, timeframe and month: DIR/EUR-USD/1m/2026-11-….parquet.

    Only final, accepted sessions. Exporting to the same folder again writes only the months that have changed.
    manifest.json says which files there are; what it lists is whole, also where the command was killed. The vendor
    `files` reads such a folder.
    """
    if first is not None and last is not None and first > last:
        raise UsageError(f"--from {first} is after --until {last}: swap them")
    with open_database() as (_, database), ExportFolder.open(folder, form) as export:
        chosen = find_symbols(database.engine, symbols, only_active=False) or read_symbols(database.engine)
        _check_names(chosen)
        selection = Selection(
            symbols=frozenset(symbol.name for symbol in chosen),
            timeframes=frozenset(Timeframe(name) for name in timeframes) or frozenset(Timeframe),
            first=first or date.min,
            last=last or date.max,
            doubtful=include_doubtful,
            incomplete=include_incomplete,
        )
        for symbol in chosen:
            judge_unjudged(database, symbol, selection.first, selection.last)
        stored = read_coverage(database.engine, chosen, list(Timeframe), date.min, date.max)
        plan = plan_export(stored, selection, export.manifest, read_revision_marks(database.engine, chosen))
        _carry_out(database, chosen, export, plan, stored)
    show([_summary(export, plan)], as_json=as_json)


def _check_names(symbols: Sequence[Symbol]) -> None:
    by_folder: dict[str, str] = {}
    for symbol in symbols:
        other = by_folder.setdefault(folder_name(symbol.name), symbol.name)
        if other != symbol.name:
            raise UsageError(f"{other} and {symbol.name} would have one folder: export them to two")


def _carry_out(
    database: Database,
    symbols: Sequence[Symbol],
    export: ExportFolder,
    plan: Plan,
    stored: Sequence[StoredCoverage],
) -> None:
    """Write what has changed, and after each series the manifest."""
    known = {symbol.name: symbol for symbol in symbols}
    files = {file.key: file for file in export.manifest.files}
    by_series: dict[tuple[str, Timeframe], list[StoredCoverage]] = {}
    for row in stored:
        by_series.setdefault((row.symbol, row.coverage.timeframe), []).append(row)
    with count_steps(len(plan.write), "exporting") as advance:
        for (name, timeframe), months in groupby(plan.write, key=lambda month: (month.symbol, month.timeframe)):
            series = by_series[name, timeframe]
            for month in months:
                rows, key = read_month(database, known[name], month, series), (name, str(timeframe), month.month)
                if len(kept := export.pruned_rows(month, series)):
                    rows = pa.concat_tables([rows, kept]).sort_by("ts")
                if len(rows):
                    files[key] = export.write(month, rows)
                else:  # deleted with SQL
                    files.pop(key, None)
                advance()
            export.publish(export.manifest.with_files(files.values()))
    for file in plan.remove:
        del files[file.key]
    export.publish(export.manifest.with_files(files.values()))


def _summary(export: ExportFolder, plan: Plan) -> dict[str, object]:
    files = export.manifest.files
    return {
        "folder": str(export.path),
        "written": len(plan.write),
        "unchanged": len(plan.keep),
        "removed": len(plan.remove),
        "sessions": sum(len(file.sessions) for file in files),
        "rows": sum(file.rows for file in files),
    }
