"""Judging sessions that are stored without a verdict: those of a database from before there were verdicts.

Here: reading a symbol's candles, judging them in order, and storing the verdicts. Not here: the judgement
(``quality``), nor that of sessions that are just fetched (``ingest.judging``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from tradematrix_pipelines.candles.coverage import Coverage, Verdict
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.judging import SessionJudge, covered
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.judge import Judgement
from tradematrix_pipelines.storage.coverage import read_coverage, write_verdicts
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judgements import read_record, write_judgements
from tradematrix_pipelines.storage.stamps import stamp

_DAYS_AT_ONCE = timedelta(days=30)


def judge_unjudged(database: Database, symbol: Symbol, first: date, last: date) -> int:
    """Judge the complete, final sessions between two trade dates that have no verdict; return how many they are.

    Each by its finest complete candles. The coarser series of a session have its verdict, but for official days, which
    are judged by themselves and against the candles of their session.
    """
    judged = 0
    while first <= last:
        end = min(last, first + _DAYS_AT_ONCE)
        rows = read_coverage(database.engine, [symbol], list(Timeframe), first, end)
        unjudged = [row.coverage for row in rows if _is_unjudged(row.coverage)]
        if unjudged:
            batches = list(_judged(database, symbol, unjudged))
            with database.engine.begin() as connection:
                stamp(connection, database.clock.now())
                for batch in batches:
                    write_judgements(connection, batch, now=database.clock.now())
                    write_verdicts(connection, batch)
            judged += len({coverage.trade_date for coverage in unjudged})
        first = end + timedelta(days=1)
    return judged


def _is_unjudged(coverage: Coverage) -> bool:
    return coverage.is_settled and coverage.verdict is None and coverage.received > 0


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
            covered(row, judgements) if day in judgements else _like(row, verdicts.get(day))
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


def _like(row: Coverage, finer: Coverage | None) -> Coverage:
    return row if finer is None else replace(row, verdict=finer.verdict, doubt=finer.doubt)
