"""Why a symbol's candles are later than its market's hours require. Pure.

Here: the sentence, from what is due and what is stored. Not here: what is due (``markets.freshness``), or where it is
reported.
"""

from datetime import datetime

from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.markets.freshness import Due, allowance, behind
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe


def why_late(
    symbol: Symbol,
    timeframe: Timeframe,
    due: Due,
    *,
    newest: datetime | None,
    finished: StoredCoverage | None,
    now: datetime,
) -> str | None:
    """Return why a series is late, in one line; ``None`` where it is fresh.

    Args:
        newest: open of the newest stored bar, aware; ``None`` where there is none.
        finished: coverage of the session ``due.finished``; ``None`` where there is none.
    """
    if due.running is None or timeframe.length is None:
        return _why_unfinished(due.finished, finished)
    # The last bar of a session may be cut short by its close.
    closed = None if newest is None else min(newest + timeframe.length, due.running.closes_at)
    return behind(due.running, closed, allowed=allowance(timeframe, symbol.gap_tolerance), now=now)


def _why_unfinished(session: Session, row: StoredCoverage | None) -> str | None:
    if row is None:
        return f"session {session.trade_date} is not stored"
    if not row.coverage.ok:
        return f"session {session.trade_date} is {row.coverage.status}: {row.coverage.reason()}"
    if not row.coverage.final:
        return f"session {session.trade_date} was still open when it was last fetched"
    return None
