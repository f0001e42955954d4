"""What counts as having happened: not open sessions, closed days, attempts without result, or levels as they were."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import insert

from tradematrix_pipelines.alerts.detectors import Incident, IncidentKind
from tradematrix_pipelines.candles.coverage import Coverage, Status, closed_day
from tradematrix_pipelines.candles.frame import as_candles, empty_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.levels.pivots import Method, Pivots
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.activity import (
    SpentCredits,
    changed_incidents,
    published_levels,
    revised_sessions,
    spent_credits,
    stored_sessions,
)
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.incidents import record
from tradematrix_pipelines.storage.levels import write_levels
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.storage.tables import vendor_credits

DAY = date(2026, 11, 20)
OPENS, CLOSES = datetime(2026, 11, 20, 8, tzinfo=UTC), datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
FIRST, MINUTE = datetime(2026, 11, 20, 17, tzinfo=UTC), timedelta(minutes=1)
WHOLE = Coverage(
    timeframe=Timeframe.M1, trade_date=DAY, status=Status.COMPLETE, final=True, expected=3, received=3,
    source="files", opens_at=OPENS, closes_at=CLOSES,
)  # fmt: skip


def dax(database: Database) -> Symbol:
    return find_symbols(database.engine, ["DAX"])[0]


def minutes(count: int, *, close: float = 24_000.0) -> pd.DataFrame:
    ts = pd.date_range(OPENS, periods=count, freq="1min")
    return as_candles(pd.DataFrame({"ts": ts, "open": 24_000.0, "high": 24_100.0, "low": 23_900.0, "close": close}))


def store(database: Database, *coverage: Coverage, candles: pd.DataFrame, now: datetime) -> None:
    batch = SeriesBatch(
        symbol=dax(database), timeframe=Timeframe.M1, candles=candles, coverage=coverage, source="files"
    )
    write(database.engine, [batch], now=now)


def sessions(database: Database, since: datetime = OPENS) -> list[tuple[datetime, Mapping[Timeframe, Status]]]:
    stored = stored_sessions(database.engine, [dax(database)], since=since)
    return [(session.at, session.statuses) for session in stored]


def test_a_session_happens_when_it_is_stored_or_fails(database: Database) -> None:
    failed = replace(WHOLE, status=Status.FAILED, received=0, error="down")
    store(database, replace(WHOLE, final=False, received=2, expected=2), candles=minutes(2), now=OPENS + 3 * MINUTE)
    store(database, closed_day(date(2026, 11, 21), Timeframe.M1), candles=empty_candles(), now=FIRST)
    assert sessions(database) == []
    store(database, replace(WHOLE, status=Status.PARTIAL, received=2), candles=minutes(2), now=FIRST)
    store(database, failed, candles=empty_candles(), now=FIRST + MINUTE)
    store(database, WHOLE, candles=minutes(3), now=FIRST + 2 * MINUTE)
    store(database, WHOLE, candles=minutes(3, close=24_050.0), now=FIRST + 3 * MINUTE)
    partial, complete = sessions(database)
    assert partial == (FIRST, {Timeframe.M1: Status.PARTIAL})
    assert complete == (FIRST + 2 * MINUTE, {Timeframe.M1: Status.COMPLETE})
    assert sessions(database, FIRST + MINUTE) == [complete]
    [revised] = revised_sessions(database.engine, [dax(database)], since=FIRST)
    assert (revised.at, revised.trade_date, revised.revised, revised.withdrawn) == (FIRST + 3 * MINUTE, DAY, 3, 0)


def test_withdrawn_candles_are_counted_by_themselves(database: Database) -> None:
    store(database, WHOLE, candles=minutes(3), now=FIRST)
    fewer = replace(WHOLE, status=Status.PARTIAL, received=1)
    store(database, fewer, candles=minutes(1, close=24_050.0), now=FIRST + MINUTE)
    [revised] = revised_sessions(database.engine, [dax(database)], since=FIRST)
    assert (revised.timeframes, revised.revised, revised.withdrawn) == (["1m"], 1, 2)
    assert revised_sessions(database.engine, [dax(database)], since=FIRST + 2 * MINUTE) == []
    assert revised_sessions(database.engine, find_symbols(database.engine, ["NDX"]), since=FIRST) == []


def test_only_the_first_levels_are_published(database: Database) -> None:
    for minute, pivot in enumerate((1.0, 1.0, 2.0)):
        pivots: list[tuple[Symbol, date, Pivots]] = [(dax(database), DAY, Pivots(Method.CLASSIC, pivot))]
        write_levels(database.engine, pivots=pivots, now=FIRST + minute * MINUTE)
    [levels] = published_levels(database.engine, [dax(database)], since=FIRST)
    assert (levels.at, levels.trade_date, levels.kinds, levels.daily) == (FIRST, DAY, ["classic"], None)
    assert published_levels(database.engine, [dax(database)], since=FIRST + MINUTE) == []


def test_incidents_that_opened_or_closed_since(database: Database) -> None:
    kind = IncidentKind.STALE_MARKET
    for minute, keys in enumerate(("a", "ab", "b")):
        current = [Incident(key=key, kind=kind, message=key) for key in keys]
        record(database.engine, current, kinds=[kind], now=FIRST + minute * MINUTE)
    for minute, keys in enumerate(("ab", "ab", "a", "")):
        incidents = changed_incidents(database.engine, since=FIRST + minute * MINUTE)
        assert "".join(incident.key for incident in incidents) == keys


def test_credits_are_summed_by_vendor_and_purpose(database: Database) -> None:
    def booked(minute: int, purpose: str, amount: int) -> dict[str, Any]:
        at = FIRST + minute * MINUTE
        return {"vendor": "files", "reserved_at": at, "credits": amount, "purpose": purpose, "settled": True}

    rows = [
        booked(0, "live", 9),
        booked(1, "live", 2),
        booked(2, "live", 3),
        booked(3, "plan", 0),
        booked(4, "close", 1),
    ]
    with database.engine.begin() as connection:
        connection.execute(insert(vendor_credits), rows)
    assert spent_credits(database.engine, since=FIRST + MINUTE) == [
        SpentCredits(at=FIRST + 4 * MINUTE, vendor="files", purpose="close", credits=1),
        SpentCredits(at=FIRST + 2 * MINUTE, vendor="files", purpose="live", credits=5),
    ]
