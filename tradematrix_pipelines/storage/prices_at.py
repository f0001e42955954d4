"""Prices as they were at an instant: the last one, and the open, high and low of a session up to then."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, text

from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol

_LAST = text("""
    SELECT close, ts + interval '1 minute' AS at FROM ohlc
    WHERE symbol_id = :symbol_id AND timeframe = '1m' AND ts <= CAST(:at AS timestamptz) - interval '1 minute'
    ORDER BY ts DESC LIMIT 1
""")
_SESSION = text("""
    SELECT (array_agg(open ORDER BY ts))[1] AS open, max(high) AS high, min(low) AS low FROM ohlc
    WHERE symbol_id = :symbol_id AND timeframe = '1m' AND ts >= :opens_at AND ts < :closes_at
        AND ts <= CAST(:at AS timestamptz) - interval '1 minute'
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceAt:
    """A price, and when its minute closed, aware, UTC."""

    price: float
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionSoFar:
    """Prices of a session up to an instant."""

    open: float
    high: float
    low: float


def read_price_at(engine: Engine, symbol: Symbol, at: datetime) -> PriceAt | None:
    """Return the close of the newest stored minute that had closed at ``at`` (aware)."""
    with engine.connect() as connection:
        row = connection.execute(_LAST, {"symbol_id": symbol.id, "at": at}).one_or_none()
    return None if row is None else PriceAt(price=row.close, at=row.at.astimezone(UTC))


def read_session_so_far(engine: Engine, symbol: Symbol, session: Session, at: datetime) -> SessionSoFar | None:
    """Return the prices of a session's minutes that had closed at ``at``; ``None`` where none is stored.

    The open is that of the first stored minute, which is not the session's where its start is missing.
    """
    terms = {"symbol_id": symbol.id, "opens_at": session.opens_at, "closes_at": session.closes_at, "at": at}
    with engine.connect() as connection:
        row = connection.execute(_SESSION, terms).one()
    return None if row.open is None else SessionSoFar(open=row.open, high=row.high, low=row.low)
