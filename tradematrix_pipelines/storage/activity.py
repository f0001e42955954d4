"""What happened to sessions, candles, levels, incidents and credits since an instant.

Here: reading it, from the histories. Not here: levels that replaced others (``level_changes``), or how it is worded
(``cli.log``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, TextClause, func, or_, select, text

from tradematrix_pipelines.alerts.incidents import RecordedIncident
from tradematrix_pipelines.candles.coverage import Status
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.incidents import to_incident
from tradematrix_pipelines.storage.tables import incidents, vendor_credits

# A version that differs in other ways only, such as the reason of a failed attempt, stored nothing.
_STORED = text("""
    SELECT h.stored_at AS at, s.symbol, h.trade_date,
           array_agg(h.timeframe::text ORDER BY h.timeframe) AS timeframes,
           array_agg(h.coverage ->> 'status' ORDER BY h.timeframe) AS statuses
    FROM session_coverage_history AS h JOIN market_symbols AS s ON s.id = h.symbol_id
    WHERE h.stored_at >= :since AND h.symbol_id = ANY(:symbol_ids)
      AND (h.coverage ->> 'final')::boolean AND h.coverage ->> 'status' <> 'closed'
      AND NOT EXISTS (
          SELECT FROM session_coverage_history AS p
          WHERE p.symbol_id = h.symbol_id AND p.timeframe = h.timeframe AND p.trade_date = h.trade_date
            AND p.id < h.id AND p.replaced_at = h.stored_at
            AND (p.coverage -> 'final', p.coverage -> 'status', p.coverage -> 'received', p.coverage -> 'source')
              = (h.coverage -> 'final', h.coverage -> 'status', h.coverage -> 'received', h.coverage -> 'source'))
    GROUP BY h.stored_at, s.id, s.symbol, h.trade_date
    ORDER BY h.stored_at, s.id, h.trade_date
""")
_PUBLISHED = text("""
    SELECT h.published_at AS at, s.symbol, h.trade_date, array_agg(h.kind ORDER BY h.id) AS kinds,
           jsonb_agg(h.levels) FILTER (WHERE h.kind = 'daily') -> 0 AS daily
    FROM levels_history AS h JOIN market_symbols AS s ON s.id = h.symbol_id
    WHERE h.published_at >= :since AND h.symbol_id = ANY(:symbol_ids)
      AND NOT EXISTS (
          SELECT FROM levels_history AS p
          WHERE p.symbol_id = h.symbol_id AND p.trade_date = h.trade_date AND p.kind = h.kind AND p.id < h.id)
    GROUP BY h.published_at, s.id, s.symbol, h.trade_date
    ORDER BY h.published_at, s.id, h.trade_date
""")
# The dates keep the join from comparing every candle with every session.
_REVISED = text("""
    SELECT r.revised_at AS at, s.symbol, c.trade_date, array_agg(DISTINCT r.timeframe)::text[] AS timeframes,
           count(*) FILTER (WHERE NOT r.withdrawn) AS revised, count(*) FILTER (WHERE r.withdrawn) AS withdrawn
    FROM ohlc_revisions AS r JOIN market_symbols AS s ON s.id = r.symbol_id
    LEFT JOIN session_coverage AS c ON c.symbol_id = r.symbol_id AND c.timeframe = r.timeframe
        AND c.trade_date BETWEEN (r.ts AT TIME ZONE 'UTC')::date - 1 AND (r.ts AT TIME ZONE 'UTC')::date + 3
        AND r.ts >= c.opens_at AND r.ts < c.closes_at
    WHERE r.revised_at >= :since AND r.symbol_id = ANY(:symbol_ids)
    GROUP BY r.revised_at, s.id, s.symbol, c.trade_date
    ORDER BY r.revised_at, s.id, c.trade_date
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSession:
    """A session that has closed was stored, or failed: the status of each of its timeframes that changed."""

    at: datetime
    symbol: str
    trade_date: date
    statuses: Mapping[Timeframe, Status]


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedLevels:
    """The first levels of a session were published.

    Attributes:
        kinds: ``daily`` and pivot methods.
        daily: the row of the daily levels, by column; ``None`` where they are not among them.
    """

    at: datetime
    symbol: str
    trade_date: date
    kinds: Sequence[str]
    daily: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RevisedSession:
    """Candles of a session got other values, or were withdrawn.

    Attributes:
        trade_date: ``None`` where the candle is of no known session.
    """

    at: datetime
    symbol: str
    trade_date: date | None
    timeframes: Sequence[str]
    revised: int
    withdrawn: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SpentCredits:
    """Credits that were booked for a purpose, the last ones at ``at``."""

    at: datetime
    vendor: str
    purpose: str
    credits: int


def stored_sessions(engine: Engine, symbols: Sequence[Symbol], *, since: datetime) -> list[StoredSession]:
    """Return the sessions that were stored or failed, oldest first; open sessions and closed days are left out."""
    return [
        StoredSession(
            at=row["at"],
            symbol=row["symbol"],
            trade_date=row["trade_date"],
            statuses={
                Timeframe(timeframe): Status(status)
                for timeframe, status in zip(row["timeframes"], row["statuses"], strict=True)
            },
        )
        for row in _rows(engine, _STORED, symbols, since)
    ]


def published_levels(engine: Engine, symbols: Sequence[Symbol], *, since: datetime) -> list[PublishedLevels]:
    """Return the levels that were published and replaced none, oldest first."""
    return [PublishedLevels(**row) for row in _rows(engine, _PUBLISHED, symbols, since)]


def revised_sessions(engine: Engine, symbols: Sequence[Symbol], *, since: datetime) -> list[RevisedSession]:
    """Return the sessions of which candles were revised or withdrawn, oldest first."""
    return [RevisedSession(**row) for row in _rows(engine, _REVISED, symbols, since)]


def changed_incidents(engine: Engine, *, since: datetime) -> list[RecordedIncident]:
    """Return the incidents that opened or closed at ``since`` (aware) or later, oldest first."""
    columns = incidents.c
    query = select(incidents).where(or_(columns.opened_at >= since, columns.closed_at >= since)).order_by(columns.id)
    with engine.connect() as connection:
        return [to_incident(row) for row in connection.execute(query)]


def spent_credits(engine: Engine, *, since: datetime) -> list[SpentCredits]:
    """Return the credits booked at ``since`` (aware) or later, by vendor and purpose."""
    columns = vendor_credits.c
    spent = func.sum(columns.credits)
    query = (
        select(func.max(columns.reserved_at).label("at"), columns.vendor, columns.purpose, spent.label("credits"))
        .where(columns.reserved_at >= since)
        .group_by(columns.vendor, columns.purpose)
        .having(spent > 0)
        .order_by(columns.vendor, columns.purpose)
    )
    with engine.connect() as connection:
        return [SpentCredits(**row) for row in connection.execute(query).mappings()]


def _rows(engine: Engine, query: TextClause, symbols: Sequence[Symbol], since: datetime) -> list[dict[str, Any]]:
    terms = {"symbol_ids": [symbol.id for symbol in symbols], "since": since}
    with engine.connect() as connection:
        return [
            {str(name): value for name, value in row.items()} for row in connection.execute(query, terms).mappings()
        ]
