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

import numpy as np
import psycopg
from psycopg import Connection as PsycopgConnection
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.sessions import Instants, from_instant, to_instant
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.copy import COPY_COLUMNS, HEADER, TRAILER, encode
from tradematrix_pipelines.storage.coverage import settle_coverage, write_coverage
from tradematrix_pipelines.storage.differences import Mask, find_difference
from tradematrix_pipelines.storage.judgements import write_judgements
from tradematrix_pipelines.storage.rejections import release_rejections, write_rejections
from tradematrix_pipelines.tracing import span

# One statement, because a round trip more is a tenth of what it takes to store a day.
_STAMP_AND_LOCK = text("""
    SELECT set_config('tradematrix.now', :now, true),
        (SELECT count(pg_advisory_xact_lock(key)) FROM unnest(CAST(:keys AS bigint[])) AS key)
""")
_COPY = SQL("COPY {} ({}) FROM STDIN WITH (FORMAT binary)")

# The range keeps the update from reading the whole table. Where only the vendor differs, it is updated, too: a session
# is from one vendor. That is no revision: the table's trigger keeps none, and stored_at stays. Where values differ,
# the trigger sets stored_at.
_UPDATE = text("""
    UPDATE ohlc AS t
    SET open = s.open, high = s.high, low = s.low, close = s.close, volume = s.volume, source = s.source
    FROM staged_ohlc AS s
    WHERE t.symbol_id = ANY(:symbol_ids) AND t.timeframe = ANY(CAST(:timeframes AS ohlc_timeframe[]))
      AND t.ts BETWEEN :first AND :last
      AND t.symbol_id = s.symbol_id AND t.timeframe = s.timeframe AND t.ts = s.ts
""")
_WITHDRAW = text("""
    WITH withdrawn AS (
        DELETE FROM ohlc AS t USING unnest(CAST(:stamps AS timestamptz[])) AS extra (ts)
        WHERE t.symbol_id = :symbol_id AND t.timeframe = CAST(:timeframe AS ohlc_timeframe) AND t.ts = extra.ts
          AND t.ts BETWEEN :first AND :last
        RETURNING t.*
    )
    INSERT INTO ohlc_revisions
        (ts, open, high, low, close, volume, symbol_id, timeframe, source, withdrawn, stored_at, revised_at)
    SELECT ts, open, high, low, close, volume, symbol_id, timeframe, source, true, stored_at,
        greatest(tradematrix_now(), stored_at)
    FROM withdrawn
""")


class RefusedCandles(TradeMatrixError):
    """A candle passed the screening and violates the table's constraints."""


class InterferingWriter(TradeMatrixError):
    """Somebody else changed the series without its lock: nothing is stored, and a second try is in order."""


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
        InterferingWriter: somebody else deleted candles meanwhile; nothing is stored.
    """
    for batch in batches:
        ts = instants(batch.candles["ts"])
        if not (ts[1:] > ts[:-1]).all():
            msg = f"{batch.symbol.name} {batch.timeframe}: candles must be sorted by ts, each ts once"
            raise ValueError(msg)
    try:
        with (
            span("store", series=len(batches), candles=sum(len(batch.candles) for batch in batches)),
            engine.begin() as connection,
        ):
            stamp_and_lock(connection, [(batch.symbol, batch.timeframe) for batch in batches], now=now)
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


def stamp_and_lock(connection: Connection, series: Iterable[tuple[Symbol, Timeframe]], *, now: datetime) -> None:
    """Make ``now`` the time of the transaction (``stamps``), and lock series to its end: their other writers wait."""
    # In sorted order, so that two writers of several series can't deadlock.
    keys = sorted({_lock_key(symbol, timeframe) for symbol, timeframe in series})
    connection.execute(_STAMP_AND_LOCK, {"now": now.isoformat(), "keys": keys})


def _lock_key(symbol: Symbol, timeframe: Timeframe) -> int:
    digest = hashlib.blake2b(f"ohlc {symbol.id} {timeframe}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _write_candles(connection: Connection, batches: Sequence[SeriesBatch], *, now: datetime) -> Written:
    driver, written = _driver(connection), Written()
    new, changed = list[SeriesBatch](), list[SeriesBatch]()
    for batch in batches:
        first, last = _range(batch)
        with span("compare", candles=len(batch.candles)):
            difference = find_difference(driver, batch, first=first, last=last)
        new += _part(batch, difference.new)
        changed += _part(batch, difference.changed)
        written += Written(
            inserted=int(difference.new.sum()),
            revised=int(difference.revised.sum()),
            withdrawn=_withdraw(connection, batch, difference.missing),
        )
    copy_candles(connection, new, table="ohlc", now=now)
    if changed:
        _update(connection, changed, now=now)
    return written


def _part(batch: SeriesBatch, mask: Mask) -> list[SeriesBatch]:
    """Return the batch with these candles only, in a list that is empty where there are none."""
    if mask.all():
        return [batch]
    return [replace(batch, candles=batch.candles[mask])] if mask.any() else []


def _update(connection: Connection, batches: Sequence[SeriesBatch], *, now: datetime) -> None:
    # The comparison has just read what is to be updated: it is in memory, where random pages cost what others do.
    connection.execute(text("SET LOCAL work_mem = '64MB'; SET LOCAL random_page_cost = 1.1"))
    connection.execute(text("CREATE TEMP TABLE staged_ohlc (LIKE ohlc) ON COMMIT DROP"))
    copy_candles(connection, batches, table="staged_ohlc", now=now)
    where = {
        "symbol_ids": [batch.symbol.id for batch in batches],
        "timeframes": [str(batch.timeframe) for batch in batches],
        "first": min(batch.candles["ts"].iloc[0] for batch in batches).to_pydatetime(),
        "last": max(batch.candles["ts"].iloc[-1] for batch in batches).to_pydatetime(),
    }
    with span("update", series=len(batches)):
        updated = connection.execute(_UPDATE, where).rowcount
    if updated != (expected := sum(len(batch.candles) for batch in batches)):
        msg = f"others deleted {expected - updated} candles while they were compared; nothing is stored: run it again"
        raise InterferingWriter(msg)


def _withdraw(connection: Connection, batch: SeriesBatch, missing: Instants) -> int:
    """Delete the stored candles of whole sessions that are not in the batch, and return how many."""
    if not len(missing):
        return 0
    inside = np.zeros(len(missing), dtype=bool)
    for session in _whole_sessions(batch):
        if session.opens_at and session.closes_at:
            inside |= (missing >= to_instant(session.opens_at)) & (missing < to_instant(session.closes_at))
    if not inside.any():
        return 0
    stamps = [from_instant(instant) for instant in missing[inside]]
    key = {"symbol_id": batch.symbol.id, "timeframe": str(batch.timeframe), "stamps": stamps}
    return connection.execute(_WITHDRAW, key | {"first": stamps[0], "last": stamps[-1]}).rowcount


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
    rows = sum(len(batch.candles) for batch in batches)
    with span("copy", table=table, rows=rows), _driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for data in itertools.chain([HEADER], *(encode(batch, stored_at=now) for batch in batches), [TRAILER]):
            copy.write(data)


def _driver(connection: Connection) -> PsycopgConnection[Any]:
    driver: PsycopgConnection[Any] | None = connection.connection.driver_connection
    if driver is None:
        msg = "the connection is closed"
        raise RuntimeError(msg)
    return driver


def _range(batch: SeriesBatch) -> tuple[datetime, datetime]:
    """Return first and last instant that the batch covers: its candles, and its whole sessions."""
    ts, sessions = batch.candles["ts"], _whole_sessions(batch)
    return (
        min([ts.iloc[0].to_pydatetime(), *(session.opens_at for session in sessions if session.opens_at)]),
        max([ts.iloc[-1].to_pydatetime(), *(session.closes_at for session in sessions if session.closes_at)]),
    )
