"""Writing candles and reading them back.

One way in: :func:`write`. It stores what is new, revises what differs, leaves alone what is the same, and puts
candles, rejections and coverage into one transaction, so a session is stored whole or not at all.
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection as PsycopgConnection
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from tradematrix_pipelines.candles.batch import SeriesBatch
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.storage.copy import COPY_COLUMNS, HEADER, TRAILER, encode
from tradematrix_pipelines.storage.coverage import write_coverage
from tradematrix_pipelines.storage.rejections import write_rejections

_COPY = SQL("COPY {} ({}) FROM STDIN WITH (FORMAT binary)")

# The range in the ON clause keeps the merge from reading the whole table; a source alone is no revision.
_MERGE = text("""
    MERGE INTO ohlc AS t USING staged_ohlc AS s
    ON t.symbol_id = :symbol_id AND t.timeframe = CAST(:timeframe AS ohlc_timeframe)
       AND t.ts BETWEEN :first AND :last
       AND s.symbol_id = t.symbol_id AND s.timeframe = t.timeframe AND s.ts = t.ts
    WHEN MATCHED AND (t.open, t.high, t.low, t.close, t.volume)
                     IS DISTINCT FROM (s.open, s.high, s.low, s.close, s.volume) THEN
        UPDATE SET open = s.open, high = s.high, low = s.low, close = s.close, volume = s.volume, source = s.source
    WHEN NOT MATCHED AND s.symbol_id = :symbol_id AND s.timeframe = CAST(:timeframe AS ohlc_timeframe) THEN
        INSERT (ts, open, high, low, close, volume, symbol_id, timeframe, source)
        VALUES (s.ts, s.open, s.high, s.low, s.close, s.volume, s.symbol_id, s.timeframe, s.source)
""")
_IS_TAKEN = text("""
    SELECT EXISTS (SELECT FROM ohlc WHERE symbol_id = :symbol_id
        AND timeframe = CAST(:timeframe AS ohlc_timeframe) AND ts BETWEEN :first AND :last)
""")
_COUNT_REVISED = text("SELECT count(*) FROM ohlc_revisions WHERE revised_at = now() AND symbol_id = ANY(:symbol_ids)")


class RefusedCandles(TradeMatrixError):
    """A candle got past the screening and was stopped by the table's own constraints."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What a write changed.

    Attributes:
        inserted: candles that were not there.
        revised: candles that had other values; the old ones are in ``ohlc_revisions``.
        rejected: candles newly put into ``rejected_candles``.
    """

    inserted: int = 0
    revised: int = 0
    rejected: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(
            inserted=self.inserted + other.inserted,
            revised=self.revised + other.revised,
            rejected=self.rejected + other.rejected,
        )


def write(engine: Engine, batches: Sequence[SeriesBatch], *, now: datetime) -> Written:
    """Store ``batches`` in one transaction and return what changed.

    Writers of one series wait for each other; writers of different series don't.

    Args:
        engine: the market database.
        batches: at most one per series and range; candles sorted by ``ts``, each ``ts`` once.
        now: stamped on coverage and rejections, aware, UTC.

    Raises:
        ValueError: candles out of order or doubled, or a symbol without id.
        RefusedCandles: one breaks the table's constraints; nothing is stored.
    """
    for batch in batches:
        if not batch.candles["ts"].is_monotonic_increasing or not batch.candles["ts"].is_unique:
            msg = f"{batch.symbol.name} {batch.timeframe}: candles must be sorted by ts, each ts once"
            raise ValueError(msg)
    try:
        with engine.begin() as connection:
            _lock(connection, batches)
            changed, revised = _write_candles(connection, [b for b in batches if len(b.candles)])
            rejected = sum(write_rejections(connection, batch, now=now) for batch in batches)
            for batch in batches:
                write_coverage(connection, batch, now=now)
    except (psycopg.IntegrityError, IntegrityError) as error:
        raise RefusedCandles(f"the table refused a candle, nothing of its batch is stored: {error}") from error
    return Written(inserted=changed - revised, revised=revised, rejected=rejected)


def _lock(connection: Connection, batches: Iterable[SeriesBatch]) -> None:
    # In sorted order, so that two writers of several series can't wait for each other in a circle.
    for key in sorted({_lock_key(batch) for batch in batches}):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _lock_key(batch: SeriesBatch) -> int:
    digest = hashlib.blake2b(f"ohlc {batch.symbol.id} {batch.timeframe}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _write_candles(connection: Connection, batches: Sequence[SeriesBatch]) -> tuple[int, int]:
    fresh: list[SeriesBatch] = []
    merged: list[SeriesBatch] = []
    for batch in batches:
        taken = connection.execute(_IS_TAKEN, _range(batch)).scalar_one()
        (merged if taken else fresh).append(batch)
    copy_candles(connection, fresh, table="ohlc")
    changed = sum(len(batch.candles) for batch in fresh)
    if not merged:
        return changed, 0
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    connection.execute(text("CREATE TEMP TABLE staged_ohlc (LIKE ohlc) ON COMMIT DROP"))
    copy_candles(connection, merged, table="staged_ohlc")
    changed += sum(connection.execute(_MERGE, _range(batch)).rowcount for batch in merged)
    symbol_ids = [batch.symbol.id for batch in merged]
    revised = connection.execute(_COUNT_REVISED, {"symbol_ids": symbol_ids}).scalar_one()
    return changed, revised


def copy_candles(connection: Connection, batches: Sequence[SeriesBatch], *, table: str) -> None:
    """COPY the candles of ``batches`` into ``table``, which has the columns of ``ohlc``, as they are."""
    if not batches:
        return
    statement = _COPY.format(Identifier(table), SQL(", ").join(map(Identifier, COPY_COLUMNS)))
    driver: PsycopgConnection[Any] | None = connection.connection.driver_connection
    if driver is None:
        msg = "the connection is closed"
        raise RuntimeError(msg)
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for data in itertools.chain([HEADER], *(encode(batch) for batch in batches), [TRAILER]):
            copy.write(data)


def _range(batch: SeriesBatch) -> dict[str, Any]:
    ts = batch.candles["ts"]
    return {
        "symbol_id": batch.symbol.id,
        "timeframe": str(batch.timeframe),
        "first": ts.iloc[0].to_pydatetime(),
        "last": ts.iloc[-1].to_pydatetime(),
    }
