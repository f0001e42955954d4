"""Verifying a sample of stored sessions, within the day's allowance of credits.

Here: reading what is stored, and storing what vendors say of it. Nothing of the candles is changed. Not here: whom to
ask (``ingest.verifying``), or when (``defs.verification``).
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from tradematrix_pipelines.ingest.progress import Progress
from tradematrix_pipelines.ingest.verifying import StoredSession, Verification, verify_session
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.verifications import count_verified, write_verification
from tradematrix_pipelines.vendors.credits import VERIFY
from tradematrix_pipelines.vendors.errors import DayLimit, MinuteLimit
from tradematrix_pipelines.vendors.protocol import Vendor

_logger = logging.getLogger(__name__)


def allowance_left(database: Database, settings: Settings, now: datetime) -> int:
    """Return how many credits of the UTC day's allowance are left; calls that cost none count as one each."""
    ledger = open_ledger(database.engine, settings)
    booked = sum(ledger.usage(vendor, now).by_purpose.get(VERIFY, 0) for vendor in ledger.plans)
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(0, settings.verify_credits - max(booked, count_verified(database.engine, since=midnight)))


def verify(
    database: Database, vendors: Sequence[Vendor], sample: Sequence[tuple[Symbol, Timeframe, date]], *, allowance: int
) -> Iterator[Verification]:
    """Verify sessions in their order, store each result, and yield it, until the allowance is spent.

    Raises:
        DayLimit: the day's credits are spent before the first answer; MinuteLimit: the minute's are.
    """
    spent, answered = 0, 0
    for symbol, timeframe, day in sample:
        if spent >= allowance:
            return
        stored = _read(database, symbol, timeframe, day)
        if stored is None:
            continue
        progress, now = Progress(), database.clock.now()
        try:
            for verification in verify_session(vendors, stored, now=now, progress=progress):
                write_verification(database.engine, symbol, verification, now=now)
                answered += 1
                yield verification
        except (DayLimit, MinuteLimit) as limit:
            if not answered:
                raise
            _logger.warning("verification ends after %d answers: %s", answered, limit)
            return
        spent += max(progress.credits, progress.asked)


def _read(database: Database, symbol: Symbol, timeframe: Timeframe, day: date) -> StoredSession | None:
    """Return a session as it is stored, ``None`` where it is not complete any more."""
    session = calendar_of(symbol).session(day)
    rows = read_coverage(database.engine, [symbol], [timeframe], day, day)
    if session is None or not rows or not rows[0].coverage.is_settled or rows[0].coverage.source is None:
        return None
    if rows[0].coverage.is_pruned:
        return None
    return StoredSession(
        symbol=symbol,
        timeframe=timeframe,
        session=session,
        source=rows[0].coverage.source,
        candles=database.candles.series(symbol, timeframe, session.opens_at, session.closes_at),
    )
