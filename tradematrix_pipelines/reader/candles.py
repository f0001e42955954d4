"""``tm.candles``: stored candles as one frame, coarser ones made on reading.

Here: one call, from its arguments to the frame. Not here: which sessions are complete (``sessions``), timeframes
(``lengths``), windows (``windows``).
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pyarrow as pa

from tradematrix_pipelines.candles.frame import COLUMNS, VALUES, as_candles
from tradematrix_pipelines.candles.resample import resample
from tradematrix_pipelines.errors import IncompleteSession, IncompleteSessions, IncompleteWarning
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.reader.formats import CATEGORY, INSTANT, Format, check_format, convert
from tradematrix_pipelines.reader.lengths import BarLength, parse_length
from tradematrix_pipelines.reader.opening import Moment, open_to_read, parse_instant, parse_moment, select_symbols
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

if TYPE_CHECKING:
    import pandas as pd

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
"""The columns of the frame, as Arrow has them."""

_BAR = pa.schema([SCHEMA.field(name) for name in COLUMNS])
_NAMED = 5
_CALLERS_LEVEL = 4  # the caller of a callable module, seen from the function that warns


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One symbol's part of the frame.

    Attributes:
        base: the stored timeframe that is read.
        sessions: those of the stored candles.
        incomplete: those of them that are not complete.
    """

    symbol: Symbol
    window: Window
    base: Timeframe
    sessions: list[KnownSession]
    incomplete: list[IncompleteSession]


@overload
def candles(
    symbols: str | Iterable[str],
    timeframe: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    as_of: datetime | str | None = None,
    as_: Literal["pandas"] = "pandas",
    strict: bool = False,
    url: str | None = None,
) -> "pd.DataFrame": ...


@overload
def candles(
    symbols: str | Iterable[str],
    timeframe: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    as_of: datetime | str | None = None,
    as_: Literal["arrow", "polars"],
    strict: bool = False,
    url: str | None = None,
) -> Any: ...


def candles(
    symbols: str | Iterable[str],
    timeframe: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    as_of: datetime | str | None = None,
    as_: Format = "pandas",
    strict: bool = False,
    url: str | None = None,
) -> Any:
    """Return candles as one frame, by symbol (in the order asked for) and ``ts``.

    Columns: ``symbol``, ``trade_date`` (a date without a zone), ``ts`` (the bar's open, UTC), ``open``, ``high``,
    ``low``, ``close`` (in price units), ``volume`` (null where the vendor gives none), ``source`` (the vendor) and
    ``verdict`` (``accepted``, ``doubtful``, null where the session was not judged). docs/reading.md has the dtypes.

    Args:
        symbols: one name, or several.
        timeframe: a stored one, or a multiple of one, made on reading and anchored at each session's open: ``30m``,
            ``4h``; ``1w``: ISO weeks, of the days, named by the first session. A made bar is there once it has closed.
        start: a trade date, or an aware instant; ``None`` = all that is stored.
        end: the same; a trade date is included, an instant is not; ``None`` = now.
        as_of: what a reader would have seen at this instant.
        as_: ``pandas``, ``arrow`` or ``polars``.
        strict: raise where a session in the range is not complete, in place of the warning.
        url: the database to read; ``None`` = that of the settings.

    Raises:
        IncompleteSessions: with ``strict``; it names them.
        UsageError: an argument is wrong; the message says what is right.
    """
    check_format(as_)
    length = parse_length(timeframe)
    begin, finish = parse_moment(start, "start"), parse_moment(end, "end")
    with open_to_read(url) as (_, database):
        now = database.clock.now()
        at = parse_instant(as_of, "as_of", now)
        chosen = select_symbols(database, symbols)
        series = [
            _plan(database, symbol, length, (begin, finish or at or now), as_of=at, now=at or now) for symbol in chosen
        ]
        _judge([session for one in series for session in one.incomplete], strict=strict)
        names = [symbol.name for symbol in chosen]
        sources = sorted({session.source for one in series for session in one.sessions if session.source is not None})
        tables = [_read(database, one, length, names=names, sources=sources, as_of=at, now=at or now) for one in series]
    return convert(pa.concat_tables([SCHEMA.empty_table(), *tables]), as_)


def _plan(
    database: Database,
    symbol: Symbol,
    length: BarLength,
    asked: tuple[date | datetime | None, date | datetime],
    *,
    as_of: datetime | None,
    now: datetime,
) -> Series:
    """Determine the window, and the stored timeframe that has most of its sessions complete; of equals the coarsest."""
    calendar = calendar_of(symbol)
    window = window_of(calendar, *asked)
    read = whole_weeks(window) if length.weekly else window
    stored = read_coverage(database.engine, [symbol], length.bases, read.first or date.min, read.last, as_of=as_of)
    best: Series | None = None
    for base in length.bases:
        rows = {
            row.coverage.trade_date: (row.coverage, row.checked_at) for row in stored if row.coverage.timeframe is base
        }
        first = read.first or min(rows, default=read.last)
        sessions = known_sessions(calendar.sessions(first, read.last), rows)
        if not length.weekly:
            sessions = [one for one in sessions if one.closes_at > window.start and one.opens_at < window.end]
        missing = incomplete(sessions, symbol=symbol.name, timeframe=str(base), now=now)
        if best is None or len(missing) < len(best.incomplete):
            best = Series(symbol=symbol, window=window, base=base, sessions=sessions, incomplete=missing)
    if best is None:
        msg = "a timeframe is made of nothing"
        raise ValueError(msg)
    return best


def _judge(sessions: Sequence[IncompleteSession], *, strict: bool) -> None:
    if not sessions:
        return
    named = "; ".join(str(session) for session in sessions[:_NAMED])
    more = f"; and {len(sessions) - _NAMED} more" if len(sessions) > _NAMED else ""
    message = f"{len(sessions)} session{'s are' if len(sessions) > 1 else ' is'} not complete: {named}{more}"
    if strict:
        raise IncompleteSessions(f"{message}; fetch with `tradematrix retry`, or read without strict", sessions)
    warnings.warn(message, IncompleteWarning, stacklevel=_CALLERS_LEVEL)


def _read(
    database: Database,
    series: Series,
    length: BarLength,
    *,
    names: Sequence[str],
    sources: Sequence[str],
    as_of: datetime | None,
    now: datetime,
) -> pa.Table:
    window, sessions = series.window, series.sessions
    if length.made:
        bars, sessions = _made(database, series, length, as_of=as_of, now=now)
    else:
        bars = database.candles.table(series.symbol, series.base, window.start, window.end, as_of=as_of)
    ts = bars["ts"].combine_chunks()
    instants = np.asarray(ts.to_numpy(zero_copy_only=False)).astype("datetime64[us]", copy=False)
    trade_date, source, verdict = session_columns(locate(instants, sessions), sessions, sources)
    columns = [constant(series.symbol.name, len(ts), names), trade_date, ts, *(bars[name] for name in VALUES)]
    return pa.table([*columns, source, verdict], schema=SCHEMA)


def _made(
    database: Database, series: Series, length: BarLength, *, as_of: datetime | None, now: datetime
) -> tuple[pa.Table, list[KnownSession]]:
    """Make the bars of whole sessions, and return those that open in the window."""
    sessions = series.sessions
    if not sessions:
        return _BAR.empty_table(), []
    start, end = sessions[0].opens_at, sessions[-1].closes_at
    stored = database.candles.table(series.symbol, series.base, start, end, as_of=as_of)
    frame = as_candles(stored.to_pandas())
    if length.weekly:
        sessions = weeks_of(sessions)
    bars = resample(
        frame,
        timeframe=length,
        sessions=[Session(one.trade_date, one.opens_at, one.closes_at) for one in sessions],
        now=closed_until(sessions, now),
        base=series.base,
    )
    inside = bars[(bars["ts"] >= series.window.start) & (bars["ts"] < series.window.end)]
    return pa.Table.from_pandas(inside[COLUMNS], schema=_BAR, preserve_index=False), sessions
