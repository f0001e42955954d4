"""One symbol's part of the candles that are read: its window, its sessions, its bars.

Stored candles are read by another thread, while this one reads what is known of the sessions. Here: from a symbol and a
timeframe to a table. Not here: what was asked (``candles``), or which sessions are not complete (``sessions``).
"""

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pyarrow as pa

from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.candles.frame import COLUMNS, VALUES, as_candles
from tradematrix_pipelines.candles.resample import resample
from tradematrix_pipelines.errors import IncompleteSession
from tradematrix_pipelines.markets.calendars import SessionCalendar, calendar_of
from tradematrix_pipelines.markets.sessions import Instants, Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.reader.formats import CATEGORY, INSTANT
from tradematrix_pipelines.reader.lengths import BarLength
from tradematrix_pipelines.reader.sessions import (
    KnownSession,
    closed_until,
    constant,
    incomplete,
    known_sessions,
    locate,
    session_columns,
    weeks_of,
)
from tradematrix_pipelines.reader.windows import Window, whole_weeks, window_of
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database

SCHEMA = pa.schema(
    [
        pa.field("symbol", CATEGORY),
        pa.field("trade_date", pa.date32()),
        pa.field("ts", INSTANT),
        *(pa.field(name, pa.float64()) for name in VALUES),
        pa.field("source", CATEGORY),
        pa.field("verdict", CATEGORY),
    ]
)
"""The columns of candles that are read, as Arrow has them."""

Rows = Future[pa.Table]
"""Candles that are being read."""

_BAR = pa.schema([SCHEMA.field(name) for name in COLUMNS])


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What all symbols of one call have in common.

    Attributes:
        start: a trade date or an instant; ``None`` = the beginning.
        end: the same.
        as_of: ``None`` = what is stored now.
        now: the present of what is read: ``as_of``, else the clock's.
    """

    database: Database
    length: BarLength
    start: date | datetime | None
    end: date | datetime
    as_of: datetime | None
    now: datetime

    def read(self, reading: Executor, symbol: Symbol, base: Timeframe, start: datetime, end: datetime) -> Rows:
        """Have the candles of a stored series read."""
        return reading.submit(self.database.candles.table, symbol, base, start, end, as_of=self.as_of)


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One symbol's part.

    Attributes:
        base: the stored timeframe that is read.
        sessions: those of the stored candles.
        incomplete: those of them that are not complete.
        rows: the stored candles.
    """

    symbol: Symbol
    window: Window
    base: Timeframe
    sessions: list[KnownSession]
    incomplete: list[IncompleteSession]
    rows: Rows


def plan_series(view: View, symbol: Symbol, reading: Executor) -> Series:
    """Determine the window and the stored timeframe, and have its candles read.

    Of those that a bar can be made of it is the one with the fewest incomplete sessions; of equals the coarsest.
    """
    calendar, length = calendar_of(symbol), view.length
    window = window_of(calendar, view.start, view.end)
    rows = None if length.made else view.read(reading, symbol, length.bases[0], window.start, window.end)
    around = whole_weeks(window) if length.weekly else window
    stored = read_coverage(
        view.database.engine, [symbol], length.bases, around.first or date.min, around.last, as_of=view.as_of
    )
    known = {base: _sessions(calendar, around, stored, base, whole=length.weekly) for base in length.bases}
    missing = {
        base: incomplete(sessions, symbol=symbol.name, timeframe=str(base), now=view.now)
        for base, sessions in known.items()
    }
    base = min(length.bases, key=lambda base: len(missing[base]))
    sessions = known[base]
    if rows is None:
        start, end = (sessions[0].opens_at, sessions[-1].closes_at) if sessions else (window.start, window.start)
        rows = view.read(reading, symbol, base, start, end)
    return Series(symbol=symbol, window=window, base=base, sessions=sessions, incomplete=missing[base], rows=rows)


def read_series(view: View, series: Series, *, names: Sequence[str], sources: Sequence[str]) -> pa.Table:
    """Return the bars of a series.

    Args:
        names: of all symbols that are read.
        sources: of all their sessions.
    """
    bars, sessions = series.rows.result(), series.sessions
    if view.length.weekly:
        sessions = weeks_of(sessions)
    if view.length.made:
        bars = _made(bars, series, sessions, view)
    return with_sessions(bars, sessions, [constant(series.symbol.name, len(bars), names)], sources, SCHEMA)


def with_sessions(
    bars: pa.Table,
    sessions: Sequence[KnownSession],
    first: Sequence[pa.Array],
    sources: Sequence[str],
    schema: pa.Schema,
) -> pa.Table:
    """Return bars with the columns that they have from their sessions.

    Args:
        bars: the columns of ``candles.frame``.
        first: columns that come before them.
    """
    ts = bars["ts"].combine_chunks()
    trade_date, source, verdict = session_columns(locate(instants_of(bars), sessions), sessions, sources)
    columns = [*first, trade_date, ts, *(bars[name] for name in VALUES), source, verdict]
    return pa.table(columns, schema=schema)


def instants_of(bars: pa.Table) -> Instants:
    """Return the column ``ts`` as numpy has it."""
    return np.asarray(bars["ts"].combine_chunks().to_numpy(zero_copy_only=False)).astype("datetime64[us]", copy=False)


def _sessions(
    calendar: SessionCalendar, window: Window, stored: Sequence[StoredCoverage], base: Timeframe, *, whole: bool
) -> list[KnownSession]:
    """Return the sessions of a window.

    Args:
        whole: whether those at its ends count that have no bar in it.
    """
    rows = {row.coverage.trade_date: (row.coverage, row.checked_at) for row in stored if row.coverage.timeframe is base}
    first = window.first or min(rows, default=window.last)
    sessions = known_sessions(calendar.sessions(first, window.last), rows)
    return [one for one in sessions if whole or (one.closes_at > window.start and one.opens_at < window.end)]


def _made(rows: pa.Table, series: Series, sessions: Sequence[KnownSession], view: View) -> pa.Table:
    """Make the bars of whole sessions, or weeks, and return those that open in the window."""
    bars = resample(
        as_candles(rows.to_pandas()),
        timeframe=view.length,
        sessions=[Session(one.trade_date, one.opens_at, one.closes_at) for one in sessions],
        now=closed_until(sessions, view.now),
        base=series.base,
    )
    inside = bars[(bars["ts"] >= series.window.start) & (bars["ts"] < series.window.end)]
    return pa.Table.from_pandas(inside[COLUMNS], schema=_BAR, preserve_index=False)
