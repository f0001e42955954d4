"""``tm.coverage``: which sessions are complete, and what is missing, as one frame."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, overload

import pyarrow as pa

from tradematrix_pipelines.automation.backlog import LOOKBACK
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.reader.coverage_rows import coverage_rows
from tradematrix_pipelines.reader.formats import CATEGORY, INSTANT, Format, check_format, convert, table_of
from tradematrix_pipelines.reader.opening import Moment, open_to_read, parse_date, parse_instant, select_symbols

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = pa.schema(
    [
        pa.field("symbol", CATEGORY),
        pa.field("timeframe", CATEGORY),
        pa.field("trade_date", pa.date32()),
        pa.field("status", CATEGORY),
        pa.field("final", pa.bool_()),
        *(pa.field(name, pa.int32()) for name in ("expected", "received", "rejected", "outside", "longest_gap")),
        pa.field("source", CATEGORY),
        pa.field("attempts", pa.int32()),
        pa.field("next_attempt", INSTANT),
        pa.field("exhausted", pa.bool_()),
        pa.field("verdict", CATEGORY),
        pa.field("pruned_at", INSTANT),
        pa.field("reason", pa.string()),
    ]
)
"""The columns of the frame, as Arrow has them."""


@overload
def coverage(
    symbols: str | Iterable[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    timeframes: str | Iterable[str] | None = None,
    as_of: datetime | str | None = None,
    as_: Literal["pandas"] = "pandas",
    url: str | None = None,
) -> "pd.DataFrame": ...


@overload
def coverage(
    symbols: str | Iterable[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    timeframes: str | Iterable[str] | None = None,
    as_of: datetime | str | None = None,
    as_: Literal["arrow", "polars"],
    url: str | None = None,
) -> Any: ...


def coverage(
    symbols: str | Iterable[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    timeframes: str | Iterable[str] | None = None,
    as_of: datetime | str | None = None,
    as_: Format = "pandas",
    url: str | None = None,
) -> Any:
    """Return what is known of each session of each stored timeframe, by symbol, timeframe and trade date.

    The columns are those of ``tradematrix coverage --json``, apart from a session whose attempts are exhausted: there
    ``next_attempt`` is null, and ``exhausted`` true. ``longest_gap`` is in minutes.

    Args:
        symbols: one name, or several; ``None`` = all active ones.
        start: the first trade date; ``None`` = 30 days before the last.
        end: the last one, included; ``None`` = tomorrow.
        timeframes: one, or several; ``None`` = all.
        as_of: what was known at this instant. Attempts, and when the next one is, are not kept: they are null.
        as_: ``pandas``, ``arrow`` or ``polars``.
        url: the database to read; ``None`` = that of the settings.
    """
    check_format(as_)
    wanted = _timeframes(timeframes)
    first, last = parse_date(start, "start"), parse_date(end, "end")
    with open_to_read(url) as (settings, database):
        now = database.clock.now()
        at = parse_instant(as_of, "as_of", now)
        last = last or (at or now).date() + timedelta(days=1)
        first = first or last - LOOKBACK
        if first > last:
            raise UsageError(f"start={first} is after end={last}: swap them")
        chosen = select_symbols(database, symbols)
        rows = coverage_rows(database, settings, chosen, wanted, (first, last), now=at or now, as_of=at)
    return convert(table_of([_row(row) for row in rows], SCHEMA), as_)


def _timeframes(names: str | Iterable[str] | None) -> list[Timeframe]:
    if names is None:
        return list(Timeframe)
    try:
        return [Timeframe(name) for name in ([names] if isinstance(names, str) else names)]
    except ValueError as error:
        raise UsageError(f"{error}: those that are stored are {', '.join(Timeframe)}") from None


def _row(row: Mapping[str, object]) -> dict[str, object]:
    if "next_attempt" not in row:
        return dict(row)
    exhausted = row["next_attempt"] == "exhausted"
    return {**row, "next_attempt": None if exhausted else row["next_attempt"], "exhausted": exhausted}
