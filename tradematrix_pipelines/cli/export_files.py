"""Writing an export: one file a month of a series, then the manifest.

A file is written beside its place, and renamed when it is on the disk. Its name has a part of its hash, so that a
changed month is another file: what the manifest lists is there whenever the process ends. The manifest comes after the
files that it lists, and the files that it no longer lists go last. Here: files. Not here: which (``export_plan``).
"""

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.cli.export_plan import Month
from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.postgres.home_lock import lock_alone, open_lock
from tradematrix_pipelines.reader.formats import CATEGORY
from tradematrix_pipelines.reader.series import SCHEMA, instants_of, with_sessions
from tradematrix_pipelines.reader.sessions import constant, known_sessions, locate
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.vendors.files.manifest import MANIFEST, ExportedFile, Manifest, read_manifest
from tradematrix_pipelines.vendors.files.names import file_name

FORMATS = ("parquet", "csv")
COLUMNS = pa.schema([SCHEMA.field("symbol"), pa.field("timeframe", CATEGORY), *list(SCHEMA)[1:]])
"""The columns of a file: those of ``tm.candles``, and the timeframe."""

_NAME = re.compile(r"\d{4}-\d{2}-[0-9a-f]{8}\.(?:parquet|csv)(?:\.new)?")
_TIMEFRAMES = [str(timeframe) for timeframe in Timeframe]


@dataclass(slots=True)
class ExportFolder:
    """The folder of an export, which this process alone writes to within ``with``.

    Attributes:
        manifest: what the folder has.
    """

    path: Path
    manifest: Manifest
    _lock: int

    @classmethod
    def open(cls, path: Path, form: str) -> Self:
        """Open a folder, created where it is missing, and remove what a killed export left there.

        Raises:
            UsageError: it has an export of another format.
            TradeMatrixError: it can't be written, has no manifest that can be read, or is being written to.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = open_lock(path / ".lock")
        except OSError as error:
            raise TradeMatrixError(f"can't write to {path} ({error.strerror}): name another folder") from None
        try:
            if not lock_alone(lock):
                raise TradeMatrixError(f"another export writes to {path}: wait until it has ended")
            manifest = read_manifest(path) or Manifest(format=form)
            if manifest.format != form:
                raise UsageError(f"{path} has an export as {manifest.format}: name another folder, or that format")
            folder = cls(path, manifest, lock)
            folder._remove_leftovers()
        except BaseException:
            os.close(lock)
            raise
        return folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._lock)

    def write(self, month: Month, rows: pa.Table) -> ExportedFile:
        """Write the file of a month, and return its entry; the manifest does not list it yet."""
        folder = self.path / folder_name(month.symbol) / str(month.timeframe)
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f"{month.month}-{'0' * 8}.{self.manifest.format}.new"
        _write_table(rows, new, self.manifest.format)
        digest = _hash(new)
        path = folder / f"{month.month}-{digest[:8]}.{self.manifest.format}"
        _put(new, path)
        return ExportedFile(
            path=path.relative_to(self.path).as_posix(),
            symbol=month.symbol,
            timeframe=str(month.timeframe),
            month=month.month,
            rows=len(rows),
            first=pc.min(rows["ts"]).as_py(),
            last=pc.max(rows["ts"]).as_py(),
            sha256=digest,
            sessions=month.sessions,
        )

    def publish(self, manifest: Manifest) -> None:
        """Put a manifest in the place of the last one, then remove the files that it does not list."""
        if manifest == self.manifest and (self.path / MANIFEST).exists():
            return
        new = self.path / f".{MANIFEST}.new"
        new.write_text(manifest.as_json(), encoding="utf-8")
        _put(new, self.path / MANIFEST)
        gone = {file.path for file in self.manifest.files} - {file.path for file in manifest.files}
        self.manifest = manifest
        for path in gone:
            (self.path / path).unlink(missing_ok=True)
            with suppress(OSError):  # not empty
                (self.path / path).parent.rmdir()

    def _remove_leftovers(self) -> None:
        listed = {file.path for file in self.manifest.files}
        for path in self.path.glob("*/*/*"):
            if _NAME.fullmatch(path.name) and path.relative_to(self.path).as_posix() not in listed:
                path.unlink(missing_ok=True)

    def pruned_rows(self, month: Month, stored: Sequence[StoredCoverage]) -> pa.Table:
        """Return what the month's present file has of the sessions that were pruned since: it is nowhere else.

        Raises:
            TradeMatrixError: the file can't be read.
        """
        days = {row.coverage.trade_date for row in stored if row.coverage.is_pruned}
        days &= {session.trade_date for session in month.sessions}
        if not days:
            return COLUMNS.empty_table()
        key = month.symbol, str(month.timeframe), month.month
        [file] = [file for file in self.manifest.files if file.key == key]
        path = self.path / file.path
        try:
            if self.manifest.format == "parquet":
                rows = parquet.read_table(path).select(COLUMNS.names).cast(COLUMNS)
            else:
                rows = csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=COLUMNS))
        except (OSError, pa.ArrowException) as error:
            raise TradeMatrixError(
                f"{path} has sessions that were pruned from the database, and can't be read ({error}): put it back"
            ) from None
        return rows.filter(pc.is_in(rows["trade_date"], pa.array(sorted(days), pa.date32())))


def folder_name(symbol: str) -> str:
    """Return the folder of a symbol: ``EUR/USD`` is ``EUR-USD``.

    Raises:
        UsageError: there can't be one of that name.
    """
    name = file_name(symbol)
    if name.startswith("."):
        raise UsageError(f"{symbol} can't be exported: its name begins with a dot")
    return name


def read_month(database: Database, symbol: Symbol, month: Month, stored: Sequence[StoredCoverage]) -> pa.Table:
    """Return the candles of the sessions of a month, as far as they are stored.

    Args:
        stored: what is known of the sessions of the series.
    """
    days = {session.trade_date for session in month.sessions}
    rows = {
        row.coverage.trade_date: (row.coverage, row.checked_at)
        for row in stored
        if row.coverage.trade_date in days and not row.coverage.is_pruned
    }
    if not rows:
        return COLUMNS.empty_table()
    sessions = known_sessions([], rows)
    bars = database.candles.table(symbol, month.timeframe, sessions[0].opens_at, sessions[-1].closes_at)
    # Of the sessions between them, which may not be exported.
    bars = bars.filter(pa.array(locate(instants_of(bars), sessions) >= 0))
    sources = sorted({session.source for session in sessions if session.source is not None})
    first = [constant(symbol.name, len(bars), [symbol.name]), constant(str(month.timeframe), len(bars), _TIMEFRAMES)]
    return with_sessions(bars, sessions, first, sources, COLUMNS)


def _write_table(rows: pa.Table, path: Path, form: str) -> None:
    if form == "parquet":
        parquet.write_table(rows, path, compression="zstd")
    else:
        csv.write_csv(_as_text(rows), path)


def _as_text(rows: pa.Table) -> pa.Table:
    """Return the table as CSV has it: instants with their zone, in whole seconds."""
    columns = []
    for field in rows.schema:
        column = rows[field.name]
        if field.name == "ts":
            column = pc.strftime(column.cast(pa.timestamp("s", "UTC")), "%Y-%m-%dT%H:%M:%SZ")
        elif field.type == CATEGORY:
            column = column.cast(pa.string())
        columns.append(column)
    return pa.table(columns, names=rows.schema.names)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put(new: Path, path: Path) -> None:
    """Rename a file once it is on the disk, and have the name there, too."""
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
