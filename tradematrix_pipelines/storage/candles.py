"""Writing candles and reading them back.

One way in: :func:`write`. It makes the stored session equal to the batch: new candles are inserted, different ones
revised, withdrawn ones deleted, equal ones left alone. Candles, rejections and coverage go into one transaction, so a
session is stored whole or not at all. What is released from quarantine leaves it in the same transaction.
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection as PsycopgConnection
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.copy import COPY_COLUMNS, HEADER, TRAILER, encode
from tradematrix_pipelines.storage.coverage import settle_coverage, write_coverage
from tradematrix_pipelines.storage.judgements import write_judgements
from tradematrix_pipelines.storage.rejections import release_rejections, write_rejections
from tradematrix_pipelines.storage.stamps import stamp
from tradematrix_pipelines.tracing import span

_COPY = SQL("COPY {} ({}) FROM STDIN WITH (FORMAT binary)")

# The range in the ON clause keeps the merge from reading the whole table. Where only the vendor differs, it is
# updated too: a session is from one vendor. That is no revision: the table's trigger keeps none, and stored_at stays.
# Where values differ, the trigger sets stored_at.
_MERGE = text("""
    MERGE INTO ohlc AS t USING staged_ohlc AS s
    ON t.symbol_id = ANY(:symbol_ids) AND t.timeframe = CAST(:timeframe AS ohlc_timeframe)
       AND t.ts BETWEEN :first AND :last
       AND s.symbol_id = t.symbol_id AND s.timeframe = t.timeframe AND s.ts = t.ts
    WHEN MATCHED AND (t.open, t.high, t.low, t.close, t.volume, t.source)
                     IS DISTINCT FROM (s.open, s.high, s.low, s.close, s.volume, s.source) THEN
        UPDATE SET open = s.open, high = s.high, low = s.low, close = s.close, volume = s.volume, source = s.source
    WHEN NOT MATCHED AND s.timeframe = CAST(:timeframe AS ohlc_timeframe) THEN
        INSERT (ts, open, high, low, close, volume, symbol_id, timeframe, source, stored_at)
        VALUES (s.ts, s.open, s.high, s.low, s.close, s.volume, s.symbol_id, s.timeframe, s.source, s.stored_at)
""")
# Rows of whole sessions that are stored and not in the batch. Materialized, because they are few: the sessions are then
# compared with those rows only, not with every row.
_WITHDRAW = text("""
    WITH extra AS MATERIALIZED (
        SELECT t.symbol_id, t.ts FROM ohlc AS t
        WHERE t.symbol_id = ANY(:symbol_ids) AND t.timeframe = CAST(:timeframe AS ohlc_timeframe)
          AND t.ts BETWEEN :first AND :last
          AND NOT EXISTS (SELECT FROM staged_ohlc AS s
              WHERE s.symbol_id = t.symbol_id AND s.timeframe = CAST(:timeframe AS ohlc_timeframe) AND s.ts = t.ts)
    ), withdrawn AS (
        DELETE FROM ohlc AS t
        USING extra,
            unnest(CAST(:whole AS int[]), CAST(:opens AS timestamptz[]), CAST(:closes AS timestamptz[]))
                AS session (symbol_id, opens_at, closes_at)
        WHERE t.symbol_id = extra.symbol_id AND t.timeframe = CAST(:timeframe AS ohlc_timeframe) AND t.ts = extra.ts
          AND session.symbol_id = extra.symbol_id AND extra.ts >= session.opens_at AND extra.ts < session.closes_at
        RETURNING t.*
    )
    INSERT INTO ohlc_revisions
        (ts, open, high, low, close, volume, symbol_id, timeframe, source, withdrawn, stored_at, revised_at)
    SELECT ts, open, high, low, close, volume, symbol_id, timeframe, source, true, stored_at,
        greatest(tradematrix_now(), stored_at)
    FROM withdrawn
""")
_COUNT = text("""
    SELECT count(*) FROM ohlc WHERE symbol_id = :symbol_id AND timeframe = CAST(:timeframe AS ohlc_timeframe)
        AND ts BETWEEN :first AND :last
""")
# Those of this transaction: others may have the same stamp.
_COUNT_REVISED = text("""
    SELECT count(*) FROM ohlc_revisions
    WHERE xmin = pg_current_xact_id()::xid AND symbol_id = :symbol_id AND timeframe = CAST(:timeframe AS ohlc_timeframe)
      AND ts BETWEEN :first AND :last AND NOT withdrawn
""")


class RefusedCandles(TradeMatrixError):
    """A candle passed the screening and violates the table's constraints."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What a write changed.

    Attributes:
        inserted: candles that were not there.
        revised: candles that had other values; the old ones are in ``ohlc_revisions``.
        withdrawn: candles that the vendor no longer has; they are in ``ohlc_revisions``.
        rejected: candles newly put into ``rejected_candles``.
    """

    inserted: int = 0
    revised: int = 0
    withdrawn: int = 0
    rejected: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(
            inserted=self.inserted + other.inserted,
            revised=self.revised + other.revised,
            withdrawn=self.withdrawn + other.withdrawn,
            rejected=self.rejected + other.rejected,
        )


def write(engine: Engine, batches: Sequence[SeriesBatch], *, now: datetime) -> Written:
    """Store ``batches`` in one transaction and return what changed.

    Writers of one series wait for each other; writers of different series don't. Where the batch does not supersede a
    stored session (``candles.coverage.supersedes``), the stored one is kept, and its coverage says why.

    Args:
        engine: the market database.
        batches: at most one per series and range; candles sorted by ``ts``, each ``ts`` once.
        now: stamped on all that changes, aware, UTC.

    Raises:
        ValueError: candles out of order or doubled, or a symbol without id.
        RefusedCandles: one breaks the table's constraints; nothing is stored.
    """
    for batch in batches:
        if not batch.candles["ts"].is_monotonic_increasing or not batch.candles["ts"].is_unique:
            msg = f"{batch.symbol.name} {batch.timeframe}: candles must be sorted by ts, each ts once"
            raise ValueError(msg)
    try:
        with (
            span("store", series=len(batches), candles=sum(len(batch.candles) for batch in batches)),
            engine.begin() as connection,
        ):
            stamp(connection, now)
            lock_series(connection, [(batch.symbol, batch.timeframe) for batch in batches])
            settled = [settle_coverage(connection, batch) for batch in batches]
            written = _write_candles(connection, [batch for batch in settled if len(batch.candles)], now=now)
            rejected = sum(write_rejections(connection, batch, now=now) for batch in settled)
            for batch in settled:
                release_rejections(connection, batch)
                write_judgements(connection, batch, now=now)
                write_coverage(connection, batch, now=now)
    except (psycopg.IntegrityError, IntegrityError) as error:
        raise RefusedCandles(f"the table refused a candle, nothing of its batch is stored: {error}") from error
    return replace(written, rejected=rejected)


def lock_series(connection: Connection, series: Iterable[tuple[Symbol, Timeframe]]) -> None:
    """Lock series to the end of the transaction: their other writers wait."""
    # In sorted order, so that two writers of several series can't deadlock.
    for key in sorted({_lock_key(symbol, timeframe) for symbol, timeframe in series}):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _lock_key(symbol: Symbol, timeframe: Timeframe) -> int:
    digest = hashlib.blake2b(f"ohlc {symbol.id} {timeframe}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _write_candles(connection: Connection, batches: Sequence[SeriesBatch], *, now: datetime) -> Written:
    stored = [connection.execute(_COUNT, _range(batch)).scalar_one() for batch in batches]
    fresh = [batch for batch, count in zip(batches, stored, strict=True) if not count]
    copy_candles(connection, fresh, table="ohlc", now=now)
    written = Written(inserted=sum(len(batch.candles) for batch in fresh))
    existing = [(batch, count) for batch, count in zip(batches, stored, strict=True) if count]
    if existing:
        connection.execute(text("SET LOCAL work_mem = '64MB'"))
        connection.execute(text("CREATE TEMP TABLE staged_ohlc (LIKE ohlc) ON COMMIT DROP"))
        copy_candles(connection, [batch for batch, _ in existing], table="staged_ohlc", now=now)
    for timeframe in dict.fromkeys(batch.timeframe for batch, _ in existing):
        written += _merge(connection, [(batch, count) for batch, count in existing if batch.timeframe is timeframe])
    return written


def _merge(connection: Connection, staged: Sequence[tuple[SeriesBatch, int]]) -> Written:
    """Make the table equal to staged batches of one timeframe, each with the number of rows that its range holds.

    One statement for all of them: each reads the whole staging table.
    """
    ranges = [_range(batch) for batch, _ in staged]
    where = {
        "symbol_ids": [key["symbol_id"] for key in ranges],
        "timeframe": ranges[0]["timeframe"],
        "first": min(key["first"] for key in ranges),
        "last": max(key["last"] for key in ranges),
    }
    with span("merge", timeframe=str(ranges[0]["timeframe"]), series=len(staged)):
        merged = connection.execute(_MERGE, where).rowcount
    whole = [(batch.symbol.id, session) for batch, _ in staged for session in _whole_sessions(batch)]
    withdrawn = 0
    if whole:
        bounds = {
            "whole": [symbol_id for symbol_id, _ in whole],
            "opens": [session.opens_at for _, session in whole],
            "closes": [session.closes_at for _, session in whole],
        }
        withdrawn = connection.execute(_WITHDRAW, where | bounds).rowcount
    if not merged:
        return Written(withdrawn=withdrawn)
    stored = sum(connection.execute(_COUNT, key).scalar_one() for key in ranges)
    return Written(
        inserted=stored - sum(count for _, count in staged) + withdrawn,
        revised=sum(connection.execute(_COUNT_REVISED, key).scalar_one() for key in ranges),
        withdrawn=withdrawn,
    )


def _whole_sessions(batch: SeriesBatch) -> list[Coverage]:
    """Return the sessions of which the batch has all candles that the vendor has."""
    if not batch.whole:
        return []
    answered = (Status.COMPLETE, Status.PARTIAL)
    return [session for session in batch.coverage if session.status in answered and not session.error]


def copy_candles(connection: Connection, batches: Sequence[SeriesBatch], *, table: str, now: datetime) -> None:
    """COPY the candles of ``batches``, unchanged, into ``table``, which has the columns of ``ohlc``.

    Args:
        now: their ``stored_at``.
    """
    if not batches:
        return
    statement = _COPY.format(Identifier(table), SQL(", ").join(map(Identifier, COPY_COLUMNS)))
    driver: PsycopgConnection[Any] | None = connection.connection.driver_connection
    if driver is None:
        msg = "the connection is closed"
        raise RuntimeError(msg)
    rows = sum(len(batch.candles) for batch in batches)
    with span("copy", table=table, rows=rows), driver.cursor() as cursor, cursor.copy(statement) as copy:
        for data in itertools.chain([HEADER], *(encode(batch, stored_at=now) for batch in batches), [TRAILER]):
            copy.write(data)


def _range(batch: SeriesBatch) -> dict[str, Any]:
    """Return the range of the series that the batch covers: its candles, and its whole sessions."""
    ts, sessions = batch.candles["ts"], _whole_sessions(batch)
    return {
        "symbol_id": batch.symbol.id,
        "timeframe": str(batch.timeframe),
        "first": min([ts.iloc[0].to_pydatetime(), *(session.opens_at for session in sessions if session.opens_at)]),
        "last": max([ts.iloc[-1].to_pydatetime(), *(session.closes_at for session in sessions if session.closes_at)]),
    }
