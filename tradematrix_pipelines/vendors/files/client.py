"""Candles from a folder of files, one file a symbol and timeframe: ``EUR-USD_1m.csv`` or ``.parquet``.

Here: which file, and the window of it. Not here: the format of a file (``responses``).
"""

from datetime import date
from functools import lru_cache
from pathlib import Path

import pandas as pd

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import BadFile, Unavailable
from tradematrix_pipelines.vendors.files.responses import read_candle_file
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest

SUFFIXES = (".csv", ".parquet")
_FILES_KEPT = 16


class FilesVendor:
    """A folder of candle files. Each file is parsed once, and again when it changes. Safe in several threads."""

    name = "files"
    max_bars = 1_000_000
    """A file has no limit; this one keeps windows in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parsed = lru_cache(maxsize=_FILES_KEPT)(_parse)

    def unavailable_reason(self, symbol: Symbol, timeframe: Timeframe, trade_date: date) -> str | None:
        """Return which file is missing; the days that a file covers are not checked."""
        del trade_date
        if self._find(symbol, timeframe) is not None:
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
        if path is None:
            reason = self.unavailable_reason(request.symbol, request.timeframe, request.start.date())
            raise Unavailable(f"{self.name} {reason}: put the candles there, or deactivate {request.symbol.name}")
        stat = path.stat()
        frame = self._parsed(path, stat.st_mtime_ns, stat.st_size, request.timeframe is Timeframe.D1)
        first, last = frame["ts"].searchsorted([pd.Timestamp(request.start), pd.Timestamp(request.end)])
        candles = frame.iloc[first:last].reset_index(drop=True)
        return CandleAnswer(candles=candles, source=self.name, calls=1)

    def check(self) -> str:
        """Return how many files there are; raises :class:`BadFile` when there is none."""
        count = sum(path.suffix in SUFFIXES for path in self._folder.iterdir())
        if not count:
            raise BadFile(f"no CSV or Parquet file in {self._folder}: put files like EUR-USD_1m.csv there")
        return f"files: {count} in {self._folder}"

    def close(self) -> None:
        """Drop the parsed files."""
        self._parsed.cache_clear()

    def _find(self, symbol: Symbol, timeframe: Timeframe) -> Path | None:
        stem = file_stem(symbol.symbol_at(self.name), timeframe)
        candidates = (self._folder / (stem + suffix) for suffix in SUFFIXES)
        return next((path for path in candidates if path.is_file()), None)


def file_stem(name: str, timeframe: Timeframe) -> str:
    """Return the name of a series' file, without its suffix: ``EUR/USD`` at 1m is ``EUR-USD_1m``."""
    return f"{name.replace('/', '-')}_{timeframe}"


def _parse(path: Path, modified_ns: int, size: int, daily: bool) -> pd.DataFrame:
    """Read a file; its modification time and size are part of the cache key."""
    del modified_ns, size
    return read_candle_file(path, daily=daily)
