"""``tm.candles``: stored candles as one frame, coarser ones made on reading.

Here: one call, from its arguments to the frame. Not here: the candles of one symbol (``series``), and which timeframes
there are (``lengths``).
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, overload

import pyarrow as pa

from tradematrix_pipelines.errors import IncompleteSession, IncompleteSessions, IncompleteWarning
from tradematrix_pipelines.reader.formats import Format, check_format, convert
from tradematrix_pipelines.reader.lengths import parse_length
from tradematrix_pipelines.reader.opening import Moment, open_to_read, parse_instant, parse_moment, select_symbols
from tradematrix_pipelines.reader.series import SCHEMA, View, plan_series, read_series
from tradematrix_pipelines.storage.database import Database

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 5
_CALLERS_LEVEL = 4  # the caller of a callable module, seen from the function that warns


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
    ``verdict`` (``accepted``, ``doubtful``, null where the session was not judged). docs/how-to/read-from-python.md has
    the dtypes.

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
    with open_to_read(url) as (_, database), _reading(database) as reading:
        now = database.clock.now()
        at = parse_instant(as_of, "as_of", now)
        view = View(database=database, length=length, start=begin, end=finish or at or now, as_of=at, now=at or now)
        chosen = select_symbols(database, symbols)
        series = [plan_series(view, symbol, reading) for symbol in chosen]
        _judge([session for one in series for session in one.incomplete], strict=strict)
        names = [symbol.name for symbol in chosen]
        sources = sorted({session.source for one in series for session in one.sessions if session.source is not None})
        tables = [read_series(view, one, names=names, sources=sources) for one in series]
    return convert(pa.concat_tables([SCHEMA.empty_table(), *tables]), as_)


@contextmanager
def _reading(database: Database) -> Iterator[Executor]:
    """A thread that reads candles, series after series; what it has not begun is dropped where the block fails."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="candles")
    try:
        executor.submit(database.candles.open)
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _judge(sessions: Sequence[IncompleteSession], *, strict: bool) -> None:
    if not sessions:
        return
    named = "; ".join(str(session) for session in sessions[:_NAMED])
    more = f"; and {len(sessions) - _NAMED} more" if len(sessions) > _NAMED else ""
    message = f"{len(sessions)} session{'s are' if len(sessions) > 1 else ' is'} not complete: {named}{more}"
    if strict:
        remedy = "fetch with `tradematrix retry`, what was pruned with `backfill --refresh`, or read without strict"
        raise IncompleteSessions(f"{message}; {remedy}", sessions)
    warnings.warn(message, IncompleteWarning, stacklevel=_CALLERS_LEVEL)
