"""Judging sessions that are stored without a verdict: those of a database from before there were verdicts.

Here: reading a symbol's candles, judging them in order, and storing the verdicts. Not here: the judgement
(``quality``), nor that of sessions that are just fetched (``ingest.judging``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby

from tradematrix_pipelines.candles.coverage import Coverage, Verdict
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.judging import SessionJudge, covered, like_finer
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.judge import Judgement
from tradematrix_pipelines.storage.coverage import read_unjudged, write_verdicts
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judgements import read_record, write_judgements
from tradematrix_pipelines.storage.stamps import stamp

_AT_ONCE = timedelta(days=31)


def judge_unjudged(database: Database, symbol: Symbol, first: date, last: date) -> int:
    """Judge the complete, final sessions between two trade dates that have no verdict; return how many they are.

    Each by its finest complete candles. The coarser series of a session have its verdict, but for official days, which
    are judged by themselves and against the candles of their session.
    """
    unjudged = read_unjudged(database.engine, symbol, first, last)
    for _, group in groupby(unjudged, key=lambda coverage: (coverage.trade_date - first) // _AT_ONCE):
        batches, now = list(_judged(database, symbol, list(group))), database.clock.now()
        with database.engine.begin() as connection:
            stamp(connection, now)
            for batch in batches:
                write_judgements(connection, batch, now=now)
                write_verdicts(connection, batch)
    return len({coverage.trade_date for coverage in unjudged})


def _judged(database: Database, symbol: Symbol, unjudged: Sequence[Coverage]) -> Iterator[SeriesBatch]:
    calendar = calendar_of(symbol)
    days = sorted({coverage.trade_date for coverage in unjudged})
    judge = SessionJudge(
        symbol, calendar=calendar, dates=days, record=read_record(database.engine, symbol), now=database.clock.now()
    )
    verdicts: dict[date, Coverage] = {}
    for timeframe in Timeframe:
        rows = {coverage.trade_date: coverage for coverage in unjudged if coverage.timeframe is timeframe}
        is_own = timeframe is Timeframe.D1 and not symbol.quotes_all_day
        sessions = [
            session
            for day in sorted(rows)
            if (is_own or day not in verdicts) and (session := calendar.session(day)) is not None
        ]
        judgements = {}
        if sessions:
            candles = database.candles.series(symbol, timeframe, sessions[0].opens_at, sessions[-1].closes_at)
            judgements = judge.judge(rows.values(), candles, timeframe=timeframe, sessions=sessions, stored=True)
            judgements = {day: _as_stored(judgement) for day, judgement in judgements.items()}
            for judgement in judgements.values():
                judge.amend(timeframe, judgement)
        coverage = [
            covered(row, judgements) if day in judgements else like_finer(row, verdicts.get(day))
            for day, row in rows.items()
        ]
        verdicts = {row.trade_date: row for row in coverage if row.verdict is not None} | verdicts
        yield SeriesBatch(
            symbol=symbol, timeframe=timeframe, coverage=tuple(coverage), source="", judgements=judgements
        )


def _as_stored(judgement: Judgement) -> Judgement:
    """Return the judgement of a session that is stored already: what would be refused on arrival is doubtful."""
    refused = judgement.verdict is Verdict.REFUSED
    return replace(judgement, verdict=Verdict.DOUBTFUL) if refused else judgement
