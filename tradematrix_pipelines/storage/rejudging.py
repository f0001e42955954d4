"""Coverage after a calendar has changed, from the candles that are stored.

Here: judging stored sessions again by their new hours, without asking a vendor. Their verdicts are gone: ``judging``
makes new ones. Statements name the columns they use, so that a migration may call this too. Not here: the judgement
(``candles.coverage``).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from tradematrix_pipelines.candles.coverage import Status
from tradematrix_pipelines.candles.covering import cover
from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.markets.timeframes import Timeframe

# Pruned sessions stay as they are: they have no candles to judge. As JSON, since a migration has no such column yet.
_ROWS = text("""
    SELECT trade_date, status::text AS status, checked_at
    FROM session_coverage
    WHERE symbol_id = :symbol_id AND timeframe = CAST(:timeframe AS ohlc_timeframe) AND trade_date = ANY(:days)
      AND status <> 'closed' AND to_jsonb(session_coverage) ->> 'pruned_at' IS NULL
    ORDER BY trade_date
""")
_OPENS = text("""
    SELECT (extract(epoch FROM ts) * 1000000)::bigint FROM ohlc
    WHERE symbol_id = :symbol_id AND timeframe = CAST(:timeframe AS ohlc_timeframe) AND ts >= :start AND ts < :end
    ORDER BY ts
""")
_JUDGED = text("""
    UPDATE session_coverage SET status = CAST(:status AS coverage_status), final = :final, expected = :expected,
        received = :received, longest_gap = :longest_gap, opens_at = :opens_at, closes_at = :closes_at,
        verdict = NULL, doubt = NULL
    WHERE symbol_id = :symbol_id AND timeframe = CAST(:timeframe AS ohlc_timeframe) AND trade_date = :trade_date
""")
_CLOSED = text("""
    UPDATE session_coverage SET status = 'closed', final = true, expected = 0, received = 0, rejected = 0, outside = 0,
        longest_gap = 0, source = NULL, opens_at = NULL, closes_at = NULL, last_error = NULL, retry_at = NULL,
        transient = false, verdict = NULL, doubt = NULL
    WHERE symbol_id = ANY(:symbol_ids) AND trade_date = ANY(:days)
""")


def rejudge(
    connection: Connection,
    *,
    symbol_id: int,
    timeframe: Timeframe,
    sessions: Sequence[Session],
    gap_tolerance: int | None,
) -> None:
    """Judge the coverage rows of these sessions again, each as of its last attempt.

    A session that could not be fetched stays failed, and a closed day closed.

    Args:
        sessions: by their new hours, ascending, contiguous enough to read all candles from the first to the last.
    """
    if not sessions:
        return
    by_date = {session.trade_date: session for session in sessions}
    series = {"symbol_id": symbol_id, "timeframe": str(timeframe)}
    rows = connection.execute(_ROWS, {**series, "days": list(by_date)}).all()
    window = {"start": sessions[0].opens_at, "end": sessions[-1].closes_at}
    opens = np.array(connection.execute(_OPENS, {**series, **window}).scalars().all(), dtype="datetime64[us]")
    judged = [_judged(row, opens, timeframe, by_date[row.trade_date], gap_tolerance) for row in rows]
    if judged:
        connection.execute(_JUDGED, [{**series, **values} for values in judged])


def mark_closed(connection: Connection, symbol_ids: Iterable[int], days: Iterable[date]) -> None:
    """Make the coverage rows of these symbols and dates those of closed days."""
    connection.execute(_CLOSED, {"symbol_ids": list(symbol_ids), "days": list(days)})


def _judged(
    row: Any, opens: Instants, timeframe: Timeframe, session: Session, gap_tolerance: int | None
) -> Mapping[str, object]:
    begin, end = np.searchsorted(opens, [to_instant(session.opens_at), to_instant(session.closes_at)])
    coverage = cover(
        opens[begin:end], timeframe=timeframe, session=session, now=row.checked_at, gap_tolerance=gap_tolerance
    )
    failed = row.status == Status.FAILED and not coverage.received
    return {
        "trade_date": session.trade_date,
        "status": str(Status.FAILED if failed else coverage.status),
        "final": coverage.final,
        "expected": coverage.expected,
        "received": coverage.received,
        "longest_gap": coverage.longest_gap,
        "opens_at": session.opens_at,
        "closes_at": session.closes_at,
    }
