"""The quarantine as a person sees it: rejected candles by session, single bars, and deleting them.

Here: reading and deleting. Not here: how bars get in and out with their session (``rejections``), or releasing them
(``releasing``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, Row, delete, text

from tradematrix_pipelines.candles.screen import Reason
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.tables import rejected_candles

# A daily bar has the date of its stamp, as the vendor gave it; one of a refused session opens with its session. A
# session opens up to three days before its trade date. Where the session is not known, there is no trade date.
_BARS = """
    SELECT r.*, s.symbol, CASE WHEN r.timeframe = '1d' AND r.reason <> :refused
        THEN (r.ts AT TIME ZONE 'UTC')::date ELSE c.trade_date END AS trade_date
    FROM rejected_candles AS r
    JOIN market_symbols AS s ON s.id = r.symbol_id
    LEFT JOIN session_coverage AS c ON c.symbol_id = r.symbol_id AND c.timeframe = r.timeframe
        AND c.trade_date BETWEEN (r.ts AT TIME ZONE 'UTC')::date AND (r.ts AT TIME ZONE 'UTC')::date + 3
        AND r.ts >= c.opens_at AND r.ts < c.closes_at
    WHERE r.symbol_id = ANY(:symbol_ids)
"""
_GROUPS = text(f"""
    SELECT symbol, timeframe::text, trade_date, reason, source, count(*) AS bars,
        min(ts) AS first, max(ts) AS last, max(rejected_at) AS newest
    FROM ({_BARS}) AS bars
    WHERE CAST(:since AS timestamptz) IS NULL OR rejected_at >= :since
    GROUP BY symbol, timeframe, trade_date, reason, source
    ORDER BY trade_date DESC NULLS LAST, symbol, timeframe, bars DESC
""")  # noqa: S608 - a constant
_OF_SESSION = text(f"SELECT * FROM ({_BARS}) AS bars WHERE trade_date = :trade_date ORDER BY timeframe, source, ts, id")  # noqa: S608 - a constant
_OF_IDS = text(f"SELECT * FROM ({_BARS}) AS bars WHERE id = ANY(:ids) ORDER BY timeframe, source, ts, id")  # noqa: S608 - a constant


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedGroup:
    """Rejected candles of one session of one series that have a reason and a vendor in common.

    Attributes:
        trade_date: ``None`` where no session is known at their time.
        first: time of the earliest bar, aware, UTC; ``None`` where it could not be read; ``last``: of the latest.
        newest: when the latest of them was rejected.
    """

    symbol: str
    timeframe: Timeframe
    trade_date: date | None
    reason: str
    source: str
    bars: int
    first: datetime | None
    last: datetime | None
    newest: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedBar:
    """One rejected candle: the vendor's values, and why it is none."""

    id: int
    symbol: str
    timeframe: Timeframe
    trade_date: date | None
    ts: datetime | None
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None
    reason: str
    source: str
    rejected_at: datetime


def read_groups(engine: Engine, symbols: Sequence[Symbol], *, since: datetime | None = None) -> list[RejectedGroup]:
    """Return what is in quarantine of these symbols, the latest sessions first.

    Args:
        since: leave out what was rejected before this instant, aware; ``None`` = nothing.
    """
    terms = {**_terms(symbols), "since": since}
    with engine.connect() as connection:
        return [
            RejectedGroup(**{**row, "timeframe": Timeframe(row["timeframe"])})
            for row in connection.execute(_GROUPS, terms).mappings()
        ]


def read_session_bars(engine: Engine, symbol: Symbol, trade_date: date) -> list[RejectedBar]:
    """Return the rejected candles of one session, by timeframe, vendor and time."""
    with engine.connect() as connection:
        rows = connection.execute(_OF_SESSION, {**_terms([symbol]), "trade_date": trade_date})
        return [_bar(row) for row in rows]


def read_bars(engine: Engine, symbols: Sequence[Symbol], ids: Collection[int]) -> list[RejectedBar]:
    """Return the rejected candles with these ids, of these symbols; an id that is not there is left out."""
    with engine.connect() as connection:
        return [_bar(row) for row in connection.execute(_OF_IDS, {**_terms(symbols), "ids": list(ids)})]


def drop_bars(engine: Engine, ids: Collection[int]) -> int:
    """Delete rejected candles for good; return how many."""
    with engine.begin() as connection:
        return connection.execute(delete(rejected_candles).where(rejected_candles.c.id.in_(ids))).rowcount


def _terms(symbols: Sequence[Symbol]) -> dict[str, Any]:
    return {"refused": str(Reason.REFUSED), "symbol_ids": [symbol.id for symbol in symbols]}


def _bar(row: Row[Any]) -> RejectedBar:
    values = {name: getattr(row, name) for name in RejectedBar.__dataclass_fields__}
    return RejectedBar(**values | {"timeframe": Timeframe(row.timeframe)})
