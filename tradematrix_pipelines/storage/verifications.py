"""What vendors said of stored sessions when they were asked for again.

Here: reading and writing it, the sample of sessions that are due, and drift. Not here: asking (``verifying``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, func, select, text
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.ingest.verifying import Verification
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.verification import Comparison, Outcome
from tradematrix_pipelines.storage.tables import verifications

RECENT = timedelta(days=30)
"""How far back drift looks; what was verified since comes last in a sample."""

# What was fetched, not resampled: the finest complete series of a session, and the official day of symbols that have
# one. The order is that of a hash of the seed, so that a seed names a sample.
_SAMPLE = text("""
    WITH complete AS (
        SELECT symbol_id, timeframe, trade_date FROM session_coverage
        WHERE symbol_id = ANY(:symbol_ids) AND trade_date BETWEEN :first AND :last
            AND status = 'complete' AND final AND received > 0 AND source = ANY(:vendors) AND closes_at <= :now
            AND pruned_at IS NULL
    ), finest AS (
        SELECT DISTINCT ON (symbol_id, trade_date) * FROM complete WHERE timeframe <> '1d'
        ORDER BY symbol_id, trade_date, timeframe
    ), candidates AS (
        SELECT * FROM finest
        UNION ALL
        SELECT * FROM complete AS c WHERE timeframe = '1d' AND (symbol_id = ANY(:with_official_days)
            OR NOT EXISTS (SELECT FROM finest AS f WHERE f.symbol_id = c.symbol_id AND f.trade_date = c.trade_date))
    )
    SELECT symbol_id, timeframe::text, trade_date FROM candidates AS c
    ORDER BY EXISTS (
            SELECT FROM verifications AS v WHERE v.symbol_id = c.symbol_id AND v.timeframe = c.timeframe
                AND v.trade_date = c.trade_date AND v.verified_at > :recent
        ), md5(concat_ws('|', CAST(:seed AS text), symbol_id, timeframe, trade_date))
    LIMIT :most
""")
# What was stored after a verification is something else than what it was about.
_VERIFIED = """
    SELECT v.*, s.symbol, EXISTS (
            SELECT FROM session_coverage AS c
            JOIN ohlc AS o ON o.symbol_id = c.symbol_id AND o.timeframe = c.timeframe
                AND o.ts >= c.opens_at AND o.ts < c.closes_at
            WHERE c.symbol_id = v.symbol_id AND c.timeframe = v.timeframe AND c.trade_date = v.trade_date
                AND o.stored_at > v.verified_at
        ) OR EXISTS (
            SELECT FROM session_coverage AS c
            JOIN ohlc_revisions AS o ON o.symbol_id = c.symbol_id AND o.timeframe = c.timeframe
                AND o.ts >= c.opens_at AND o.ts < c.closes_at
            WHERE c.symbol_id = v.symbol_id AND c.timeframe = v.timeframe AND c.trade_date = v.trade_date
                AND o.revised_at > v.verified_at
        ) AS changed_since
    FROM verifications AS v JOIN market_symbols AS s ON s.id = v.symbol_id
    WHERE v.symbol_id = ANY(:symbol_ids)
"""
_BETWEEN = text(f"""{_VERIFIED} AND v.trade_date BETWEEN :first AND :last
    AND (CAST(:since AS timestamptz) IS NULL OR v.verified_at > :since OR v.outcome = :different)
""")
_DRIFT = text("""
    SELECT s.symbol, count(*) AS verified, count(*) FILTER (WHERE outcome = :different) AS different,
        max(largest) AS largest
    FROM verifications AS v JOIN market_symbols AS s ON s.id = v.symbol_id
    WHERE v.symbol_id = ANY(:symbol_ids) AND v.own AND v.outcome <> :unavailable AND v.verified_at > :since
    GROUP BY s.symbol ORDER BY s.symbol
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredVerification:
    """A verification, when it was, and whether the session's candles have changed since."""

    verification: Verification
    verified_at: datetime
    changed_since: bool

    @property
    def is_different(self) -> bool:
        """Whether what is stored now differs from what the vendor said, as far as is known."""
        return self.verification.comparison.outcome is Outcome.DIFFERENT and not self.changed_since


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """How far the vendor's past has moved away from what is stored of a symbol.

    Attributes:
        verified: sessions compared with their own vendor's; ``different``: how many of them differ.
        largest: largest difference of a price, in price units.
    """

    symbol: str
    verified: int
    different: int
    largest: float | None

    @property
    def share(self) -> float:
        """The part of the sessions that differ."""
        return self.different / self.verified


def sample_sessions(
    engine: Engine,
    symbols: Sequence[Symbol],
    *,
    vendors: Sequence[str],
    first: date,
    last: date,
    seed: str,
    most: int,
    now: datetime,
) -> list[tuple[Symbol, Timeframe, date]]:
    """Return a sample of the complete, final sessions between two trade dates, both included, in the seed's order.

    Args:
        vendors: those that can be asked: sessions of others are left out.
    """
    by_id = {symbol.id: symbol for symbol in symbols}
    terms = {
        "symbol_ids": list(by_id),
        "with_official_days": [symbol.id for symbol in symbols if not symbol.quotes_all_day],
        "vendors": list(vendors),
        "first": first,
        "last": last,
        "seed": seed,
        "most": most,
        "now": now,
        "recent": now - RECENT,
    }
    with engine.connect() as connection:
        rows = connection.execute(_SAMPLE, terms).all()
    return [(by_id[row.symbol_id], Timeframe(row.timeframe), row.trade_date) for row in rows]


def write_verification(engine: Engine, symbol: Symbol, verification: Verification, *, now: datetime) -> None:
    """Store what a vendor said of a session, in place of what it said before."""
    comparison = verification.comparison
    key = {
        "symbol_id": symbol.id,
        "timeframe": str(verification.timeframe),
        "trade_date": verification.trade_date,
        "vendor": verification.vendor,
    }
    values = {
        "own": verification.own,
        "outcome": str(comparison.outcome),
        **{name: getattr(comparison, name) for name in ("bars", "largest", "at", "what", "reason")},
        "verified_at": now,
    }
    statement = insert(verifications).values(key | values)
    with engine.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def read_verifications(
    engine: Engine, symbols: Sequence[Symbol], first: date, last: date, *, since: datetime | None = None
) -> dict[tuple[str, Timeframe, date], list[StoredVerification]]:
    """Return the verifications of the sessions between two trade dates, both included.

    By symbol's name, timeframe and trade date; the session's own vendor first.

    Args:
        since: of those before this instant, aware, only the ones that are different; ``None`` = all.
    """
    terms = {
        "symbol_ids": [symbol.id for symbol in symbols],
        "first": first,
        "last": last,
        "since": since,
        "different": str(Outcome.DIFFERENT),
    }
    stored: dict[tuple[str, Timeframe, date], list[StoredVerification]] = {}
    with engine.connect() as connection:
        for row in connection.execute(_BETWEEN, terms):
            stored.setdefault((row.symbol, Timeframe(row.timeframe), row.trade_date), []).append(_stored(row))
    return {key: sorted(rows, key=lambda row: not row.verification.own) for key, rows in stored.items()}


def count_verified(engine: Engine, *, since: datetime) -> int:
    """Return how many verifications there were at or after ``since``."""
    query = select(func.count()).select_from(verifications).where(verifications.c.verified_at >= since)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def read_drift(engine: Engine, symbols: Sequence[Symbol], *, since: datetime) -> list[Drift]:
    """Return the drift of each symbol that was verified since an instant, by name."""
    terms = {
        "symbol_ids": [symbol.id for symbol in symbols],
        "different": str(Outcome.DIFFERENT),
        "unavailable": str(Outcome.UNAVAILABLE),
        "since": since,
    }
    with engine.connect() as connection:
        return [Drift(**row) for row in connection.execute(_DRIFT, terms).mappings()]


def _stored(row: Row[Any]) -> StoredVerification:
    comparison = Comparison(
        outcome=Outcome(row.outcome), bars=row.bars, largest=row.largest, at=row.at, what=row.what, reason=row.reason
    )
    verification = Verification(
        symbol=row.symbol,
        timeframe=Timeframe(row.timeframe),
        trade_date=row.trade_date,
        vendor=row.vendor,
        own=row.own,
        comparison=comparison,
    )
    return StoredVerification(verification=verification, verified_at=row.verified_at, changed_since=row.changed_since)
