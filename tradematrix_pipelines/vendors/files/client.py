"""Candles from a folder of files, one file a symbol and timeframe: ``EUR-USD_1m.csv`` or ``.parquet``.

A folder that ``tradematrix export`` wrote has a file a month, which its manifest lists. Here: which files, and the
window of them. Not here: the format of a file (``responses``), or of the manifest (``manifest``).
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path

import pandas as pd

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import BadFile, Unavailable
from tradematrix_pipelines.vendors.files.manifest import MANIFEST, ExportedFile, Manifest, read_manifest
from tradematrix_pipelines.vendors.files.names import file_stem
from tradematrix_pipelines.vendors.files.options import FileOptions, Reading
from tradematrix_pipelines.vendors.files.responses import read_candle_file
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest

SUFFIXES = (".csv", ".parquet")
_FILES_KEPT = 16


class FilesVendor:
    """A folder of candle files. Each file is parsed once, and again when it changes. Safe in several threads."""

    name = "files"
    max_bars = 1_000_000
    """A file has no limit; this one keeps windows in memory."""

    def __init__(self, folder: Path, options: FileOptions | None = None) -> None:
        self._folder, self._options = folder, options or FileOptions()
        self._parsed = lru_cache(maxsize=_FILES_KEPT)(_parse)
        self._exported = lru_cache(maxsize=_FILES_KEPT)(_parse_exported)
        self._manifests = lru_cache(maxsize=1)(_parse_manifest)

    def unavailable_reason(self, symbol: Symbol, timeframe: Timeframe, trade_date: date) -> str | None:
        """Return which file is missing; the days that a file covers are not checked."""
        del trade_date
        if self._find(symbol, timeframe) is not None or self._months(symbol, timeframe):
            return None
        stem = file_stem(symbol.symbol_at(self.name), timeframe)
        return f"has no {timeframe} bars of its own: no {stem}.csv or {stem}.parquet in {self._folder}"

    def fetch(self, request: CandleRequest) -> CandleAnswer:
        """Return the candles of one window.

        Raises:
            Unavailable: there is no such file.
            BadFile: it can't be read.
        """
        path = self._find(request.symbol, request.timeframe)
        months = [] if path else self._months(request.symbol, request.timeframe)
        if path is not None:
            name = request.symbol.symbol_at(self.name)
            frame = self._frame(path, self._options.reading(name, request.timeframe))
        elif months:
            frame = self._frame_of_months(months, request)
        else:
            reason = self.unavailable_reason(request.symbol, request.timeframe, request.start.date())
            raise Unavailable(f"{self.name} {reason}: put the candles there, or deactivate {request.symbol.name}")
        first, last = frame["ts"].searchsorted([pd.Timestamp(request.start), pd.Timestamp(request.end)])
        candles = frame.iloc[first:last].reset_index(drop=True)
        return CandleAnswer(candles=candles, source=self.name, calls=1)

    def check(self) -> str:
        """Return how many files there are; raises :class:`BadFile` when there is none."""
        manifest = self._manifest()
        count = sum(path.suffix in SUFFIXES for path in self._folder.iterdir())
        count += 0 if manifest is None else len(manifest.files)
        if not count:
            raise BadFile(f"no CSV or Parquet file in {self._folder}: put files like EUR-USD_1m.csv there")
        return f"files: {count} in {self._folder}"

    def close(self) -> None:
        """Drop the parsed files."""
        for parsed in (self._parsed, self._exported, self._manifests):
            parsed.cache_clear()

    def _frame(self, path: Path, reading: Reading) -> pd.DataFrame:
        stat = path.stat()
        return self._parsed(path, stat.st_mtime_ns, stat.st_size, reading)

    def _frame_of_months(self, months: Sequence[ExportedFile], request: CandleRequest) -> pd.DataFrame:
        reading = Reading(length=request.timeframe.length)
        frames = [
            self._exported(self._folder / file.path, file.sha256, reading)
            for file in months
            if _overlaps(file, request, daily=reading.daily)
        ]
        return pd.concat(frames, ignore_index=True) if frames else empty_candles()

    def _months(self, symbol: Symbol, timeframe: Timeframe) -> list[ExportedFile]:
        """Return the exported files of a series, by month."""
        manifest = self._manifest()
        files = () if manifest is None else manifest.files
        name = symbol.symbol_at(self.name)
        return [file for file in files if file.symbol == name and file.timeframe == timeframe]

    def _manifest(self) -> Manifest | None:
        try:
            stat = (self._folder / MANIFEST).stat()
        except FileNotFoundError:
            return None
        return self._manifests(self._folder, stat.st_mtime_ns, stat.st_size)

    def _find(self, symbol: Symbol, timeframe: Timeframe) -> Path | None:
        stem = file_stem(symbol.symbol_at(self.name), timeframe)
        candidates = (self._folder / (stem + suffix) for suffix in SUFFIXES)
        return next((path for path in candidates if path.exists()), None)


def _overlaps(file: ExportedFile, request: CandleRequest, *, daily: bool) -> bool:
    """Whether a month has bars in the window; daily ones are asked for by the midnights of their dates."""
    first, last = file.first, file.last
    if daily:
        days = file.sessions[0].trade_date, file.sessions[-1].trade_date
        first, last = (datetime.combine(day, time(), UTC) for day in days)
    return first < request.end and last >= request.start


def _parse_manifest(folder: Path, modified_ns: int, size: int) -> Manifest | None:
    del modified_ns, size
    return read_manifest(folder)


def _parse_exported(path: Path, sha256: str, reading: Reading) -> pd.DataFrame:
    """Read a file of an export, as the manifest lists it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path} can't be read ({error.strerror}), and {MANIFEST} lists it: export again") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BadFile(f"{path} is not what {MANIFEST} lists: export again")
    return read_candle_file(path, reading, dated_by="trade_date")


def _parse(path: Path, modified_ns: int, size: int, reading: Reading) -> pd.DataFrame:
    """Read a file; its modification time and size are part of the cache key."""
    del modified_ns, size
    return read_candle_file(path, reading)
