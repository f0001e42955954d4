"""Releasing quarantined bars: reading what is stored of their session, and storing what becomes of it.

Here: a symbol's bars, session by session, the finest series first. Not here: which bars are released
(``ingest.releasing``), or the transaction in which they leave the quarantine (``candles``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import pandas as pd

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.candles.frame import TS_DTYPE, VALUES
from tradematrix_pipelines.ingest.judging import Record, SessionJudge
from tradematrix_pipelines.ingest.releasing import Quarantined, release
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Kind
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judgements import read_judged, read_record
from tradematrix_pipelines.storage.quarantine import RejectedBar, read_session_bars

_NO_SESSION = "no session of its symbol's calendar is known at its time"
_COLUMNS = ["id", "ts", *VALUES, "reason"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of the bars of one series, session and vendor.

    Attributes:
        released: how many became candles.
        stays: why a bar stays in quarantine, by its id.
        verdict: of the session, where bars were released; ``None`` where it was not judged.
        detail: what makes the session doubtful, where it is.
    """

    symbol: str
    timeframe: Timeframe
    trade_date: date | None
    source: str
    released: int
    stays: dict[int, str]
    verdict: Verdict | None = None
    detail: str | None = None


def release_bars(database: Database, symbol: Symbol, bars: Sequence[RejectedBar]) -> list[Outcome]:
    """Release what is sound of these bars of ``symbol``, and store it with its session's new coverage and verdict."""
    by_session = sorted(bars, key=lambda bar: (bar.trade_date or date.min, list(Timeframe).index(bar.timeframe)))
    return [
        outcome
        for day, of_day in groupby(by_session, key=lambda bar: bar.trade_date)
        for outcome in _of_day(database, symbol, day, list(of_day))
    ]


def _of_day(database: Database, symbol: Symbol, day: date | None, bars: Sequence[RejectedBar]) -> Iterator[Outcome]:
    calendar = calendar_of(symbol)
    session = None if day is None else calendar.session(day)
    record = read_record(database.engine, symbol)
    dates = [] if day is None else [day]
    judge = SessionJudge(symbol, calendar=calendar, dates=dates, record=record, now=database.clock.now())
    for (timeframe, source), group in groupby(bars, key=lambda bar: (bar.timeframe, bar.source)):
        of_series = list(group)
        if session is None or any(bar.ts is None for bar in of_series):
            stays = {bar.id: _NO_SESSION for bar in of_series}
            yield Outcome(
                symbol=symbol.name, timeframe=timeframe, trade_date=day, source=source, released=0, stays=stays
            )
            continue
        yield _of_series(database, symbol, session, of_series, judge=judge, record=record)


def _of_series(
    database: Database,
    symbol: Symbol,
    session: Session,
    bars: Sequence[RejectedBar],
    *,
    judge: SessionJudge,
    record: Record,
) -> Outcome:
    timeframe, source, day, now = bars[0].timeframe, bars[0].source, session.trade_date, database.clock.now()
    ids = {bar.id for bar in bars}
    beside = [
        bar
        for bar in read_session_bars(database.engine, symbol, day)
        if bar.timeframe is timeframe and bar.source == source and bar.id not in ids and bar.ts is not None
    ]
    stored = read_coverage(database.engine, [symbol], [timeframe], day, day)
    judged = read_judged(database.engine, [symbol], day, day).get((symbol.name, timeframe, day))
    quarantined = Quarantined(
        symbol=symbol,
        timeframe=timeframe,
        session=session,
        source=source,
        bars=_frame(bars),
        others=_frame(beside),
        stored=stored[0].coverage if stored else None,
        candles=database.candles.series(symbol, timeframe, session.opens_at, session.closes_at),
        was_refused=judged is not None and any(finding.kind is Kind.RELEASED for finding in judged.findings),
    )
    outcome = release(quarantined, judge=judge, record=record, now=now)
    if outcome.batches:
        write(database.engine, outcome.batches, now=now)
    row = outcome.batches[0].coverage[0] if outcome.batches else None
    return Outcome(
        symbol=symbol.name,
        timeframe=timeframe,
        trade_date=day,
        source=source,
        released=len(outcome.batches[0].released) if outcome.batches else 0,
        stays=dict(outcome.stays),
        verdict=row.verdict if row is not None else None,
        detail=row.doubt if row is not None else None,
    )


def _frame(bars: Sequence[RejectedBar]) -> pd.DataFrame:
    """Return bars as a frame by time, of equal times the one that was rejected first coming first."""
    ordered = sorted(bars, key=lambda bar: (bar.ts, bar.rejected_at, bar.id))
    frame = pd.DataFrame([[getattr(bar, name) for name in _COLUMNS] for bar in ordered], columns=_COLUMNS)
    frame["ts"] = pd.to_datetime(frame["ts"], utc=True)
    return frame.astype({"id": "int64", "ts": TS_DTYPE, **dict.fromkeys(VALUES, "float64"), "reason": "str"})
